// From way to way: a socket where it can be, polls where it cannot, and back. Why a way ended is decided here, who we are in live.js.
import { ask, isAdvice, isCursor } from "/static/live/ask.js";
import { Strikes, Timers } from "/static/live/clock.js";
import { Polls } from "/static/live/polls.js";
import { Socket } from "/static/live/socket.js";

const FULL = 1013;
export const SIGNED_OUT = 4401, NOT_ALLOWED = 4403;
/** Repeating these could only be refused again: what the page says instead (live.*). */
export const FOR_GOOD = { 4001: "replaced", 4400: "misunderstood", 4426: "outdated", [SIGNED_OUT]: "signed-out", [NOT_ALLOWED]: "not-allowed" };
/** Ends that say nothing about sockets here: the server restarts or is full, we changed our mind, or an answer over HTTP was wanting. */
const INNOCENT = new Set([1012, FULL, "moved", "state", "lapped"]);

/**
 * Takes the best way to listen that there is, and another one when it ends.
 *   at       as for Socket
 *   report   {live(), away(failed), refused(code), signOut({dead})}: away is lost for now; failed is what ask() says of it
 */
export class Ways {
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
