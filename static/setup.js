// /setup/LINK: the organiser chooses the first password. Opening the page spends nothing, sending the form spends the link.
import { passwordForm } from "./password.js";

passwordForm("/api/setup", { link: decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1)) }, "/admin");
