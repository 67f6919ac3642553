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
// Each step stands in static/live/ (clock, ask, picture, socket, polls, around, ways) and knows only those before it: Ways climbs up and down
// between the ways to listen, Socket and Polls are those ways, one of each at most; Picture is what is known. A way that ends is thrown away
// and says why, once; nothing that is late or left over can reach the picture. Here stands what a page sees of it all.
import { newId } from "/static/api.js";
import { Surroundings, Voice } from "/static/live/around.js";
import { ask, isCursor } from "/static/live/ask.js";
import { Backoff, CLOCK, SECOND, TIMES } from "/static/live/clock.js";
import { Picture } from "/static/live/picture.js";
import { FOR_GOOD, NOT_ALLOWED, SIGNED_OUT, Ways } from "/static/live/ways.js";

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
