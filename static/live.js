// The live channel (docs/realtime.md): it alone owns the socket and the long poll, and keeps the store up to date.
//
//   start -> state fetched -> opening -> hello, welcome: resume -------------------------> live
//                                        hello, welcome: reset -> state fetched ---------> live
//   any of these -> closed, silent, failed -> waiting -> (delay over, online, visible) -> opening, or after three
//   young deaths polling, which tries a socket every five minutes;  refused for good -> stopped
//
// The cursor {e, s, h, a} says where in the log this page stands. It moves before handlers run, and only forward, so that
// whatever breaks, the next hello resumes without a gap and without a duplicate, or is told to fetch the state anew.
import { Store } from "./store.js";
import { newId } from "./api.js";

const SECOND = 1000;
const NO_RETRY = new Set([4001, 4400, 4403, 4426]);      // repeating these could only be refused again
const SIGNED_OUT = 4401;
const FULL = 1013;
const OPENING = 10 * SECOND;       // an open or a hello without a welcome: dead
const YOUNG = 10 * SECOND;         // a socket that dies younger speaks against sockets here
const STABLE = 30 * SECOND;        // after which the back-off starts anew
const PROBE = 300 * SECOND;        // how often polling tries a socket again
const POLL_WAIT = 25;

// Everything of the world outside, so that a test can turn the clock and play the network through the same path.
const world = () => ({
  WebSocket: globalThis.WebSocket, fetch: globalThis.fetch.bind(globalThis), random: Math.random, now: Date.now,
  setTimeout: globalThis.setTimeout.bind(globalThis), clearTimeout: globalThis.clearTimeout.bind(globalThis),
  window: globalThis.window, document: globalThis.document, location: globalThis.location,
});

/** Keep a store live. page: this page's name; waiting: how many commands wait on this device, for the organiser to see. */
export function connect({ page, waiting = () => 0, ...outside }) {
  return new Live({ page, waiting, ...world(), ...outside });
}

class Live {
  store = new Store();
  status = "connecting";      // connecting | live | reconnecting | offline
  transport = "websocket";    // or "longpoll"
  stopped = null;             // the close code after which we do not come back

  #at = {}; #cid = newId(); #listeners = new Map(); #timers = new Map();
  #cursor = null;             // where we stand; null: we know nothing yet
  #socket = null;             // the one socket whose events count; older ones are deaf
  #opened = 0;                // when it was made
  #welcomed = null;           // its welcome to our last hello; null: none yet
  #held = null;               // messages that came while the state is fetched; null: not fetching
  #poll = null;               // the AbortController of the long poll
  #tries = 0;                 // n of the back-off
  #gaps = 0;                  // hellos because of a gap since anything was applied
  #deaths = [];               // when sockets failed or died young, in the last minute
  #spread = null;             // seconds over which a drained server wants us back
  #dead = 45; #retry = [1, 30];      // seconds; the welcome may say otherwise

  constructor(options) {
    this.#at = options;
    this.#listen(this.#at.window, "online", () => { this.#tries = 0; this.#nudge(); });
    this.#listen(this.#at.window, "offline", () => this.#lost("offline"));
    this.#listen(this.#at.window, "pagehide", () => this.#leave());
    this.#listen(this.#at.window, "pageshow", (event) => event.persisted && this.#again());      // back from the browser's page cache
    this.#listen(this.#at.document, "visibilitychange", () => this.#at.document.visibilityState === "visible" && this.#nudge());
    this.#timer("again", 0, () => this.#start());      // after the page has added its listeners
  }

  /** The state first: where something in between swallows sockets, the page is not empty until that shows. */
  async #start() { if (await this.#fetchState()) this.#open(); }

  /** Call `listener` on "state" (all is new), "message" (k, d), "change" (after either, once a batch), "status", "signed-out". Returns a function that stops it. */
  on(name, listener) {
    const all = this.#listeners.get(name) ?? this.#listeners.set(name, new Set()).get(name);
    all.add(listener);
    return () => all.delete(listener);
  }

  /** Say now, not at the next heartbeat, how much waits on this device. */
  poke() { if (this.#welcomed) this.#send({ t: "pong", waiting: this.#at.waiting() }); }

  /** Leave for good. */
  close() {
    this.stopped ??= 1000;
    this.#leave();
    for (const [target, name, listener] of this.#bound) target.removeEventListener(name, listener);
  }

  // --- Telling the page -------------------------------------------------------

  #emit(name, ...args) {
    for (const listener of this.#listeners.get(name) ?? []) {
      try { listener(...args); } catch (problem) { console.error(problem); }      // a page's mistake must not stop the channel
    }
  }

  #say(status) {
    if (status === this.status) return;
    this.status = status;
    this.#emit("status", status);
  }

  /** One "change" for all frames that are already here: what came in one burst is drawn once. */
  #changed() { if (!this.#timers.has("change")) this.#timer("change", 0, () => this.#emit("change")); }

  // --- The socket ---------------------------------------------------------------

  #open() {
    if (this.stopped) return;
    this.#drop();
    const address = new URL("/api/live", this.#at.location.href);
    address.protocol = address.protocol.replace("http", "ws");
    this.#opened = this.#at.now();
    let socket;
    try { socket = new this.#at.WebSocket(address.href, "contest.v1"); } catch { return this.#lost("failed"); }
    this.#socket = socket;
    this.#timer("death", OPENING, () => this.#lost("silent"));
    const mine = (act) => (event) => { if (socket === this.#socket) act(event); };
    socket.onopen = mine(() => this.#hello());
    socket.onmessage = mine((event) => this.#hear(event.data));
    socket.onclose = mine((event) => this.#lost(event.code));
  }

  #hello() {
    this.#welcomed = null;
    this.#held = null;
    this.#timer("death", OPENING, () => this.#lost("silent"));
    this.#send({ t: "hello", v: 1, cid: this.#cid, cur: this.#cursor, page: this.#at.page, waiting: this.#at.waiting() });
  }

  #send(frame) { if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(frame)); }

  #hear(text) {
    let frame;
    try { frame = JSON.parse(text); } catch { return this.#lost("garbled"); }
    // Our own clock: an open socket on a dead wifi gets no close event.
    if (this.#welcomed || frame.t === "welcome") this.#timer("death", this.#dead * SECOND, () => this.#lost("silent"));
    if (frame.t === "ev") this.#event(frame);
    else if (frame.t === "hb") this.#beat(frame);
    else if (frame.t === "welcome") this.#welcome(frame);
    else if (frame.t === "reset") this.#fetchState();
    else if (frame.t === "drain") this.#spread = frame.spread ?? 10;
    else if (frame.t === "err") console.warn(`live: ${frame.code}`);
  }

  #welcome(frame) {
    this.#welcomed = frame;
    this.#dead = frame.dead ?? this.#dead;
    this.#retry = frame.retry ?? this.#retry;
    this.#stopPolling();
    this.transport = "websocket";
    this.#timer("stable", STABLE, () => { this.#tries = 0; });
    if (frame.mode === "reset" || !this.#cursor) return this.#fetchState();
    this.#say("live");
  }

  #beat({ s, h, p }) {
    this.poke();
    if (this.#held) return;
    if (p > this.#cursor.s) this.#gap();
    else if (s >= this.#cursor.s) Object.assign(this.#cursor, { s, h });
  }

  #event(frame) {
    if (this.#held) this.#held.push(frame);                   // the state is on its way: these may be newer than it
    else if (!this.#welcomed || frame.s <= this.#cursor.s) return;      // sent to the hello before, or already applied
    else if (frame.p > this.#cursor.s) this.#gap();
    else this.#apply(frame);
  }

  #apply({ s, h, m }) {
    Object.assign(this.#cursor, { s, h });
    this.#gaps = 0;
    for (const message of m) this.store.apply(message);
    for (const message of m) this.#emit("message", message.k, message.d);
    this.#changed();
  }

  /** Something is missing: say hello again. If that does not mend it, forget the cursor and take the whole state. */
  #gap() {
    if (this.#gaps++ > 0) this.#cursor = null;
    this.#hello();
  }

  // --- The whole state -------------------------------------------------------------

  /** Subscribed already, fetch the state, then apply what came meanwhile. True when it was taken. */
  async #fetchState() {
    const held = (this.#held = []);
    const answer = await this.#get("/api/state");
    if (held !== this.#held) return false;      // another hello, or a loss, came in between
    this.#held = null;
    if (answer.signedOut) return this.#signOut(), false;
    if (!answer.body) return this.#lost("state"), false;
    const { e, s, h, a } = answer.body;
    if (this.#welcomed && this.#welcomed.a !== a) return this.#lost("audience"), false;      // signed in or out since the socket was opened
    this.#cursor = { e, s, h, a };
    this.store.replace(answer.body);
    this.#emit("state");
    this.#changed();
    for (const frame of held) this.#event(frame);
    if (this.#welcomed || this.#poll) this.#say("live");
    return true;
  }

  /** GET as JSON: {body}, or {signedOut}, or {} when nothing came. */
  async #get(path, signal) {
    const stop = new AbortController();
    const timer = this.#at.setTimeout(() => stop.abort(), this.#dead * SECOND);      // fetch has no clock of its own
    const giveUp = () => stop.abort();
    signal?.addEventListener("abort", giveUp);
    try {
      const answer = await this.#at.fetch(path, { cache: "no-store", credentials: "same-origin", headers: { Accept: "application/json" }, signal: stop.signal });
      if (answer.status === 401 || answer.status === 403) return { signedOut: true };
      return answer.ok ? { body: await answer.json() } : {};
    } catch {
      return {};
    } finally {
      this.#at.clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
    }
  }

  // --- Losing it, and coming back -----------------------------------------------------

  /** The channel is gone, for this reason: a close code, or a word of ours. */
  #lost(why) {
    if (this.stopped) return;
    const young = this.#socket && this.#at.now() - this.#opened < YOUNG;
    const probing = this.#poll && this.#socket;
    this.#drop();
    if (NO_RETRY.has(why)) {
      this.stopped = why;
      this.#leave();
      return this.#say("offline");
    }
    if (why === SIGNED_OUT) return this.#askWhoIAm();
    if (probing && why !== "offline") return;      // polling goes on as if nothing had been tried
    this.#stopPolling();
    if (young && ![FULL, 1012, "offline", "state", "audience"].includes(why)) this.#deaths.push(this.#at.now());
    this.#deaths = this.#deaths.filter((at) => at > this.#at.now() - 60 * SECOND);
    if (why === FULL) this.#tries = 5;
    this.#say(this.#at.window?.navigator?.onLine === false || this.#tries >= 2 ? "offline" : this.status === "connecting" ? "connecting" : "reconnecting");
    this.#timer("again", this.#delay(), () => this.#again());
  }

  /** How long to wait: apart from everybody else whom the same thing threw off. */
  #delay() {
    const spread = this.#spread;
    this.#spread = null;
    if (spread !== null) return this.#at.random() * spread * SECOND;
    const [first, most] = this.#retry;
    return (0.5 + this.#at.random() / 2) * Math.min(most, first * 2 ** this.#tries++) * SECOND;
  }

  #again() {
    if (this.stopped) return;
    this.#clear("again");
    if (this.#deaths.length >= 3) this.#pollOn();
    else this.#open();
  }

  /** The network or the reader is back: do not sit out the delay, and do not trust a socket that was silent meanwhile. */
  #nudge() {
    if (this.stopped) return;
    if (this.#timers.has("again")) return this.#again();
    if (this.#welcomed && !this.#held) this.#hello();      // answered within ten seconds, or it is dead
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.#welcomed = null;
    this.#held = null;
    ["death", "stable", "again"].forEach((name) => this.#clear(name));
    try { socket?.close(1000); } catch { /* it was never open */ }
  }

  #leave() {
    this.#send({ t: "bye" });
    this.#drop();
    this.#stopPolling();
    [...this.#timers.keys()].forEach((name) => this.#clear(name));
  }

  /** The server does not know us any more. Ask once, so that a page reloads only when that is really so. */
  async #askWhoIAm() {
    this.#say("reconnecting");
    const answer = await this.#get("/api/state");
    if (answer.signedOut || (answer.body && answer.body.a !== this.#cursor?.a)) return this.#signOut();
    this.#timer("again", this.#delay(), () => this.#again());
  }

  /** Signed out: the page says so itself, or drops the dead session and is loaded again to show its sign-in words (once a minute
      at most, never in a circle). */
  async #signOut() {
    this.stopped = SIGNED_OUT;
    this.#leave();
    this.#say("offline");
    if (this.#listeners.get("signed-out")?.size) return this.#emit("signed-out");
    try {
      const kept = this.#at.window.sessionStorage;
      if (this.#at.now() - Number(kept.getItem("signed-out")) < 60 * SECOND) return;
      kept.setItem("signed-out", String(this.#at.now()));
      await this.#at.fetch("/api/logout", { method: "POST", credentials: "same-origin" });
      this.#at.location.reload();
    } catch { /* where nothing can be kept, nothing would stop a circle of reloads: stay */ }
  }

  // --- Without a socket -------------------------------------------------------------------

  /** Long polls with the same cursor and the same frames, until a socket says welcome or the polls fail too. */
  async #pollOn() {
    const stop = (this.#poll = new AbortController());
    this.transport = "longpoll";
    this.#timer("probe", PROBE, () => this.#probe());
    let wait = 0;      // the first answer comes at once: the page is live, or polls do not get through either
    while (this.#poll === stop) {
      const began = this.#at.now();
      if (!this.#cursor && !(await this.#fetchState())) continue;      // lost, or a probe came in between
      const { body, signedOut } = await this.#get(`/api/events?${new URLSearchParams({ ...this.#cursor, wait })}`, stop.signal);
      wait = POLL_WAIT;
      if (this.#poll !== stop) return;
      if (signedOut) return this.#signOut();
      if (!body) {
        this.#deaths = [];      // so it was not the sockets: try them again as well
        return this.#lost("poll");
      }
      this.#tries = 0;
      if (body.mode === "reset") this.#cursor = null;
      else this.#take(body);
      if (!body.events?.length && this.#at.now() - began < SECOND) await new Promise((go) => this.#timer("pause", SECOND, go));
    }
  }

  #take({ events, e, s, h, a }) {
    this.#say("live");
    for (const frame of events) {
      if (frame.p > this.#cursor.s) return void (this.#cursor = null);      // a gap: take the whole state
      if (frame.s > this.#cursor.s) this.#apply(frame);
    }
    if (s >= this.#cursor.s) this.#cursor = { e, s, h, a };
  }

  #probe() {
    this.#timer("probe", PROBE, () => this.#probe());
    this.#open();
  }

  #stopPolling() {
    this.#clear("probe");
    this.#clear("pause");
    this.#poll?.abort();
    this.#poll = null;
  }

  // --- Clocks and events -----------------------------------------------------------------------

  #timer(name, ms, act) {
    this.#clear(name);
    this.#timers.set(name, this.#at.setTimeout(() => { this.#timers.delete(name); act(); }, ms));
  }

  #clear(name) {
    this.#at.clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  #bound = [];

  #listen(target, name, listener) {
    target?.addEventListener(name, listener);
    this.#bound.push([target, name, listener]);
  }
}
