// /admin: what the page knows and how it acts. The store is kept by the live channel; every change goes through `send`.
import { signal } from "/static/ui.js";
import { call, newId, Refused, Unreachable } from "/static/api.js";
import { connect } from "/static/live.js";
import { ready, t } from "/static/words.js";

export const live = connect({ page: "admin" });
export const status = signal(live.status);
export const says = signal(live.says);
export const loaded = signal(false);

const changes = signal(0);
live.on("state", () => {
  // A restored contest may have another password: then this page is the public's, and says so after loading again.
  if (live.store.me.role !== "admin") location.reload();
  else loaded.value = true;
});
live.on("change", () => { changes.value++; });
live.on("status", (now) => { status.value = now; says.value = live.says; ready.then(() => announce(t(`live.${live.says}`))); });

/** The store; a component that calls this is drawn again when anything in it changes. */
export function store() {
  changes.value;
  return live.store;
}

const said = [];

/**
 * Say a change of state to those who cannot see it: one polite region for the page, and one in a dialog, which silences the page.
 * A moment later: a dialog that is about to close would take the words with it, and what comes together is said together.
 */
export function announce(text) {
  if (said.push(text) > 1) return;
  setTimeout(() => {
    const region = document.querySelector("dialog[open] [data-announce]") ?? document.querySelector("[data-announce]");
    if (region) region.textContent = said.join(" ");
    said.length = 0;
  }, 100);
}

// --- Commands ---------------------------------------------------------------

// Commands whose outcome is unknown, with their ids: pressing the same button again repeats the same command. Once any other
// command has been answered the ids are dropped, because "hide" after "show" is a new wish, not a repeat of the first.
const unknown = new Map();

/** How long the server may take over what reads or writes every photo, in ms. */
export const LONG = 600_000;

/** Send a command; returns the answer. Errors are those of api.js. */
export async function send(method, path, body = {}, { timeout } = {}) {
  const asked = `${method} ${path} ${JSON.stringify(body)}`;
  const id = unknown.get(asked) ?? newId();
  unknown.set(asked, id);
  try {
    const answer = await call(method, path, body, { id, timeout });
    unknown.clear();
    if (status.value !== "live") take(answer);
    return answer;
  } catch (problem) {
    if (problem instanceof Refused && problem.status < 500) unknown.delete(asked);
    throw problem;
  }
}

/** The answer's things, into the store: only while the live channel is away, since an answer may be older than a message. */
function take(answer) {
  const things = Object.entries(answer).filter(([, thing]) => thing && typeof thing === "object");
  live.store.apply({ d: Object.fromEntries(things) });
  changes.value++;
}

export const ask = (path, options) => call("GET", path, undefined, options);
export const isOurs = (problem) => problem instanceof Refused || problem instanceof Unreachable;

// --- Where we are: #section, #section/category, #section/category/more ---------

export const SECTIONS = ["now", "entries", "judges", "scores", "reveal", "results", "choice", "settings", "typing"];      // typing: not in the rail, reached from the judges and the papers
const parse = () => {
  const [section, ...rest] = decodeURIComponent(location.hash.slice(1)).split("/");
  return SECTIONS.includes(section) ? { section, category: rest[0] ?? "", more: rest[1] ?? "" } : { section: "now", category: "", more: "" };
};
export const route = signal(parse());
addEventListener("hashchange", () => { route.value = parse(); });

export const address = (...parts) => `#${parts.map(encodeURIComponent).join("/")}`;
export const go = (...parts) => { location.hash = address(...parts); };

// --- One dialog at a time -------------------------------------------------------

/** {Component, props, n}: the dialog on show, drawn by the shell. */
export const dialog = signal(null);
let count = 0;
export const show = (Component, props = {}) => { dialog.value = { Component, props, n: ++count }; };
export const close = () => { dialog.value = null; };
