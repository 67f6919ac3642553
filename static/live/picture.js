// What is known: the store, and the cursor that says where in the log it stands. It hears of no network.
import { Store } from "/static/store.js";

/** The store, and the cursor that says where in the log it stands; null: we know nothing. */
export class Picture {
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
