// Asking over HTTP for the live channel: what an answer has to look like, whose it is, and what it means. It knows nothing of sockets.
import { SECOND } from "/static/live/clock.js";

export const isCursor = (it) => typeof it?.e === "string" && typeof it.h === "string" && typeof it.a === "string" && Number.isSafeInteger(it.s);
export const isEvent = (it) => Number.isSafeInteger(it?.s) && Number.isSafeInteger(it.p) && Array.isArray(it.m);

export const isNews = (it) => isCursor(it) && (it.mode === "reset" || (Array.isArray(it.events) && it.events.every(isEvent)));
export const isAdvice = (it) => typeof it?.recommend === "string";

/** Retry-After in ms, from seconds or a date; an hour at most. */
function retryAfter(answer, now) {
  const said = answer.headers.get("Retry-After");
  const ms = Number(said) * SECOND || Date.parse(said) - now || 0;
  return Math.min(Math.max(ms, 0), 3600 * SECOND);
}

/**
 * GET a thing that `fits`. Returns {body, after}, or {signedOut}, {notAllowed}, or {failed, after}: "foreign" when somebody
 * else answered in the server's place, as a hotel's wifi does with its sign-in page; "unreachable" otherwise. after: Retry-After in ms.
 */
export async function ask(path, fits, { clock, times }, { signal, patience = times.answer } = {}) {
  const stop = new AbortController(), giveUp = () => stop.abort();
  const timer = clock.after(patience, giveUp, "answer");
  signal?.addEventListener("abort", giveUp);
  try {
    const answer = await fetch(path, { cache: "no-store", credentials: "same-origin", redirect: "manual", headers: { Accept: "application/json" }, signal: stop.signal });
    return judged(answer, await answer.json().catch(() => null), fits, retryAfter(answer, clock.now()));
  } catch {
    return { failed: "unreachable" };
  } finally {
    clock.cancel(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}

/** Whose answer it is, and what it means. Only our own server's word signs a page out. */
function judged(answer, body, fits, after) {
  if (answer.ok && fits(body)) return { body, after };
  if (answer.ok || answer.type === "opaqueredirect") return { failed: "foreign", after };
  if (answer.status === 401 && body?.error?.code) return { signedOut: true };
  if (answer.status === 403 && body?.error?.code) return { notAllowed: true };
  return { failed: "unreachable", after };
}
