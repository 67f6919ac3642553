// One way to listen: a socket, from its opening to its end. Nothing else opens one.
import { ask, isCursor, isEvent } from "/static/live/ask.js";
import { SECOND, Timers } from "/static/live/clock.js";

const HELD = 1000;            // events kept while a state is fetched; the server holds no more either

/**
 * One socket, from its opening to its end.
 *   at       what all ways to listen share: {page, waiting, cid, device, clock, times, picture, backoff}
 *   report   {welcomed(frame) -> whether to go on, live(), ended(socket, why, answer)}: why is a close code or a word of ours
 */
export class Socket {
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
