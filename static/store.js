// What this page knows: the state the server sent, kept up to date by its messages. Pure: no network, no clock, no DOM.
// A thing replaces the one of the same key (docs/realtime.md, Messages), so nothing here knows the name of an event.

/** The key of each kind of thing there are many of. */
const KEY = {
  category: (category) => category.id,
  entry: (entry) => entry.number,
  judge: (judge) => judge.id,
  sheet: (sheet) => pairKey(sheet.entry, sheet.judge),
  hand: (hand) => pairKey(hand.category, hand.judge),
  run_off: (runOff) => runOff.id,
  tie: (tie) => tie.category,
  choice: (choice) => choice.category,
  decision: (decision) => decision.category,
  winners: (winners) => winners.category,
};
/** The things there is one of, as they are before anybody said anything. */
const NOTHING = { contest: {}, screen: { mode: "wall" }, stage: { entry: null, follow: true } };
const SINGLE = Object.keys(NOTHING);
const LISTS = { category: "categories", entry: "entries", judge: "judges", sheet: "sheets", hand: "hands", run_off: "run_offs", tie: "ties", choice: "choices",
  decision: "decisions", winners: "winners" };

/** What a judge gave to an entry (a sheet) or to a category (a hand). */
const pairKey = (about, judge) => `${about}/${judge}`;

export class Store {
  #things = {};      // kind -> Map(key -> thing)
  #sorted = {};      // kind -> array, made when first asked for after a change

  constructor() {
    this.replace({});
  }

  /** Forget everything and take a full state (GET /api/state). One that is broken throws, and nothing is changed. */
  replace(state) {
    const things = {};
    for (const [kind, list] of Object.entries(LISTS)) {
      things[kind] = new Map((state[list] ?? []).map((thing) => [KEY[kind](thing), thing]));
    }
    this.epoch = state.e;
    this.me = state.me ?? { role: "public" };
    for (const kind of SINGLE) this[kind] = state[kind] ?? NOTHING[kind];
    this.#things = things;
    this.#sorted = {};
  }

  /** Take one message: the new thing in place of the old, or the old one gone. Unknown kinds are for a newer page. */
  apply({ d }) {
    for (const [kind, thing] of Object.entries(d)) {
      if (kind === "gone") {
        for (const [goneKind, key] of Object.entries(thing)) this.#change(goneKind, (map) => map.delete(Array.isArray(key) ? pairKey(...key) : key));
      } else if (SINGLE.includes(kind)) this[kind] = thing;
      else if (kind in KEY) this.#change(kind, (map) => map.set(KEY[kind](thing), thing));
    }
  }

  #change(kind, how) {
    if (!this.#things[kind]) return;
    how(this.#things[kind]);
    delete this.#sorted[kind];
    if (kind === "category") delete this.#sorted.winners;      // they stand in the categories' order
  }

  #list(kind, order) {
    return (this.#sorted[kind] ??= [...this.#things[kind].values()].sort(order));
  }

  get categories() { return this.#list("category", (a, b) => a.position - b.position || (a.id < b.id ? -1 : 1)); }
  get entries() { return this.#list("entry", (a, b) => a.number - b.number); }
  get judges() { return this.#list("judge", (a, b) => a.name.localeCompare(b.name)); }
  get sheets() { return this.#list("sheet", (a, b) => a.entry - b.entry); }
  get hands() { return this.#list("hand", () => 0); }
  /** The run-offs in the order called: r1, r2, ... */
  get runOffs() { return this.#list("run_off", (a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1))); }
  get ties() { return this.#list("tie", () => 0); }
  get decisions() { return this.#list("decision", () => 0); }
  get winners() { return this.#list("winners", (a, b) => this.#position(a) - this.#position(b)); }

  #position(thing) { return this.category(thing.category)?.position ?? Infinity; }

  category(id) { return this.#things.category.get(id); }
  entry(number) { return this.#things.entry.get(Number(number)); }
  judge(id) { return this.#things.judge.get(id); }
  /** One judge's sheet for an entry; the asker's own when no judge is named. */
  sheet(entry, judge = this.me.id) { return this.#things.sheet.get(pairKey(entry, judge)); }
  /** One judge's tokens or ranking in a category; the asker's own when no judge is named. */
  hand(category, judge = this.me.id) { return this.#things.hand.get(pairKey(category, judge)); }
  runOff(id) { return this.#things.run_off.get(id); }
  tie(category) { return this.#things.tie.get(category); }
  /** How the voting of a people's choice goes; only the organiser is told. */
  choice(category) { return this.#things.choice.get(category); }
  decision(category) { return this.#things.decision.get(category); }
  winnersOf(category) { return this.#things.winners.get(category); }
  /** The entries of a category, by number. */
  entriesOf(category) { return this.entries.filter((entry) => entry.category === category); }
}
