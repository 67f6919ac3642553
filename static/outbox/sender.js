// Sends what waits in the outbox, one command a record, repeated unchanged under its id until it is answered, and writes down what came of it.
import { call, newId, Refused } from "/static/api.js";
import { blank, isDue, keyOf, recusalWaits, rules, thingOf } from "/static/judge/rules.js";

const QUIET_MS = 600;       // a drag of a slider is one command
const AT_ONCE = 4;
const TIMEOUT_MS = 12_000;  // a dead wifi never answers
const LONGEST_WAIT_MS = 30_000;

export class Sender {
  /** The last try did not reach the server. */
  unreachable = false;

  #judge; #records; #disk; #epoch; #changed; #isStopped; #stop;
  #flying = new Set();    // keys with a request on its way
  #pauses = new Map();    // key -> {tries, until}: the server answered, but not with an answer
  #pause = { tries: 0, until: 0 };
  #timer = 0;
  #pumping = false;
  #again = false;
  #hurry = false;

  /** judge: whose marks; records, disk: theirs; epoch(): of the log; changed(): after `unreachable`; isStopped(), stop(problem): whether sending makes sense. */
  constructor({ judge, records, disk, epoch, changed, isStopped, stop }) {
    [this.#judge, this.#records, this.#disk, this.#epoch, this.#changed, this.#isStopped, this.#stop] = [judge, records, disk, epoch, changed, isStopped, stop];
  }

  /** Try at once: the network may be back. */
  poke() {
    this.#pause = { tries: 0, until: 0 };
    this.#pauses.clear();
    this.pump();
  }

  /** Sent without waiting for a quiet moment: nobody looks at the page, which may be gone soon. */
  hurry(so) {
    this.#hurry = so;
    this.poke();
  }

  #wake(at) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.pump(), Math.max(0, at - Date.now()) + 10);
  }

  /** Send whatever is due. Called after every change and by the clock; runs never overlap. */
  async pump() {
    if (this.#pumping) { this.#again = true; return; }
    this.#pumping = true;
    try {
      do {
        this.#again = false;
        await this.#sendDue();
      } while (this.#again);
    } finally {
      this.#pumping = false;
    }
  }

  async #sendDue() {
    const now = Date.now();
    if (this.#isStopped() || !this.#epoch()) return;
    if (this.#pause.until > now) { this.#wake(this.#pause.until); return; }
    const due = [], all = [...this.#records.all.values()], recusals = all.some(recusalWaits);
    let next = Infinity;
    for (const r of all) {
      if (this.#flying.has(keyOf(r)) || !isDue(r) || (r.kind === "hand" && recusals)) continue;
      let at = this.#pauses.get(keyOf(r))?.until ?? 0;
      if (!r.sent && !this.#hurry) at = Math.max(at, Math.min(r.waiting.changed, now) + QUIET_MS);
      if (at <= now) due.push(r); else next = Math.min(next, at);
    }
    if (next < Infinity) this.#wake(next);
    if (!due.length) return;
    const held = await this.#disk.lease();
    if (held) { this.#wake(held); return; }
    due.sort((a, b) => (a.waiting?.changed ?? 0) - (b.waiting?.changed ?? 0));
    for (const record of due.slice(0, AT_ONCE - this.#flying.size)) this.#send(keyOf(record));
  }

  async #send(key) {
    this.#flying.add(key);
    try {
      const command = await this.#records.apply([key], rules.take(newId()));
      if (command) await this.#deliver(key, command);
    } finally {
      this.#flying.delete(key);
      if (!this.#flying.size && !this.#records.count) this.#disk.release();
      this.pump();
    }
  }

  async #deliver(key, { id, path, body }) {
    let thing;
    try {
      // Named, so that a phone that has opened another judge's link meanwhile cannot write on that sheet.
      thing = thingOf(blank(key), await call("PUT", path, { ...body, judge: this.#judge }, { id, timeout: TIMEOUT_MS }));
      if (!thing) throw new Error("not our server's answer");   // a hotel's sign-in page says 200 to everything
    } catch (error) {
      await this.#failed(key, id, error);
      return;
    }
    this.#reached();
    this.#pauses.delete(key);
    if (thing.judge && thing.judge !== this.#judge) { this.#stop("other_judge"); return; }
    await this.#records.apply([key], rules.answered(id, thing, this.#epoch()));
  }

  #reached() {
    this.#pause = { tries: 0, until: 0 };
    if (this.unreachable) { this.unreachable = false; this.#changed(); }
  }

  async #failed(key, id, error) {
    if (!(error instanceof Refused) || !error.code) {
      this.unreachable = true;
      this.#pause = later(this.#pause.tries);
      this.#changed();
      return;
    }
    this.#reached();
    const { status, code } = error;
    if (status === 401) return this.#stop(code);
    if (status >= 500 || status === 429 || status === 408) {
      this.#pauses.set(key, later(this.#pauses.get(key)?.tries ?? 0));
      return;
    }
    const theirs = code === "conflict" && thingOf(blank(key), error.body);
    if (theirs) return this.#records.apply([key], rules.conflicted(id, theirs, this.#epoch()));
    if (code === "id_reuse") return this.#records.apply([key], rules.renamed(id));
    // A refusal counts only if it was this judge who was refused: the phone may have opened another link since.
    try {
      const { me } = await call("GET", "/api/state", undefined, { timeout: TIMEOUT_MS });
      if (me.role !== "judge" || me.id !== this.#judge) return this.#stop("other_judge");
    } catch {
      this.#pauses.set(key, later(this.#pauses.get(key)?.tries ?? 0));
      return;
    }
    const { message, params } = error;
    return this.#records.apply([key], rules.refused(id, { code, message, params: params ?? null }, Date.now()));
  }
}

const later = (tries) => ({
  tries: tries + 1,
  until: Date.now() + (0.5 + Math.random() / 2) * Math.min(LONGEST_WAIT_MS, 1000 * 2 ** tries),
});
