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
import { openDB } from "/static/vendor/idb@8.0.4/idb.js";
import { call, newId, Refused } from "/static/api.js";
import { aboutOf, blank, cursor, handKey, isBlank, isDue, keyOf, plain, recusalWaits, rules, thingOf, voteKey } from "/static/judge/rules.js";

const QUIET_MS = 600;       // a drag of a slider is one command
const AT_ONCE = 4;
const TIMEOUT_MS = 12_000;  // a dead wifi never answers
const LEASE_MS = 15_000;    // longer than a request may take, or two tabs would send the same command side by side
const LONGEST_WAIT_MS = 30_000;
const REOPEN_MS = 5_000;
const STORES = ["entries", "hands"];
const storeOf = (key) => (typeof key === "number" ? "entries" : "hands");

// --- The rescue file -----------------------------------------------------------

/**
 * The rows of a record in a rescue file, in the order in which they count: what the server has acknowledged, what is on its
 * way, what waits. Each has the id under which this phone sends it, so that loaded and sent it is one command.
 */
function rescueRows(record) {
  const r = structuredClone(record), rows = [];
  const over = [...new Set([...(r.past ?? []), ...(r.seen ? [r.seen] : [])].map((one) => one.seq))];
  const add = (sheet, { id = newId(), kind = "sheet", made: when = null }, base, more) =>
    rows.push({ entry: r.entry, at: r.at, kind, id, when, base, over, ...plain(r, sheet), ...more });
  if (r.seen?.id) add(r.seen, r.seen, cursor(r.seen), { answered: true });
  if (r.refused && !r.waiting && !r.sent) add(r.refused.wish, { kind: r.refused.wish.recused ? "recusal" : "sheet", made: r.refused.made }, cursor(r.seen));
  if (r.conflict) add(r.waiting, { made: r.waiting.made }, r.waiting.base, { conflict: true });
  for (let command = rules.take(newId())(r), after; command; command = rules.take(newId())(r)) {
    const { id, kind, wish, base } = command;
    add(wish, command, after ? null : base, after && { after });
    after = id;
    rules.answered(id, kind === "recusal" ? { ...plain(r, r.seen), recused: wish.recused, seq: 0 } : { ...wish, recused: false, seq: 0 }, "")(r);
  }
  return rows;
}

/** The rows of a record of tokens or of a ranking, in the same order; a draft stands there too, for the organiser to read. */
function handRows(record) {
  const rows = [], over = [...new Set([...(record.past ?? []), ...(record.seen ? [record.seen] : [])].map((one) => one.seq))];
  const add = ({ entries }, { id = newId(), made: when = null }, base, more) =>
    rows.push({ category: aboutOf(record.key), method: record.method, at: record.at, id, when, base, over, entries, ...more });
  const { seen, sent, waiting, conflict } = record;
  if (seen?.id) add(seen, seen, cursor(seen), { answered: true });
  if (sent) add(sent.wish, sent, sent.base);
  if (waiting) add(waiting, { made: waiting.made }, sent ? null : waiting.base, { ...(sent && { after: sent.id }), ...(waiting.draft && { draft: true }), ...(conflict && { conflict }) });
  return rows;
}

// --- The outbox ---------------------------------------------------------------

export class Outbox {
  records = new Map();
  /** Set while sending makes no sense: "link_revoked", "sign_in", "other_judge". Everything is kept. */
  problem = null;
  /** The last try did not reach the server. */
  unreachable = false;
  /** This browser keeps nothing (a private window, a full phone): said aloud. */
  fragile = false;
  /** Marks that wait for entries this contest does not have: another backup was restored. */
  aside = 0;
  /** What the server last said of the contest, for a start without it. */
  remembered = null;

  #db = null;             // a promise of the database
  #reopen = 0;
  #tab = newId();
  #epoch;
  #changed;
  #channel = null;
  #loose = [];            // laid aside without a disk
  #unkept = new Map();    // key -> changes of the judge that are not on disk yet
  #writing = new Map();   // key -> writes under way: the copy in memory is ahead of the disk's
  #meeting = Promise.resolve();      // whole states are met one after the other
  #flying = new Set();    // keys with a request on its way
  #pauses = new Map();    // key -> {tries, until}: the server answered, but not with an answer
  #pause = { tries: 0, until: 0 };
  #timer = 0;
  #pumping = false;
  #again = false;
  #hurry = false;

  /** judge: whose; epoch(): of the log the live channel stands in; changed(): called after every change. */
  constructor(judge, { epoch, changed }) {
    this.judge = judge;
    this.#epoch = epoch;
    this.#changed = changed;
  }

  async open() {
    await this.#disk(async (db) => {
      for (const store of STORES) for (const record of await db.getAll(store)) this.records.set(keyOf(record), record);
      this.remembered = (await db.get("own", "state")) ?? null;
      this.#countAside(await db.getAll("kept"));
    });
    navigator.storage?.persist?.();
    if (globalThis.BroadcastChannel) {
      this.#channel = new BroadcastChannel(`contest-judge-${this.judge}`);
      this.#channel.onmessage = ({ data }) => this.#reread(data.keys);
    }
    addEventListener("online", () => this.poke());
    addEventListener("pagehide", () => { this.#release(); });
    document.addEventListener("visibilitychange", () => { this.#hurry = document.hidden; this.poke(); });
    this.#changed();
    this.#pump();
    return this;
  }

  /** How many sheets, hands and votes the server does not have as the judge wants them. */
  get count() {
    let n = 0;
    for (const r of this.records.values()) if (r.sent || r.waiting) n += 1;
    return n;
  }

  /** Whether the newest of a record is on this phone's disk: a tab may be closed the moment that is said. */
  kept(key) { return !this.fragile && !this.#unkept.has(key); }

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
    for (const record of [...this.records.values()].filter(isForeign)) await this.#layAside(record);
    const displaced = await this.#bringBack(isHome);
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
    return this.#disk((db) => db.put("own", state, "state"));
  }

  /** The server's own sheet, hand or vote came over the live channel: {sheet}, {hand} or {run_off}. */
  see({ sheet, hand, run_off: vote }, epoch) {
    const [key, thing] = sheet ? [sheet.entry, sheet] : hand ? [handKey(hand.category), hand] : [voteKey(vote.id), vote];
    if (vote && vote.choice === null && !this.records.get(key)?.seen) return null;
    return this.#change([key], rules.see(thing, epoch));
  }

  /** Try at once: the network may be back. */
  poke() {
    this.#pause = { tries: 0, until: 0 };
    this.#pauses.clear();
    this.#pump();
  }

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
    for (const key of due) await this.#apply([key], rules.take(newId()));
    const kept = (await this.#disk((db) => db.getAll("kept"))) ?? [];
    const all = [...this.records.values(), ...kept, ...this.#loose];
    return { sheets: all.filter((r) => !r.kind).flatMap(rescueRows), hands: all.filter((r) => r.kind === "hand").flatMap(handRows) };
  }

  // Disk

  /** The database, opened at most once every few seconds; null where there is none. Safari drops it under a sleeping tab. */
  #opened() {
    if (this.#db) return this.#db;
    if (Date.now() < this.#reopen) return null;
    this.#reopen = Date.now() + REOPEN_MS;
    const gone = () => { if (this.#db === opening) this.#db = null; };
    const opening = openDB(`contest-judge-${this.judge}`, 2, {
      upgrade(db, version) {
        if (version < 1) {
          db.createObjectStore("entries", { keyPath: "entry" });
          db.createObjectStore("kept", { autoIncrement: true });
          db.createObjectStore("own");
        }
        if (version < 2) db.createObjectStore("hands", { keyPath: "key" });
      },
      blocking: (from, to, { target }) => target.close(),      // a newer page must not wait until this tab is closed
      terminated: gone,
    }).then(async (db) => {
      if (this.fragile) {   // what was changed without a disk is written now
        const tx = db.transaction(STORES, "readwrite", { durability: "strict" });
        for (const [key, record] of this.records) tx.objectStore(storeOf(key)).put(record);
        await tx.done;
        this.fragile = false;
      }
      return db;
    });
    return (this.#db = opening);
  }

  async #disk(work) {
    let opening = null;
    try {
      opening = this.#opened();      // throws where the browser has none, or forbids it
      return opening ? await work(await opening) : undefined;
    } catch (error) {
      console.warn("IndexedDB failed", error);
      if (this.#db === opening) this.#db = null;
      this.fragile = true;
      this.#changed();
      return undefined;
    }
  }

  /** Apply a rule to records: at once in memory, then on disk in one transaction, then pump. */
  async #change(keys, rule) {
    const result = await this.#apply(keys, rule);
    this.#pump();
    return result;
  }

  async #apply(keys, rule) {
    if (!keys.length) return null;
    let result = null;
    for (const key of keys) {
      const record = structuredClone(this.records.get(key) ?? blank(key));
      result = rule(record);
      this.records.set(key, record);
      this.#writing.set(key, (this.#writing.get(key) ?? 0) + 1);
    }
    this.#changed();
    const written = await this.#disk(async (db) => {
      const tx = db.transaction(STORES, "readwrite", { durability: "strict" });
      const fresh = new Map();
      for (const key of keys) {
        const store = tx.objectStore(storeOf(key));
        const record = (await store.get(key)) ?? blank(key);
        result = rule(record);
        if (isBlank(record)) store.delete(key); else store.put(record);
        fresh.set(key, record);
      }
      await tx.done;
      return fresh;
    });
    for (const key of keys) {
      const left = this.#writing.get(key) - 1;
      if (left) this.#writing.set(key, left); else this.#writing.delete(key);
      if (!left && written && this.records.has(key)) this.records.set(key, written.get(key));      // else it was laid aside meanwhile
      if (!left && this.records.has(key) && isBlank(this.records.get(key))) this.records.delete(key);
    }
    this.#changed();
    this.#channel?.postMessage({ keys });
    return result;
  }

  async #reread(keys) {
    for (const key of keys ?? []) {
      const record = await this.#disk((db) => db.get(storeOf(key), key));
      if (this.#writing.has(key)) continue;
      if (record) this.records.set(key, record); else this.records.delete(key);
    }
    this.#changed();
    this.#pump();
  }

  async #layAside(record) {
    const key = keyOf(record), store = storeOf(key);
    const kept = await this.#disk(async (db) => {
      const tx = db.transaction([store, "kept"], "readwrite", { durability: "strict" });
      const own = await tx.objectStore(store).get(key);      // none: another tab has laid it aside already
      if (own) tx.objectStore("kept").add(own);
      tx.objectStore(store).delete(key);
      await tx.done;
      return true;
    });
    this.records.delete(key);
    if (!kept) this.#loose.push(record);      // no disk: then in this tab, and in a rescue file
  }

  /**
   * The right backup is there after a wrong one: what was laid aside for its entries counts again, unless the judge has
   * wished something else there since. Returns the records that gave way, {key: record}: they say what the server has.
   */
  async #bringBack(isHome) {
    const displaced = new Map();
    const goes = (record, here) => isHome(record) && !(here?.sent || here?.waiting || here?.refused);
    const put = (record, here) => {
      if (here) displaced.set(keyOf(record), here);
      this.records.set(keyOf(record), record);
    };
    for (const record of this.#loose.filter((one) => goes(one, this.records.get(keyOf(one))))) put(record, this.records.get(keyOf(record)));
    this.#loose = this.#loose.filter((record) => this.records.get(keyOf(record)) !== record);
    this.#countAside([]);
    await this.#disk(async (db) => {
      const tx = db.transaction([...STORES, "kept"], "readwrite", { durability: "strict" });
      const left = [];
      for (let row = await tx.objectStore("kept").openCursor(); row; row = await row.continue()) {
        const record = row.value, key = keyOf(record), store = tx.objectStore(storeOf(key)), here = await store.get(key);
        if (!goes(record, here)) { left.push(record); continue; }
        store.put(record);
        row.delete();
        put(record, here);
      }
      await tx.done;
      this.#countAside(left);
    });
    return displaced;
  }

  #countAside(kept) { this.aside = [...kept, ...this.#loose].filter((r) => r.sent || r.waiting).length; }

  // One tab sends. Web Locks are absent on plain http, so the right to send is a lease in IndexedDB; should two tabs
  // ever hold it, the server knows the ids.

  async #lease() {
    const held = await this.#disk(async (db) => {
      const tx = db.transaction("own", "readwrite");
      const lease = await tx.store.get("lease");
      const now = Date.now(), visible = !document.hidden;
      const free = !lease || lease.tab === this.#tab || lease.until <= now || lease.until > now + LEASE_MS || (visible && !lease.visible);
      if (free) tx.store.put({ tab: this.#tab, until: now + LEASE_MS, visible }, "lease");
      await tx.done;
      return free ? 0 : lease.until;
    });
    if (!held) return true;
    this.#wake(held);
    return false;
  }

  #release() {
    return this.#disk(async (db) => {
      const tx = db.transaction("own", "readwrite");
      if ((await tx.store.get("lease"))?.tab === this.#tab) tx.store.delete("lease");
      await tx.done;
    });
  }

  // Sending

  #wake(at) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#pump(), Math.max(0, at - Date.now()) + 10);
  }

  /** Send whatever is due. Called after every change and by the clock; runs never overlap. */
  async #pump() {
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
    if (this.problem || !this.#epoch()) return;
    if (this.#pause.until > now) { this.#wake(this.#pause.until); return; }
    const due = [], all = [...this.records.values()], recusals = all.some(recusalWaits);
    let next = Infinity;
    for (const r of all) {
      if (this.#flying.has(keyOf(r)) || !isDue(r) || (r.kind === "hand" && recusals)) continue;
      let at = this.#pauses.get(keyOf(r))?.until ?? 0;
      if (!r.sent && !this.#hurry) at = Math.max(at, Math.min(r.waiting.changed, now) + QUIET_MS);
      if (at <= now) due.push(r); else next = Math.min(next, at);
    }
    if (next < Infinity) this.#wake(next);
    if (!due.length) return;
    if (!(await this.#lease())) return;
    due.sort((a, b) => (a.waiting?.changed ?? 0) - (b.waiting?.changed ?? 0));
    for (const record of due.slice(0, AT_ONCE - this.#flying.size)) this.#send(keyOf(record));
  }

  async #send(key) {
    this.#flying.add(key);
    try {
      const command = await this.#apply([key], rules.take(newId()));
      if (command) await this.#deliver(key, command);
    } finally {
      this.#flying.delete(key);
      if (!this.#flying.size && !this.count) this.#release();
      this.#pump();
    }
  }

  async #deliver(key, { id, path, body }) {
    let thing;
    try {
      // Named, so that a phone that has opened another judge's link meanwhile cannot write on that sheet.
      thing = thingOf(blank(key), await call("PUT", path, { ...body, judge: this.judge }, { id, timeout: TIMEOUT_MS }));
      if (!thing) throw new Error("not our server's answer");   // a hotel's sign-in page says 200 to everything
    } catch (error) {
      await this.#failed(key, id, error);
      return;
    }
    this.#reached();
    this.#pauses.delete(key);
    if (thing.judge && thing.judge !== this.judge) { this.stop("other_judge"); return; }
    await this.#apply([key], rules.answered(id, thing, this.#epoch()));
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
    if (status === 401) return this.stop(code);
    if (status >= 500 || status === 429 || status === 408) {
      this.#pauses.set(key, later(this.#pauses.get(key)?.tries ?? 0));
      return;
    }
    const theirs = code === "conflict" && thingOf(blank(key), error.body);
    if (theirs) return this.#apply([key], rules.conflicted(id, theirs, this.#epoch()));
    if (code === "id_reuse") return this.#apply([key], rules.renamed(id));
    // A refusal counts only if it was this judge who was refused: the phone may have opened another link since.
    try {
      const { me } = await call("GET", "/api/state", undefined, { timeout: TIMEOUT_MS });
      if (me.role !== "judge" || me.id !== this.judge) return this.stop("other_judge");
    } catch {
      this.#pauses.set(key, later(this.#pauses.get(key)?.tries ?? 0));
      return;
    }
    const { message, params } = error;
    return this.#apply([key], rules.refused(id, { code, message, params: params ?? null }, Date.now()));
  }
}

const later = (tries) => ({
  tries: tries + 1,
  until: Date.now() + (0.5 + Math.random() / 2) * Math.min(LONGEST_WAIT_MS, 1000 * 2 ** tries),
});

/** When each of these entries was handed in. */
const handedIn = (entries) => Object.fromEntries(entries.map(({ number, at }) => [number, at]));
