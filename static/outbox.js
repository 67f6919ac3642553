// The judge's outbox: a mark is on this phone before it is on the network, and stays here after it was taken.
//
// Per entry there is one record in IndexedDB (database "contest-judge-<judge>", store "entries"):
//
//     entry      its number
//     at, epoch  when it was handed in, and in which log: the same number in another contest is another entry
//     seen       the server's sheet, as last seen: {marks, note, recused, by, seq, epoch}, and, where this phone wrote it, {id, kind, made}
//     past       the sheets seen before that one: {marks, note, recused, seq}; by them a restored sheet is known for an old one
//     sent       the command on its way: {id, kind, path, body, wish, base, made}; repeated unchanged until it is answered
//     waiting    the newest marks, made since: {marks, note, recused, base, changed, made}
//     conflict   true while the judge has to choose between `waiting` and `seen`
//     refused    what was not taken, with its reason, until dismissed
//
// A *wish* is the whole sheet as the judge wants it: {marks, note, recused}. What to send next follows from the wish and
// from what was seen, so that a sheet and a recusal need one queue only. The rules below are pure functions on a record:
// each runs once on the copy in memory (the page answers at once) and once on the copy on disk (which counts).
//
// A record of an entry that this contest does not have (another backup was restored) is laid aside in the store "kept", and
// comes back with its entry.
import { openDB } from "/static/vendor/idb@8.0.4/idb.js";
import { call, newId, Refused } from "/static/api.js";

const QUIET_MS = 600;       // a drag of a slider is one command
const AT_ONCE = 4;
const TIMEOUT_MS = 12_000;  // a dead wifi never answers
const LEASE_MS = 15_000;    // longer than a request may take, or two tabs would send the same command side by side
const LONGEST_WAIT_MS = 30_000;
const REOPEN_MS = 5_000;
const PAST = 24;            // sheets of one entry that are remembered; each tap may have made one

// --- Rules -------------------------------------------------------------------

const blank = (entry) => ({ entry, at: null, epoch: null, seen: null, sent: null, waiting: null, conflict: false, refused: null });

const plain = (sheet) => ({ marks: { ...sheet?.marks }, note: sheet?.note ?? "", recused: Boolean(sheet?.recused) });

const cursor = (seen) => (seen ? `${seen.epoch}:${seen.seq}` : null);

const sameMarks = (a, b) => {
  const left = Object.entries(a?.marks ?? {}), right = b?.marks ?? {};
  return left.length === Object.keys(right).length && left.every(([k, v]) => right[k] === v) && (a?.note ?? "") === (b?.note ?? "");
};

/** Whether a record holds nothing: it is not kept. */
const isBlank = (r) => !r?.seen && !r?.sent && !r?.waiting && !r?.refused;

/** Whether two sheets say the same. A recused judge's marks do not count, so they are not compared. */
const same = (a, b) => Boolean(a?.recused) === Boolean(b?.recused) && (Boolean(a?.recused) || sameMarks(a, b));

/** Take a sheet as the server's newest. `own`: what this phone knows of it as its author. */
const adopt = (r, sheet, epoch, own = {}) => {
  if (r.seen) r.past = [...(r.past ?? []), { ...plain(r.seen), seq: r.seen.seq }].slice(-PAST);
  const { late, counted, by, seq } = sheet;
  r.seen = { ...plain(sheet), late, counted, by, seq, epoch, ...own };
};

/** What a record knows of the command that made a sheet. */
const authorship = ({ id, kind, made }) => ({ id, kind, made });

/** Whether this phone has had that very sheet before its eyes. */
const knew = (r, sheet) => (r.past ?? []).some((one) => one.seq === sheet.seq && same(one, sheet));

/** Marks that the organiser typed in: the judge chooses before they are replaced. */
const isTyped = (seen) => /^admin\b/.test(seen?.by) && !seen.recused && Object.keys(seen.marks).length > 0;

/** The sheet to show for a record: what this phone wants, else what the server has. */
export const shown = (record) => plain(record?.waiting ?? record?.sent?.wish ?? record?.refused?.wish ?? record?.seen);

/** "unsent", "refused", "sent", or "" where there is nothing to send. */
export const progress = (record) =>
  record?.waiting || record?.sent ? "unsent" : record?.refused ? "refused" : record?.seen ? "sent" : "";

const rules = {
  /** The judge wants this. The base stays that of the first change: what came in between from elsewhere is then a conflict. */
  edit: (wish, at, epoch, now) => (r) => {
    const base = r.waiting ? r.waiting.base : r.sent ? r.sent.base : cursor(r.seen);
    if (!r.waiting && !r.sent && isTyped(r.seen)) r.conflict = !wish.recused;
    if (r.conflict && same(wish, r.seen)) r.conflict = false;
    r.waiting = { ...plain(wish), base, changed: now, made: now };
    r.at = at ?? r.at;
    r.epoch = epoch ?? r.epoch;
  },

  /** Make the next command of what waits, if there is one, and give it back. */
  take: (id) => (r) => {
    if (r.sent) return r.sent;
    const { waiting, seen } = r;
    if (!waiting || r.conflict) return null;
    if (same(waiting, seen)) { r.waiting = null; return null; }
    // A server refuses marks for an entry that was left to the others: they go before the recusal, and after its end.
    const recusal = Boolean(seen?.recused) || sameMarks(waiting, seen);
    const kind = recusal ? "recusal" : "sheet";
    r.sent = {
      id: waiting.kind === kind ? waiting.id : id, kind,
      path: `/api/${recusal ? "recusals" : "sheets"}/${r.entry}`,
      body: recusal ? { recused: waiting.recused } : { marks: waiting.marks, note: waiting.note, base: waiting.base },
      wish: plain(waiting), base: waiting.base, made: waiting.made,
    };
    const leaves = recusal ? !waiting.recused && !sameMarks(waiting, seen) : waiting.recused;
    if (!leaves) r.waiting = null;
    return r.sent;
  },

  /** The server took it. */
  answered: (id, sheet, epoch) => (r) => {
    const { sent } = r;
    if (sent?.id !== id) return;
    r.sent = null;
    r.refused = null;
    const ours = sent.kind === "recusal" ? Boolean(sheet.recused) === sent.wish.recused : !sheet.recused && sameMarks(sent.wish, sheet);
    if (!r.seen || r.seen.epoch !== epoch || r.seen.seq <= sheet.seq) {
      adopt(r, sheet, epoch, ours ? { id, kind: sent.kind, made: sent.made } : {});
    }
    // Where the answer differs from what was sent, somebody else has written since: the old base makes that a conflict.
    if (r.waiting && ours) r.waiting.base = `${epoch}:${sheet.seq}`;
    if (r.waiting && same(r.waiting, r.seen)) r.waiting = null;
  },

  /** Another device of this judge, or the organiser, wrote the sheet: keep both and ask. */
  conflicted: (id, sheet, epoch) => (r) => {
    const { sent } = r;
    if (sent?.id !== id) return;
    r.sent = null;
    if (!r.seen || r.seen.epoch !== epoch || r.seen.seq <= sheet.seq) adopt(r, sheet, epoch);
    const wish = r.waiting ?? { ...sent.wish, changed: 0, made: sent.made };
    r.waiting = same(wish, r.seen) ? null : { ...wish, base: cursor(r.seen) };
    r.conflict = Boolean(r.waiting);
  },

  chosen: (mine) => (r) => {
    r.conflict = false;
    r.waiting = mine && r.waiting ? { ...r.waiting, base: cursor(r.seen), changed: 0 } : null;
  },

  refused: (id, error, now) => (r) => {
    if (r.sent?.id !== id) return;
    const { kind, wish, made } = r.sent;
    r.refused = { ...error, wish, at: now, made };
    r.sent = null;
    if (!r.waiting || r.waiting.recused !== wish.recused || !sameMarks(r.waiting, wish)) return;
    // What was left of the same wish: a recusal still goes; anything else would be refused again and again.
    r.waiting = kind === "sheet" && wish.recused ? { ...r.waiting, marks: { ...r.seen?.marks }, note: r.seen?.note ?? "" } : null;
  },

  /** The id was used with another body (a restored server): the same wish under a new id. */
  renamed: (id) => (r) => {
    if (r.sent?.id !== id) return;
    r.waiting ??= { ...r.sent.wish, base: r.sent.base, changed: 0, made: r.sent.made };
    r.sent = null;
    delete r.waiting.id;
    delete r.waiting.kind;
  },

  again: (now) => (r) => {
    if (!r.refused) return;
    if (!r.waiting && !r.sent) r.waiting = { ...r.refused.wish, base: cursor(r.seen), changed: now, made: r.refused.made };
    r.refused = null;
  },

  dismissed: () => (r) => { r.refused = null; },

  /** The server's sheet came over the live channel. */
  see: (sheet, epoch) => (r) => {
    if (r.seen && r.seen.epoch === epoch && sheet.seq <= r.seen.seq) return;
    adopt(r, sheet, epoch, r.seen?.id && same(r.seen, sheet) ? authorship(r.seen) : {});
    if (r.waiting && !r.sent && same(r.waiting, r.seen)) { r.waiting = null; r.conflict = false; }
    if (r.conflict) r.waiting.base = cursor(r.seen);
  },

  /** The whole state came. In a new epoch (a backup was restored) what this phone wrote and the state lacks is sent again. */
  meet: (sheet, epoch) => (r) => {
    if (r.seen && r.seen.epoch !== epoch) rules.moved(sheet, epoch)(r);
    if (sheet) rules.see(sheet, epoch)(r);
  },

  /**
   * From one epoch to another. The state holds what was seen last (go on), or an older sheet or none (send again what was
   * lost), or one that was never seen here: written elsewhere, perhaps since the restore and without knowledge of ours. Then
   * both are kept, and the judge chooses.
   */
  moved: (sheet, epoch) => (r) => {
    const { seen, sent } = r, base = sheet ? `${epoch}:${sheet.seq}` : null;
    const wish = r.waiting ?? (sent && { ...sent.wish, base: sent.base, changed: 0, ...authorship(sent) });
    if (sheet && same(seen, sheet)) {
      r.waiting = wish && { ...wish, base: wish.base === cursor(seen) ? base : wish.base };
      r.sent = null;
      return;
    }
    const known = !sheet || knew(r, sheet);
    const lost = wish ?? (seen.id ? { ...plain(seen), changed: 0, ...authorship(seen) } : null);
    r.waiting = lost && { ...lost, base };
    r.conflict = Boolean(lost) && !known && !same(lost, sheet);
    r.sent = null;
    r.seen = null;
  },
};

// --- The rescue file -----------------------------------------------------------

/**
 * The rows of a record in a rescue file, in the order in which they count: what the server has acknowledged, what is on its
 * way, what waits. Each has the id under which this phone sends it, so that loaded and sent it is one command.
 */
function rescueRows(record) {
  const r = structuredClone(record), rows = [];
  const over = [...new Set([...(r.past ?? []), ...(r.seen ? [r.seen] : [])].map((one) => one.seq))];
  const add = (sheet, { id = newId(), kind = "sheet", made: when = null }, base, more) =>
    rows.push({ entry: r.entry, at: r.at, kind, id, when, base, over, ...plain(sheet), ...more });
  if (r.seen?.id) add(r.seen, r.seen, cursor(r.seen), { answered: true });
  if (r.refused && !r.waiting && !r.sent) add(r.refused.wish, { kind: r.refused.wish.recused ? "recusal" : "sheet", made: r.refused.made }, cursor(r.seen));
  if (r.conflict) add(r.waiting, { made: r.waiting.made }, r.waiting.base, { conflict: true });
  for (let command = rules.take(newId())(r), after; command; command = rules.take(newId())(r)) {
    const { id, kind, wish, base } = command;
    add(wish, command, after ? null : base, after && { after });
    after = id;
    rules.answered(id, kind === "recusal" ? { ...plain(r.seen), recused: wish.recused, seq: 0 } : { ...wish, recused: false, seq: 0 }, "")(r);
  }
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
  #unkept = new Map();    // entry -> changes of the judge that are not on disk yet
  #writing = new Map();   // entry -> writes under way: the copy in memory is ahead of the disk's
  #flying = new Set();    // entries with a request on its way
  #pauses = new Map();    // entry -> {tries, until}: the server answered, but not with an answer
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
      for (const record of await db.getAll("entries")) this.records.set(record.entry, record);
      this.remembered = (await db.get("own", "state")) ?? null;
      this.#countAside(await db.getAll("kept"));
    });
    navigator.storage?.persist?.();
    if (globalThis.BroadcastChannel) {
      this.#channel = new BroadcastChannel(`contest-judge-${this.judge}`);
      this.#channel.onmessage = ({ data }) => this.#reread(data.entries);
    }
    addEventListener("online", () => this.poke());
    addEventListener("pagehide", () => { this.#release(); });
    document.addEventListener("visibilitychange", () => { this.#hurry = document.hidden; this.poke(); });
    this.#changed();
    this.#pump();
    return this;
  }

  /** Entries whose newest marks the server does not have yet. */
  get count() {
    let n = 0;
    for (const r of this.records.values()) if (r.sent || r.waiting) n += 1;
    return n;
  }

  /** Whether the newest marks of an entry are on this phone's disk: a tab may be closed the moment that is said. */
  kept(entry) { return !this.fragile && !this.#unkept.has(entry); }

  async edit({ number, at }, wish) {
    this.#unkept.set(number, (this.#unkept.get(number) ?? 0) + 1);
    await this.#change([number], rules.edit(wish, at, this.#epoch(), Date.now()));
    const left = this.#unkept.get(number) - 1;
    if (left) this.#unkept.set(number, left); else this.#unkept.delete(number);
    this.#changed();
  }
  choose(entry, mine) { return this.#change([entry], rules.chosen(mine)); }
  dismiss(entry) { return this.#change([entry], rules.dismissed()); }
  again(entry) { return this.#change([entry], rules.again(Date.now())); }

  /** The whole state: sheets seen, a new epoch noticed, records of another contest laid aside, those of this one brought back. */
  async meet({ epoch, entries, sheets }) {
    const at = new Map(entries.map((e) => [e.number, e.at]));
    const foreign = [...this.records.values()].filter((r) => (at.has(r.entry) ? r.at && at.get(r.entry) !== r.at : r.epoch !== epoch));
    for (const record of foreign) await this.#layAside(record);
    await this.#bringBack(at);
    const bySheet = new Map(sheets.map((s) => [s.entry, s]));
    const numbers = new Set([...this.records.keys(), ...bySheet.keys()]);
    await this.#change([...numbers], (r) => {
      r.at ??= at.get(r.entry) ?? null;
      r.epoch = epoch;
      rules.meet(bySheet.get(r.entry), epoch)(r);
    });
  }

  /** Keep what is known of the contest, for a start without the server. */
  remember(state) {
    this.remembered = state;
    return this.#disk((db) => db.put("own", state, "state"));
  }

  see(sheet, epoch) { return this.#change([sheet.entry], rules.see(sheet, epoch)); }

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

  /** The rows of a rescue file: everything this phone knows. What waits gets its id now, and is sent under it later. */
  async rescue() {
    const due = [...this.records.values()].filter((r) => r.waiting && !r.sent && !r.conflict).map((r) => r.entry);
    for (const entry of due) await this.#apply([entry], rules.take(newId()));
    const kept = (await this.#disk((db) => db.getAll("kept"))) ?? [];
    return [...this.records.values(), ...kept, ...this.#loose].flatMap(rescueRows);
  }

  // Disk

  /** The database, opened at most once every few seconds; null where there is none. Safari drops it under a sleeping tab. */
  #opened() {
    if (this.#db) return this.#db;
    if (Date.now() < this.#reopen) return null;
    this.#reopen = Date.now() + REOPEN_MS;
    const gone = () => { if (this.#db === opening) this.#db = null; };
    const opening = openDB(`contest-judge-${this.judge}`, 1, {
      upgrade(db) {
        db.createObjectStore("entries", { keyPath: "entry" });
        db.createObjectStore("kept", { autoIncrement: true });
        db.createObjectStore("own");
      },
      terminated: gone,
    }).then(async (db) => {
      if (this.fragile) {   // what was changed without a disk is written now
        const tx = db.transaction("entries", "readwrite", { durability: "strict" });
        for (const record of this.records.values()) tx.store.put(record);
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
  async #change(entries, rule) {
    const result = await this.#apply(entries, rule);
    this.#pump();
    return result;
  }

  async #apply(entries, rule) {
    if (!entries.length) return null;
    let result = null;
    for (const entry of entries) {
      const record = structuredClone(this.records.get(entry) ?? blank(entry));
      result = rule(record);
      this.records.set(entry, record);
      this.#writing.set(entry, (this.#writing.get(entry) ?? 0) + 1);
    }
    this.#changed();
    const written = await this.#disk(async (db) => {
      const tx = db.transaction("entries", "readwrite", { durability: "strict" });
      const fresh = new Map();
      for (const entry of entries) {
        const record = (await tx.store.get(entry)) ?? blank(entry);
        result = rule(record);
        if (isBlank(record)) tx.store.delete(entry); else tx.store.put(record);
        fresh.set(entry, record);
      }
      await tx.done;
      return fresh;
    });
    for (const entry of entries) {
      const left = this.#writing.get(entry) - 1;
      if (left) this.#writing.set(entry, left); else this.#writing.delete(entry);
      if (!left && written && this.records.has(entry)) this.records.set(entry, written.get(entry));      // else it was laid aside meanwhile
      if (!left && this.records.has(entry) && isBlank(this.records.get(entry))) this.records.delete(entry);
    }
    this.#changed();
    this.#channel?.postMessage({ entries });
    return result;
  }

  async #reread(entries) {
    for (const entry of entries ?? []) {
      const record = await this.#disk((db) => db.get("entries", entry));
      if (this.#writing.has(entry)) continue;
      if (record) this.records.set(entry, record); else this.records.delete(entry);
    }
    this.#changed();
    this.#pump();
  }

  async #layAside(record) {
    const kept = await this.#disk(async (db) => {
      const tx = db.transaction(["entries", "kept"], "readwrite", { durability: "strict" });
      tx.objectStore("kept").add(record);
      tx.objectStore("entries").delete(record.entry);
      await tx.done;
      return true;
    });
    this.records.delete(record.entry);
    if (!kept) this.#loose.push(record);      // no disk: then in this tab, and in a rescue file
  }

  /** The right backup is there after a wrong one: what was laid aside for its entries counts again. `at`: entry -> when it was handed in. */
  async #bringBack(at) {
    const home = (record) => record.at && at.get(record.entry) === record.at && isBlank(this.records.get(record.entry));
    for (const record of this.#loose.filter(home)) this.records.set(record.entry, record);
    this.#loose = this.#loose.filter((record) => this.records.get(record.entry) !== record);
    this.#countAside([]);
    await this.#disk(async (db) => {
      const tx = db.transaction(["entries", "kept"], "readwrite", { durability: "strict" });
      const kept = tx.objectStore("kept"), entries = tx.objectStore("entries"), left = [];
      for (let row = await kept.openCursor(); row; row = await row.continue()) {
        const record = row.value;
        if (!home(record) || !isBlank(await entries.get(record.entry))) { left.push(record); continue; }
        entries.put(record);
        row.delete();
        this.records.set(record.entry, record);
      }
      await tx.done;
      this.#countAside(left);
    });
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
    const due = [];
    let next = Infinity;
    for (const r of this.records.values()) {
      if (this.#flying.has(r.entry) || !(r.sent || (r.waiting && !r.conflict))) continue;
      let at = this.#pauses.get(r.entry)?.until ?? 0;
      if (!r.sent && !this.#hurry) at = Math.max(at, Math.min(r.waiting.changed, now) + QUIET_MS);
      if (at <= now) due.push(r); else next = Math.min(next, at);
    }
    if (next < Infinity) this.#wake(next);
    if (!due.length) return;
    if (!(await this.#lease())) return;
    due.sort((a, b) => (a.waiting?.changed ?? 0) - (b.waiting?.changed ?? 0));
    for (const record of due.slice(0, AT_ONCE - this.#flying.size)) this.#send(record.entry);
  }

  async #send(entry) {
    this.#flying.add(entry);
    try {
      const command = await this.#apply([entry], rules.take(newId()));
      if (command) await this.#deliver(entry, command);
    } finally {
      this.#flying.delete(entry);
      if (!this.#flying.size && !this.count) this.#release();
      this.#pump();
    }
  }

  async #deliver(entry, { id, path, body }) {
    let answer;
    try {
      // Named, so that a phone that has opened another judge's link meanwhile cannot write on that sheet.
      answer = await call("PUT", path, { ...body, judge: this.judge }, { id, timeout: TIMEOUT_MS });
      if (!answer?.sheet) throw new Error("not our server's answer");   // a hotel's sign-in page says 200 to everything
    } catch (error) {
      await this.#failed(entry, id, error);
      return;
    }
    this.#reached();
    this.#pauses.delete(entry);
    if (answer.sheet.judge !== this.judge) { this.stop("other_judge"); return; }
    await this.#apply([entry], rules.answered(id, answer.sheet, this.#epoch()));
  }

  #reached() {
    this.#pause = { tries: 0, until: 0 };
    if (this.unreachable) { this.unreachable = false; this.#changed(); }
  }

  async #failed(entry, id, error) {
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
      this.#pauses.set(entry, later(this.#pauses.get(entry)?.tries ?? 0));
      return;
    }
    if (code === "conflict" && error.body?.sheet) return this.#apply([entry], rules.conflicted(id, error.body.sheet, this.#epoch()));
    if (code === "id_reuse") return this.#apply([entry], rules.renamed(id));
    // A refusal counts only if it was this judge who was refused: the phone may have opened another link since.
    try {
      const { me } = await call("GET", "/api/state", undefined, { timeout: TIMEOUT_MS });
      if (me.role !== "judge" || me.id !== this.judge) return this.stop("other_judge");
    } catch {
      this.#pauses.set(entry, later(this.#pauses.get(entry)?.tries ?? 0));
      return;
    }
    const { message, params } = error;
    return this.#apply([entry], rules.refused(id, { code, message, params: params ?? null }, Date.now()));
  }
}

const later = (tries) => ({
  tries: tries + 1,
  until: Date.now() + (0.5 + Math.random() / 2) * Math.min(LONGEST_WAIT_MS, 1000 * 2 ** tries),
});
