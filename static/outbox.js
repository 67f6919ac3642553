// The judge's outbox: a mark is on this phone before it is on the network, and stays here after it was taken.
//
// Per entry there is one record in IndexedDB (database "contest-judge-<judge>", store "entries"); per category that is judged by
// tokens or by a ranking, and per run-off, one in the store "hands":
//
//     entry, key of a sheet: its entry's number; "hand/<category>", "vote/<run-off>" (then also `kind`, and `method` of a hand)
//     at, epoch  when the entry was handed in ({number: when} of a hand or vote), and in which log: the same number in another
//                contest is another entry
//     seen       the server's sheet, hand or vote, as last seen: {marks, note, recused | entries | choice, by, seq, epoch}, and,
//                where this phone wrote it, {id, kind, made}
//     past       those seen before that one: {marks, note, recused | entries, seq}; by them a restored one is known for an old one
//     sent       the command on its way: {id, kind, path, body, wish, base, made}; repeated unchanged until it is answered
//     waiting    the newest, made since: {marks, note, recused | entries | choice, base, changed, made}; `draft`: a ranking that is
//                not whole yet is not sent
//     conflict   true while the judge has to choose between `waiting` and `seen`
//     refused    what was not taken, with its reason, until dismissed
//
// A *wish* is the whole sheet, hand or vote as the judge wants it. What to send next follows from the wish and from what was
// seen, so that a sheet and a recusal need one queue only. The rules (static/judge/rules.js) are pure functions on a record:
// each runs once on the copy in memory (the page answers at once) and once on the copy on disk (which counts).
//
// A record of an entry that this contest does not have (another backup was restored) is laid aside in the store "kept", and
// comes back with its entry.
//
// In memory and on disk it is kept by static/outbox/records.js and disk.js, sent by sender.js, and saved as a file by rescue.js; here
// stands what the judge and the server do to it.
import { newId } from "/static/api.js";
import { Disk } from "/static/outbox/disk.js";
import { Records } from "/static/outbox/records.js";
import { rowsOf } from "/static/outbox/rescue.js";
import { Sender } from "/static/outbox/sender.js";
import { handKey, isDue, keyOf, rules, voteKey } from "/static/judge/rules.js";

export class Outbox {
  /** Set while sending makes no sense: "link_revoked", "sign_in", "other_judge". Everything is kept. */
  problem = null;
  /** What the server last said of the contest, for a start without it. */
  remembered = null;

  #epoch;
  #changed;
  #disk;
  #records;
  #sender;
  #unkept = new Map();    // key -> changes of the judge that are not on disk yet
  #meeting = Promise.resolve();      // whole states are met one after the other

  /** judge: whose; epoch(): of the log the live channel stands in; changed(): called after every change. */
  constructor(judge, { epoch, changed }) {
    [this.judge, this.#epoch, this.#changed] = [judge, epoch, changed];
    const disk = this.#disk = new Disk(this.#name, { held: () => this.records, changed });
    const records = this.#records = new Records(disk, { changed, told: () => this.#sender.pump() });
    this.#sender = new Sender({ judge, records, disk, epoch, changed, isStopped: () => Boolean(this.problem), stop: (problem) => this.stop(problem) });
  }

  get #name() { return `contest-judge-${this.judge}`; }

  get records() { return this.#records.all; }
  /** How many sheets, hands and votes the server does not have as the judge wants them. */
  get count() { return this.#records.count; }
  /** Marks that wait for entries this contest does not have. */
  get aside() { return this.#records.aside; }
  /** This browser keeps nothing. */
  get fragile() { return this.#disk.fragile; }
  /** The last try did not reach the server. */
  get unreachable() { return this.#sender.unreachable; }

  async open() {
    await this.#disk.work(async (db) => {
      await this.#records.load(db);
      this.remembered = (await db.get("own", "state")) ?? null;
    });
    navigator.storage?.persist?.();
    this.#records.listen(this.#name);
    addEventListener("online", () => this.poke());
    addEventListener("pagehide", () => { this.#disk.release(); });
    document.addEventListener("visibilitychange", () => this.#sender.hurry(document.hidden));
    this.#changed();
    this.#sender.pump();
    return this;
  }

  /** Whether the newest of a record is on this phone's disk: a tab may be closed the moment that is said. */
  kept(key) { return !this.#disk.fragile && !this.#unkept.has(key); }

  /** The judge marks an entry. */
  edit({ number, at }, wish) { return this.#edit(number, wish, { at }); }

  /**
   * The judge gives tokens or ranks.
   *   category   the category, a thing
   *   entries    the entries concerned: what is handed in under the same numbers in another contest is something else
   *   wish       {entries: [numbers], draft}
   */
  editHand({ id, method }, entries, wish) { return this.#edit(handKey(id), wish, { at: handedIn(entries), method }); }

  vote({ id }, entries, choice) { return this.#edit(voteKey(id), { choice }, { at: handedIn(entries) }); }

  async #edit(key, wish, about) {
    this.#unkept.set(key, (this.#unkept.get(key) ?? 0) + 1);
    await this.#change([key], rules.edit(wish, about, this.#epoch(), Date.now()));
    const left = this.#unkept.get(key) - 1;
    if (left) this.#unkept.set(key, left); else this.#unkept.delete(key);
    this.#changed();
  }
  choose(key, mine) { return this.#change([key], rules.chosen(mine)); }
  dismiss(key) { return this.#change([key], rules.dismissed()); }
  again(key) { return this.#change([key], rules.again(Date.now())); }

  async #change(keys, rule) {
    const result = await this.#records.apply(keys, rule);
    this.#sender.pump();
    return result;
  }

  /**
   * The whole state: what was seen, a new epoch noticed, records of another contest laid aside, those of this one brought back.
   * One after the other: a state that comes while records are still being laid aside for the one before brings all of them back.
   *   state   {epoch, entries, categories, runOffs, sheets, hands}, the sheets and hands the judge's own
   */
  meet(state) { return (this.#meeting = this.#meeting.then(() => this.#meet(state))); }

  async #meet({ epoch, entries, categories, runOffs, sheets, hands }) {
    const at = new Map(entries.map((e) => [e.number, e.at]));
    const known = new Set([...categories.map((c) => handKey(c.id)), ...runOffs.map((r) => voteKey(r.id))]);
    const isHome = (r) => (r.kind ? known.has(r.key) && Object.entries(r.at ?? {}).every(([number, when]) => at.get(Number(number)) === when)
      : Boolean(r.at) && at.get(r.entry) === r.at);
    const isForeign = (r) => (r.kind || !at.has(r.entry) ? r.epoch !== epoch && !isHome(r) : r.at && !isHome(r));
    for (const record of [...this.records.values()].filter(isForeign)) await this.#records.layAside(record);
    const displaced = await this.#records.bringBack(isHome);
    this.#changed();      // what was laid aside is said, also where no record is left
    const things = new Map([...sheets.map((s) => [s.entry, s]), ...hands.map((h) => [handKey(h.category), h]),
      ...runOffs.filter((r) => r.choice !== null).map((r) => [voteKey(r.id), r])]);
    for (const [key, { seen }] of displaced) if (seen?.epoch === epoch && !(things.get(key)?.seq >= seen.seq)) things.set(key, seen);
    await this.#change([...new Set([...this.records.keys(), ...things.keys()])], (r) => {
      const thing = things.get(keyOf(r));
      r.at ??= r.kind ? handedIn((thing?.entries ?? []).map((number) => ({ number, at: at.get(number) }))) : at.get(r.entry) ?? null;
      if (r.kind === "hand") r.method ??= categories.find((c) => handKey(c.id) === r.key)?.method ?? null;
      r.epoch = epoch;
      rules.meet(thing, epoch)(r);
    });
  }

  /** Keep what is known of the contest, for a start without the server. */
  remember(state) {
    this.remembered = state;
    return this.#disk.work((db) => db.put("own", state, "state"));
  }

  /** The server's own sheet, hand or vote came over the live channel: {sheet}, {hand} or {run_off}. */
  see({ sheet, hand, run_off: vote }, epoch) {
    const [key, thing] = sheet ? [sheet.entry, sheet] : hand ? [handKey(hand.category), hand] : [voteKey(vote.id), vote];
    if (vote && vote.choice === null && !this.records.get(key)?.seen) return null;
    return this.#change([key], rules.see(thing, epoch));
  }

  /** Try at once: the network may be back. */
  poke() { this.#sender.poke(); }

  stop(problem) { this.problem = problem; this.#changed(); }

  resume() {
    if (!this.problem) return;
    this.problem = null;
    this.#changed();
    this.poke();
  }

  /** The rows of a rescue file, {sheets, hands}: everything this phone knows. What waits gets its id now, and is sent under it later. */
  async rescue() {
    const due = [...this.records.values()].filter((r) => isDue(r) && !r.sent).map(keyOf);
    for (const key of due) await this.#records.apply([key], rules.take(newId()));
    return rowsOf(await this.#records.everything());
  }
}

/** When each of these entries was handed in. */
const handedIn = (entries) => Object.fromEntries(entries.map(({ number, at }) => [number, at]));
