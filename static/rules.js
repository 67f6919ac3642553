// /rules: the page stands as the server made it; only moments and days are written here, in the reader's language and the venue's zone.
import { writeMoments } from "/static/moments.js";

writeMoments();
