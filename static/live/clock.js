// The live channel's times: the clock it runs by, timers, the count of failures, the back-off. It never asks what time is needed for.

export const SECOND = 1000;

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
export const CLOCK = { now: () => Date.now(), after: (ms, act) => setTimeout(act, ms), cancel: (timer) => clearTimeout(timer), random: () => Math.random() };

export const STRIKES = 3;         // and a way is given up

/** Timers by name; one that is set again starts anew. */
export class Timers {
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
export class Strikes {
  #clock; #within; #at = [];

  constructor(clock, within) { [this.#clock, this.#within] = [clock, within]; }

  add() { this.#at.push(this.#clock.now()); }
  clear() { this.#at = []; }
  get out() { return this.#at.filter((at) => Math.abs(this.#clock.now() - at) < this.#within).length >= STRIKES; }
}

/** How long to wait from try to try: apart from everybody else whom the same thing threw off. */
export class Backoff {
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
