// Commands to the server: one function, two ways to fail. `Refused` is an answer (nothing has changed); `Unreachable` is no
// answer, which says nothing about what happened: repeat it with the same id and it happens once.

/** The server said no. `code` is stable (docs/http.md); `body` is the whole answer, as a conflict carries the other sheet. */
export class Refused extends Error {
  constructor({ code, message, status, body, after }) {
    super(message);
    Object.assign(this, { name: "Refused", code, status, body, after, params: body?.error ?? {} });
  }
}

/** No answer of ours came: no network, too slow, or something between us and the server answered in its place. */
export class Unreachable extends Error {
  constructor(message) {
    super(message);
    Object.assign(this, { name: "Unreachable", code: "unreachable", params: {} });
  }
}

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

/** 22 random characters (132 bits). Not crypto.randomUUID: browsers hide it on plain http, where most venues are. */
export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(22)), (byte) => ALPHABET[byte & 63]).join("");
}

/**
 * Send a command, or ask; returns the parsed answer.
 *   body     an object (sent as JSON, with `id` added unless it has one) or FormData (sent as it is)
 *   id       the command's id; keep it and give it again to repeat the same command
 *   timeout  ms until it counts as unreachable
 */
export async function call(method, path, body, { id, timeout = 15000 } = {}) {
  const headers = { Accept: "application/json" };
  const form = body instanceof FormData;
  if (form && id) headers["Idempotency-Key"] = id;
  if (!form && method !== "GET") {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify({ ...body, id: id ?? body?.id ?? newId() });
  }
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeout);
  let answer, said;
  try {
    answer = await fetch(path, { method, headers, body, signal: stop.signal, cache: "no-store", credentials: "same-origin" });
    said = await answer.json();
  } catch {
    throw new Unreachable(`No answer to ${method} ${path}`);      // a page of HTML lands here too: a proxy's, or a hotel's sign-in
  } finally {
    clearTimeout(timer);
  }
  if (answer.ok) return said;
  const { code, message } = said?.error ?? {};
  if (!code) throw new Unreachable(`${method} ${path} was answered with ${answer.status} by somebody else`);
  throw new Refused({ code, message, status: answer.status, body: said, after: Number(answer.headers.get("Retry-After")) || null });
}
