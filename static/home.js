// /: the closing times, in the reader's language and the venue's zone.
import { writeMoments } from "/static/moments.js";

writeMoments();
