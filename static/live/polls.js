// The other way to listen: questions over HTTP, where sockets do not get through.
import { ask, isCursor, isNews } from "/static/live/ask.js";
import { SECOND, STRIKES, Strikes, Timers } from "/static/live/clock.js";

/**
 * Long polls, or plain ones, with the same cursor and the same frames, until it is stopped or nothing comes through.
 *   long     each question is held until there is an answer; false after three that were cut within a minute
 *   report   {live(), refused(), ended(answer)}
 */
export class Polls {
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
