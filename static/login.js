// /login: the organiser's password.
import { passwordForm } from "./password.js";

passwordForm("/api/login", {}, "/admin");
