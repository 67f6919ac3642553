// The live channel (docs/realtime.md): it alone owns the socket and the long poll, and keeps the store up to date.
//
//   state fetched -> socket opened -> hello, welcome: resume -----------------> live
//                                     hello, welcome: reset -> state fetched -> live
//   any of these  -> closed, silent, garbled -> waiting -> (delay over, online, visible) -> once more
//   three sockets that fail or die young within a minute, a full server, or its advice -> long polls; three of those cut -> plain polls
//   while polling -> every five minutes the advice, and a socket if it says so;   refused for good -> stopped
//
// The cursor {e, s, h, a} says where in the log this page stands. It moves before handlers run, and only forward, so that
// whatever breaks, the next hello resumes without a gap and without a duplicate, or is told to fetch the state anew.
//
// Live climbs up and down between the ways to listen; Socket and Polls are those ways, one of each at most; Picture is what
// is known. A way that ends is thrown away and says why, once; nothing that is late or left over can reach the picture.
import { Store } from "./store.js";
import { newId } from "./api.js";

const SECOND = 1000;

/** Every time of ours, in ms. What a welcome says of `dead` and `retry` stands above them. */
export const TIMES = {
  opening: 10 * SECOND,      // a socket that did not open, or a hello without its welcome: dead
  check: 5 * SECOND,         // the same for a hello that asks whether an old socket still lives
  dead: 45 * SECOND,         // an open socket on a dead wifi gets no close event: silence is one
  young: 10 * SECOND,        // a socket that dies younger speaks against sockets here
  stable: 30 * SECOND,       // after which the back-off starts anew
  strikes: 60 * SECOND,      // three failures within it: this way to listen does not work here
  probe: 300 * SECOND,       // how often polling looks for the way up
  answer: 30 * SECOND,       // fetch has no clock of its own
  wait: 25 * SECOND,         // how long a long poll is held
  poll: 5 * SECOND,          // from plain poll to plain poll, unless the server says how long
  breath: 1 * SECOND,        // before a request that follows an empty or a failed one
  tick: 5 * SECOND,          // ticks that come late: the machine slept
  first: 1 * SECOND, most: 30 * SECOND,      // the back-off
};

/** The world's clock; `after` is also told the name of the timer. */
const CLOCK = { now: () => Date.now(), after: (ms, act) => setTimeout(act, ms), cancel: (timer) => clearTimeout(timer), random: () => Math.random() };

const FULL = 1013, SIGNED_OUT = 4401, NOT_ALLOWED = 4403;
/** Repeating these could only be refused again: what the page says instead (live.*). */
const FOR_GOOD = { 4001: "replaced", 4400: "misunderstood", 4426: "outdated", [SIGNED_OUT]: "signed-out", [NOT_ALLOWED]: "not-allowed" };
/** Ends that say nothing about sockets here: the server restarts or is full, we changed our mind, or an answer over HTTP was wanting. */
const INNOCENT = new Set([1012, FULL, "moved", "state", "lapped"]);
const HELD = 1000;            // events kept while a state is fetched; the server holds no more either
const STRIKES = 3;

/**
 * Keep a store live.
 *   page      this page's name, for the organiser to see
 *   waiting   () => how many commands wait on this device
 *   device    a name of this browser that outlives the page, where the organiser is to see one device as one
 *   clock     {now, after, cancel, random}; times: any of TIMES: so that a test can turn the clock
 */
export function connect({ page, waiting = () => 0, device, clock = CLOCK, times = {} }) {
  return new Live({ page, waiting, device, clock, times: { ...TIMES, ...times } });
}

// --- Clocks ------------------------------------------------------------------------

/** Timers by name; one that is set again starts anew. */
class Timers {
  #clock; #running = new Map();

  constructor(clock) { this.#clock = clock; }

  set(name, ms, act) {
    this.clear(name);
    this.#running.set(name, this.#clock.after(ms, () => { this.#running.delete(name); act(); }, name));
  }

  /** Settles after `ms`, or never once it is cleared: what waits for it is then given up. */
  wait(name, ms) { return new Promise((go) => this.set(name, ms, go)); }

  has(name) { return this.#running.has(name); }

  clear(...names) {
    for (const name of names) {
      this.#clock.cancel(this.#running.get(name));
      this.#running.delete(name);
    }
  }

  clearAll() { this.clear(...this.#running.keys()); }
}

/** Failures of a way to listen; three `within` so many ms and it is `out`. */
class Strikes {
  #clock; #within; #at = [];

  constructor(clock, within) { [this.#clock, this.#within] = [clock, within]; }

  add() { this.#at.push(this.#clock.now()); }
  clear() { this.#at = []; }
  get out() { return this.#at.filter((at) => Math.abs(this.#clock.now() - at) < this.#within).length >= STRIKES; }
}

/** How long to wait from try to try: apart from everybody else whom the same thing threw off. */
class Backoff {
  tries = 0;
  spread = null;              // seconds over which a drained server wants its pages back
  #clock; #first; #most;

  constructor({ clock, times }) { this.#clock = clock; [this.#first, this.#most] = [times.first, times.most]; }

  /** The welcome's [first, most], in seconds. */
  heed([first, most]) { [this.#first, this.#most] = [first * SECOND, most * SECOND]; }

  /** The next delay in ms: not before `after`, where the server asked for that. */
  next(after = 0) {
    const spread = this.spread;
    this.spread = null;
    if (spread !== null) return Math.max(after, this.#clock.random() * spread * SECOND);
    const longest = Math.min(this.#most, this.#first * 2 ** this.tries++);
    return Math.max(after, (0.5 + this.#clock.random() / 2) * longest);
  }
}

// --- Asking over HTTP -----------------------------------------------------------------

const isCursor = (it) => typeof it?.e === "string" && typeof it.h === "string" && typeof it.a === "string" && Number.isSafeInteger(it.s);
const isEvent = (it) => Number.isSafeInteger(it?.s) && Number.isSafeInteger(it.p) && Array.isArray(it.m);

const isNews = (it) => isCursor(it) && (it.mode === "reset" || (Array.isArray(it.events) && it.events.every(isEvent)));
const isAdvice = (it) => typeof it?.recommend === "string";

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
async function ask(path, fits, { clock, times }, { signal, patience = times.answer } = {}) {
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

// --- What is known ------------------------------------------------------------------------

/** The store, and the cursor that says where in the log it stands; null: we know nothing. */
class Picture {
  store = new Store();
  cursor = null;
  #tell;

  /** tell(name, ...): emits "state", "message" and "change". */
  constructor(tell) { this.#tell = tell; }

  /** Take a whole state; false where it is broken, and then everything is as before. */
  replace(state) {
    const { e, s, h, a } = state;
    try { this.store.replace(state); } catch (problem) { return console.error(problem), false; }
    this.cursor = { e, s, h, a };
    this.#tell("state");
    this.#tell("change");
    return true;
  }

  /** Whether an answer or a welcome is of the same log and audience as we are. */
  continues({ e, a }) { return this.cursor?.e === e && this.cursor.a === a; }

  /** Follow one event: "applied", "known", or "gap" when something before it is missing. */
  follow({ s, h, p, m }) {
    if (!this.cursor || p > this.cursor.s) return "gap";
    if (s <= this.cursor.s) return "known";
    Object.assign(this.cursor, { s, h });
    try { m.forEach((message) => this.store.apply(message)); } catch (problem) { return console.error(problem), this.forget(); }
    for (const message of m) this.#tell("message", message.k, message.d);
    this.#tell("change");
    return "applied";
  }

  /** Nothing happened for us up to `s`; "gap" when something did that we were not sent. */
  quiet({ s, h, p }) {
    if (!this.cursor || p > this.cursor.s) return "gap";
    if (s > this.cursor.s) Object.assign(this.cursor, { s, h });
    return "known";
  }

  /** What is shown stays, but counts for nothing: only a whole state helps. */
  forget() { this.cursor = null; return "gap"; }
}

// --- By a socket -----------------------------------------------------------------------------

/**
 * One socket, from its opening to its end.
 *   at       what all ways to listen share: {page, waiting, cid, device, clock, times, picture, backoff}
 *   report   {welcomed(frame) -> whether to go on, live(), ended(socket, why, answer)}: why is a close code or a word of ours
 */
class Socket {
  young = true;
  greeted = false;            // it got as far as a welcome
  spread = null;              // of the drain, where one was announced
  #at; #report; #timers; #wire = null;
  #welcome = null;            // the answer to our last hello; null: none yet
  #held = null;               // events that came while the state is fetched; null: not fetching
  #gaps = 0;                  // since anything was applied

  constructor(at, report) {
    [this.#at, this.#report, this.#timers] = [at, report, new Timers(at.clock)];
    this.#timers.set("young", at.times.young, () => { this.young = false; });
    this.#expect(at.times.opening);
    try {
      this.#wire = new WebSocket(new URL("/api/live", location.href.replace(/^http/, "ws")), "contest.v1");
      this.#wire.onopen = () => this.#hello();
      this.#wire.onmessage = ({ data }) => this.#hear(data);
      this.#wire.onclose = ({ code }) => this.#end(code);
    } catch {
      this.#timers.set("death", 0, () => this.#end("failed"));
    }
  }

  /** Is it still there? Answered soon, or it is dead. */
  check() { if (this.#welcome && !this.#held) this.#hello(this.#at.times.check); }

  /** A sign of life, and how much waits on this device. */
  pong() { if (this.#welcome) this.#send({ t: "pong", waiting: this.#at.waiting() }); }

  /** Leave without a report. */
  close() {
    this.#send({ t: "bye" });
    this.#timers.clearAll();
    this.#held = null;
    const wire = this.#wire;
    if (!wire) return;
    this.#wire = wire.onopen = wire.onmessage = wire.onclose = null;
    wire.close(1000);
  }

  #end(why, answer) {
    this.close();
    this.#report.ended(this, why, answer);
  }

  #send(frame) { if (this.#wire?.readyState === WebSocket.OPEN) this.#wire.send(JSON.stringify(frame)); }

  /** Something must be heard within `ms`. */
  #expect(ms) { this.#timers.set("death", ms, () => this.#end("silent")); }

  #hello(patience = this.#at.times.opening) {
    this.#welcome = this.#held = null;
    this.#expect(patience);
    const { cid, device, page, picture, waiting } = this.#at;
    this.#send({ t: "hello", v: 1, cid, cur: picture.cursor, page, waiting: waiting(), ...(device !== cid && { device }) });
  }

  #hear(text) {
    let frame = null;
    try { frame = JSON.parse(text); } catch { /* told below */ }
    if (typeof frame?.t !== "string") return this.#end("garbled");
    if (this.#welcome) this.#expect(this.#dead);
    if (frame.t === "welcome") this.#welcomed(frame);
    else if (frame.t === "ev") this.#event(frame);
    else if (frame.t === "hb") this.#beat(frame);
    else if (frame.t === "reset") this.#reset();
    else if (frame.t === "drain") this.spread = frame.spread ?? 10;
    else if (frame.t === "err") console.warn(`live: ${frame.code}`);      // and a "t" we do not know is for a newer page
  }

  get #dead() { return this.#welcome.dead * SECOND || this.#at.times.dead; }

  #welcomed(frame) {
    if (!isCursor(frame)) return this.#end("garbled");
    this.#welcome = frame;
    this.greeted = true;
    this.#expect(this.#dead);
    if (!this.#report.welcomed(frame)) return;
    if (frame.mode === "resume" && this.#at.picture.continues(frame)) this.#report.live();
    else this.#reset();
  }

  #beat(frame) {
    this.pong();
    if (!this.#welcome || this.#held) return;
    if (this.#at.picture.quiet(frame) === "gap") this.#gap();
  }

  #event(frame) {
    if (!isEvent(frame)) return this.#end("garbled");
    if (!this.#welcome) return;                  // sent to the hello before this one: the welcome's resume brings it again
    if (!this.#held) return this.#follow(frame);
    if (this.#held.push(frame) > HELD) this.#end("lapped");
  }

  #follow(frame) {
    const how = this.#at.picture.follow(frame);
    if (how === "applied") this.#gaps = 0;
    if (how === "gap") this.#gap();
  }

  /** Something is missing: say hello again; if that does not mend it take the whole state; if that neither, a new socket. */
  #gap() {
    this.#gaps += 1;
    if (this.#gaps === 2) this.#at.picture.forget();
    if (this.#gaps > 2) this.#end("gap");
    else this.#hello();
  }

  /** Subscribed already: fetch the state, then apply what came meanwhile. */
  async #reset() {
    if (!this.#welcome) return;
    const held = (this.#held = []);
    for (;;) {
      const answer = await ask("/api/state", isCursor, this.#at);
      if (held !== this.#held) return;           // another hello or reset, or the end, came in between
      if (!answer.body) return this.#end("state", answer);
      const { e, a } = answer.body;
      if (e !== this.#welcome.e || a !== this.#welcome.a) return this.#end("moved");      // signed in or out, or restored, since the hello
      if (!this.#isTooOld(answer.body)) return this.#take(answer.body);
      await this.#timers.wait("older", this.#at.backoff.next());
      if (held !== this.#held) return;
    }
  }

  /** A state from before the subscription (out of some cache) leaves a gap that no event will fill. */
  #isTooOld({ s }) {
    const next = this.#held.find((frame) => frame.s > s);
    return s < this.#welcome.s || (next && next.p > s);
  }

  #take(state) {
    const held = this.#held;
    this.#held = null;
    if (!this.#at.picture.replace(state)) return this.#end("state");
    for (const frame of held) this.#event(frame);
    if (this.#welcome) this.#report.live();
  }
}

// --- By polls -------------------------------------------------------------------------------------

/**
 * Long polls, or plain ones, with the same cursor and the same frames, until it is stopped or nothing comes through.
 *   long     each question is held until there is an answer; false after three that were cut within a minute
 *   report   {live(), refused(), ended(answer)}
 */
class Polls {
  long;
  #every;                     // ms from plain poll to plain poll
  #at; #report; #timers; #cuts;
  #stop = new AbortController();
  #question = null;           // stops the question under way
  #poked = false;             // it was stopped to be asked again
  #held = false;              // the next question may be held: the one before came through
  #trial = false;             // long again after plain ones, none answered yet

  constructor(at, long, report) {
    [this.long, this.#every] = [long, at.times.poll];
    [this.#at, this.#report, this.#timers] = [at, report, new Timers(at.clock)];
    this.#cuts = new Strikes(at.clock, at.times.strikes + STRIKES * at.times.wait);      // what is cut may have been held that long
    this.#run();
  }

  /** What the server advises. Going up to long polls again is a trial: the first that is cut ends it. */
  heed({ recommend, retry_after: seconds }) {
    if (seconds) this.#every = seconds * SECOND;
    this.#trial = recommend !== "poll" && (this.#trial || !this.long);
    this.long = recommend !== "poll";
  }

  /** Say now how much waits on this device: a question that is held is asked again. */
  poke() {
    if (!this.#question) return;
    this.#poked = true;
    this.#question.abort();
  }

  stop() {
    this.#stop.abort();
    this.#question?.abort();
    this.#timers.clearAll();
  }

  async #run() {
    const { clock, times, picture } = this.#at, { signal } = this.#stop;
    while (!signal.aborted) {
      const wait = this.long && this.#held && picture.cursor ? times.wait : 0, began = clock.now();
      this.#question = wait ? new AbortController() : null;
      const answer = await this.#ask(wait, this.#question?.signal ?? signal);
      this.#question = null;
      if (signal.aborted) return;
      if (this.#poked) {
        this.#poked = false;
        if (!answer.body) continue;
      }
      if (answer.body && wait) this.#trial = false;
      if (answer.body && answer.after) this.heed({ recommend: "poll", retry_after: answer.after / SECOND });
      const pause = answer.body ? this.#took(answer.body, wait && clock.now() - began < times.breath) : this.#failed(answer, wait);
      if (pause === null) return;
      await this.#timers.wait("pause", pause);
    }
  }

  #ask(wait, signal) {
    const { picture, times, page, device, waiting } = this.#at;
    if (!picture.cursor) return ask("/api/state", isCursor, this.#at, { signal });
    const query = new URLSearchParams({ ...picture.cursor, wait: wait / SECOND, page, device, waiting: waiting() });
    return ask(`/api/events?${query}`, isNews, this.#at, { signal, patience: wait + times.opening });
  }

  /** Take an answer in; the pause before the next question. `early`: it was to be held and was not. */
  #took(body, early) {
    const state = !this.#at.picture.cursor;
    const taken = state ? this.#at.picture.replace(body) : this.#follow(body);
    if (!taken) return this.#at.times.breath;
    this.#held = true;
    this.#report.live();
    if (!this.long && !state) return this.#every;
    return early && !body.events?.length ? this.#at.times.breath : 0;
  }

  /** Apply an answer of /api/events; false: only a whole state helps now. */
  #follow(body) {
    const { picture } = this.#at;
    const last = body.events?.at(-1)?.s ?? 0;
    const through = body.mode !== "reset" && picture.continues(body)
      && body.events.every((frame) => picture.follow(frame) !== "gap") && picture.quiet({ s: body.s, h: body.h, p: last }) !== "gap";
    if (!through) picture.forget();
    return through;
  }

  /** A question that failed: the pause before the next one, or null when nothing comes through. */
  #failed(answer, wait) {
    this.#held = false;       // the next is answered at once: either long ones are cut here, or everything is
    const { breath } = this.#at.times;
    if (wait && answer.failed) {
      this.#cuts.add();
      this.long = !this.#trial && !this.#cuts.out;
      this.#trial = false;
      return Math.max(breath, answer.after ?? 0);
    }
    if (answer.after) {
      this.#report.refused();
      return Math.max(breath, answer.after);
    }
    this.#report.ended(answer);
    return null;
  }
}

// --- What goes on around the page ----------------------------------------------------------------------

/** Listens for what makes waiting pointless: hears {online, offline, woken(ms away), left, back}. */
class Surroundings {
  #clock; #tick; #heard; #timers; #last; #bound = [];

  constructor({ clock, times }, heard) {
    [this.#clock, this.#tick, this.#heard, this.#timers] = [clock, times.tick, heard, new Timers(clock)];
    this.#listen(window, "online", heard.online);
    this.#listen(window, "offline", heard.offline);
    this.#listen(window, "pagehide", heard.left);
    this.#listen(window, "pageshow", (event) => event.persisted && heard.back());      // out of the browser's page cache
    this.#listen(document, "visibilitychange", () => this.#isSeen() && heard.woken(this.#away()));
    this.#count();
  }

  close() {
    this.#timers.clearAll();
    for (const [target, name, listener] of this.#bound) target.removeEventListener(name, listener);
  }

  #listen(target, name, listener) {
    target.addEventListener(name, listener);
    this.#bound.push([target, name, listener]);
  }

  #isSeen() { return document.visibilityState === "visible"; }

  #away() { return this.#clock.now() - this.#last - this.#tick; }

  /** A machine that sleeps stops its timers, not its clock. (A tab that nobody sees has slow timers: it is asked when it is seen.) */
  #count() {
    if (this.#last !== undefined && this.#away() > 2 * this.#tick && this.#isSeen()) this.#heard.woken(this.#away());
    this.#last = this.#clock.now();
    this.#timers.set("tick", this.#tick, () => this.#count());
  }
}

/** Those who listen to the channel. A page's mistake must not stop it. */
class Voice {
  #listeners = new Map(); #timers;

  constructor(clock) { this.#timers = new Timers(clock); }

  on(name, listener) {
    const all = this.#listeners.get(name) ?? this.#listeners.set(name, new Set()).get(name);
    all.add(listener);
    return () => all.delete(listener);
  }

  hears(name) { return Boolean(this.#listeners.get(name)?.size); }

  emit(name, ...args) {
    for (const listener of this.#listeners.get(name) ?? []) {
      try { listener(...args); } catch (problem) { console.error(problem); }
    }
  }

  /** As `emit`, but one "change" for all frames that are already here: what came in one burst is drawn once. */
  tell(name, ...args) {
    if (name !== "change") this.emit(name, ...args);
    else if (!this.#timers.has("change")) this.#timers.set("change", 0, () => this.emit("change"));
  }
}

// --- From way to way -----------------------------------------------------------------------------------

/**
 * Takes the best way to listen that there is, and another one when it ends.
 *   at       as for Socket
 *   report   {live(), away(failed), refused(code), signOut({dead})}: away is lost for now; failed is what ask() says of it
 */
class Ways {
  #at; #report; #timers; #deaths;
  #socket = null; #polls = null;
  #turn = 0;                  // an answer that comes after another turn was taken is nobody's
  #advice = "websocket";      // how the server last said to listen
  #flaky = false;             // the last socket to die young had been greeted: the server was there, it is the sockets

  constructor(at, report) {
    [this.#at, this.#report, this.#timers] = [at, report, new Timers(at.clock)];
    this.#deaths = new Strikes(at.clock, at.times.strikes);
    this.#timers.set("again", 0, () => this.go());      // after the page has added its listeners
  }

  /** "websocket", "longpoll" or "poll". */
  get transport() { return !this.#polls ? "websocket" : this.#polls.long ? "longpoll" : "poll"; }

  /** Say how much waits on this device. */
  tell() {
    this.#socket?.pong();
    this.#polls?.poke();
  }

  /** End whatever there is. */
  stop() {
    this.#turn += 1;
    this.#timers.clearAll();
    this.#socket?.close();
    this.#polls?.stop();
    this.#socket = this.#polls = null;
  }

  /** Begin anew, now. The state first: where something in between swallows sockets, the page is not empty until that shows. */
  async go() {
    this.stop();
    const turn = this.#turn, { picture } = this.#at;
    if (!picture.cursor) {
      const answer = await this.#askState();
      if (turn !== this.#turn) return;
      if (!answer.body || !picture.replace(answer.body)) return this.lost(answer);
    }
    if (this.#advice !== "websocket") {
      const answer = await this.#askAdvice();
      if (turn !== this.#turn) return;
      if (!answer.body) return this.lost(answer);
    }
    if (this.#advice !== "websocket") this.#poll(this.#advice === "longpoll");
    else if (this.#deaths.out) this.#poll(true, { doubt: !this.#flaky });
    else this.#open();
  }

  /** Nothing comes any more: wait, then begin anew. `answer` is what HTTP said last, where it was asked. */
  lost(answer = {}) {
    this.stop();
    if (answer.signedOut) return this.#report.signOut({ dead: true });
    if (answer.notAllowed) return this.#report.refused(NOT_ALLOWED);
    this.#report.away(answer.failed);
    this.#timers.set("again", this.#at.backoff.next(answer.after), () => this.go());
  }

  /** The network is back, perhaps another one: everything may work again. */
  online() {
    this.#at.backoff.tries = 0;
    this.#deaths.clear();
    if (!this.#polls) return this.go();
    this.#poll(this.#polls.long);
    this.#probe();
  }

  /** The reader is back after `away` ms: do not sit out a delay, and do not trust what was silent meanwhile. */
  woken(away) {
    if (this.#polls) this.#poll(this.#polls.long);
    else if (this.#timers.has("again") || away > this.#at.times.dead) this.go();
    else this.#socket?.check();
  }

  #askState() { return ask("/api/state", isCursor, this.#at); }

  async #askAdvice() {
    const answer = await ask("/api/realtime-fallback", isAdvice, this.#at);
    this.#advice = answer.body?.recommend ?? this.#advice;
    return answer;
  }

  #open() {
    this.#socket?.close();
    this.#socket = new Socket(this.#at, {
      welcomed: (frame) => this.#welcomed(frame), live: () => this.#report.live(), ended: (...how) => this.#socketEnded(...how) });
  }

  /** Whether the socket is to go on. */
  #welcomed({ retry, recommend = "websocket" }) {
    const { backoff, times } = this.#at;
    if (retry) backoff.heed(retry);
    this.#advice = recommend;
    this.#polls = this.#polls?.stop() ?? null;
    this.#timers.clear("probe");
    this.#timers.set("stable", times.stable, () => { backoff.tries = 0; });
    if (recommend === "websocket") return true;
    this.stop();
    this.#poll(recommend === "longpoll");
    return false;
  }

  #socketEnded(socket, why, answer) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#timers.clear("stable");
    if (why in FOR_GOOD) {
      this.stop();
      return this.#report.refused(why);
    }
    if (!INNOCENT.has(why) && (socket.young || !socket.greeted)) {
      this.#deaths.add();
      this.#flaky = socket.greeted;
    }
    if (this.#polls) return;                     // it was a probe: polling goes on
    this.#at.backoff.spread = socket.spread;
    if (why === FULL) this.#poll(true);
    else this.lost(answer);
  }

  /** `doubt`: no socket got through lately, but perhaps the server was away; then one more is tried as soon as a poll does. */
  #poll(long, { doubt = false } = {}) {
    this.#polls?.stop();
    this.#later();
    this.#polls = new Polls(this.#at, long, {
      live: () => {
        this.#at.backoff.tries = 0;
        this.#report.live();
        if (doubt) this.#probe();
        doubt = false;
      },
      refused: () => this.#report.away(),
      ended: (answer) => {
        this.#deaths.clear();                    // nothing comes through, so it was not the sockets
        this.lost(answer);
      } });
  }

  #later() {
    const { clock, times } = this.#at;
    this.#timers.set("probe", (0.9 + clock.random() / 5) * times.probe, () => this.#probe());
  }

  /** Look for the way up: ask how to listen, and try a socket where that is the answer. Polling goes on until its welcome. */
  async #probe() {
    this.#later();
    const polls = this.#polls;
    const { body } = await this.#askAdvice();
    if (!body || polls !== this.#polls) return;
    polls.heed(body);
    if (body.recommend === "websocket") this.#open();
  }
}

// --- The channel -------------------------------------------------------------------------------------------

class Live {
  status = "connecting";      // connecting | live | reconnecting | offline
  says = "connecting";        // the same in finer words: a key of live.*, also "longpoll", "poll", "foreign" and those of FOR_GOOD
  stopped = null;             // the close code after which we do not come back

  #at; #voice; #ways; #surroundings;
  #doubted = -Infinity;       // when 4401 came though HTTP knows us: worth one more try, no second within a minute

  constructor({ page, waiting, device, clock, times }) {
    this.#voice = new Voice(clock);
    const picture = new Picture((...what) => this.#voice.tell(...what)), backoff = new Backoff({ clock, times });
    const cid = newId();
    this.#at = { page, waiting, clock, times, picture, backoff, cid, device: device ?? cid };
    this.#ways = new Ways(this.#at, {
      live: () => this.#say("live", this.transport === "websocket" ? "live" : this.transport), away: (failed) => this.#away(failed),
      refused: (code) => this.#refused(code), signOut: (how) => this.#signOut(how) });
    const unlessStopped = (act) => (...args) => { if (!this.stopped) act(...args); };
    this.#surroundings = new Surroundings(this.#at, {
      online: unlessStopped(() => this.#ways.online()), offline: unlessStopped(() => this.#ways.lost()),
      woken: unlessStopped((away) => this.#ways.woken(away)), left: () => this.#ways.stop(), back: unlessStopped(() => this.#ways.go()) });
  }

  get store() { return this.#at.picture.store; }

  /** "websocket", "longpoll" or "poll". */
  get transport() { return this.#ways.transport; }

  /** Call `listener` on "state" (all is new), "message" (k, d), "change" (after either, once a batch), "status", "signed-out". Returns a function that stops it. */
  on(name, listener) { return this.#voice.on(name, listener); }

  /** Say now, not at the next heartbeat or poll, how much waits on this device. (Plain polls keep their pace.) */
  poke() { this.#ways.tell(); }

  /** Leave for good. */
  close() { this.#leave(1000); }

  #leave(code) {
    this.stopped ??= code;
    this.#surroundings.close();
    this.#ways.stop();
  }

  #say(status, says = status) {
    if (status === this.status && says === this.says) return;
    Object.assign(this, { status, says });
    this.#voice.emit("status", status);
  }

  /** What is shown may be old by now. Who answered in the server's place last stays blamed until an answer tells otherwise. */
  #away(failed) {
    const foreign = failed ? failed === "foreign" : navigator.onLine && this.says === "foreign";
    const offline = foreign || !navigator.onLine || this.#at.backoff.tries >= 2;
    this.#say(offline ? "offline" : this.status === "connecting" ? "connecting" : "reconnecting", foreign ? "foreign" : undefined);
  }

  #stop(code) {
    this.#leave(code);
    this.#say("offline", FOR_GOOD[code]);
  }

  /** Where it is about who we are, ask: a page stops for that or loads again only when it is really so. */
  async #refused(code) {
    if (code !== SIGNED_OUT && code !== NOT_ALLOWED) return this.#stop(code);
    const { clock, times, picture: { cursor } } = this.#at;
    this.#away();
    const answer = await ask("/api/state", isCursor, this.#at);
    if (this.stopped) return;
    if (answer.signedOut) return this.#signOut({ dead: true });
    if (answer.body && cursor && answer.body.a !== cursor.a) return this.#signOut({ dead: false });
    const again = Math.abs(clock.now() - this.#doubted) < times.strikes;
    if (code === NOT_ALLOWED || (answer.body && again)) return this.#stop(code);
    if (answer.body) this.#doubted = clock.now();
    this.#ways.lost(answer);
  }

  /** `dead`: our session is no more; otherwise we are somebody else by now. A page that does not say so itself is loaded again. */
  #signOut({ dead }) {
    this.#stop(SIGNED_OUT);
    if (this.#voice.hears("signed-out")) this.#voice.emit("signed-out");
    else loadAgain(dead, this.#at.clock.now());
  }
}

/** Drop a dead session and load the page anew, for its sign-in words: once a minute at most, never in a circle. */
async function loadAgain(dead, now) {
  try {
    if (Math.abs(now - Number(sessionStorage.getItem("signed-out"))) < 60 * SECOND) return;
    sessionStorage.setItem("signed-out", String(now));
    if (dead) await fetch("/api/logout", { method: "POST", credentials: "same-origin" });
    location.reload();
  } catch { /* where nothing can be kept, nothing would stop a circle of reloads: stay */ }
}
