// The outbox's records, each as a copy in memory (the page answers at once) and a copy on disk (which counts). A rule is run on both.
// What a record holds stands at the head of outbox.js, what the rules are in judge/rules.js.
import { STORES, storeOf } from "/static/outbox/disk.js";
import { blank, isBlank, keyOf } from "/static/judge/rules.js";

export class Records {
  all = new Map();
  /** Marks that wait for entries this contest does not have: another backup was restored. */
  aside = 0;

  #disk;
  #changed;
  #told;
  #channel = null;
  #loose = [];            // laid aside without a disk
  #writing = new Map();   // key -> writes under way: the copy in memory is ahead of the disk's

  /** disk: a Disk; changed(): called after every change; told(): another tab has changed something. */
  constructor(disk, { changed, told }) {
    [this.#disk, this.#changed, this.#told] = [disk, changed, told];
  }

  /** Read what an earlier page left. */
  async load(db) {
    for (const store of STORES) for (const record of await db.getAll(store)) this.all.set(keyOf(record), record);
    this.#countAside(await db.getAll("kept"));
  }

  /** Hear what the other tabs change, and tell them. */
  listen(name) {
    if (!globalThis.BroadcastChannel) return;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => this.#reread(data.keys);
  }

  /** How many the server does not have as the judge wants them. */
  get count() {
    let n = 0;
    for (const r of this.all.values()) if (r.sent || r.waiting) n += 1;
    return n;
  }

  /** Everything, also what was laid aside. */
  async everything() {
    const kept = (await this.#disk.work((db) => db.getAll("kept"))) ?? [];
    return [...this.all.values(), ...kept, ...this.#loose];
  }

  /** Apply a rule: at once in memory, then on disk in one transaction. What it gave there, else what it gave here. */
  async apply(keys, rule) {
    if (!keys.length) return null;
    let result = null;
    for (const key of keys) {
      const record = structuredClone(this.all.get(key) ?? blank(key));
      result = rule(record);
      this.all.set(key, record);
      this.#writing.set(key, (this.#writing.get(key) ?? 0) + 1);
    }
    this.#changed();
    const written = await this.#disk.work(async (db) => {
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
      if (!left && written && this.all.has(key)) this.all.set(key, written.get(key));      // else it was laid aside meanwhile
      if (!left && this.all.has(key) && isBlank(this.all.get(key))) this.all.delete(key);
    }
    this.#changed();
    this.#channel?.postMessage({ keys });
    return result;
  }

  async #reread(keys) {
    for (const key of keys ?? []) {
      const record = await this.#disk.work((db) => db.get(storeOf(key), key));
      if (this.#writing.has(key)) continue;
      if (record) this.all.set(key, record); else this.all.delete(key);
    }
    this.#changed();
    this.#told();
  }

  /** A record of another contest: kept, not counted, not sent. */
  async layAside(record) {
    const key = keyOf(record), store = storeOf(key);
    const kept = await this.#disk.work(async (db) => {
      const tx = db.transaction([store, "kept"], "readwrite", { durability: "strict" });
      const own = await tx.objectStore(store).get(key);      // none: another tab has laid it aside already
      if (own) tx.objectStore("kept").add(own);
      tx.objectStore(store).delete(key);
      await tx.done;
      return true;
    });
    this.all.delete(key);
    if (!kept) this.#loose.push(record);      // no disk: then in this tab, and in a rescue file
  }

  /**
   * The right backup is there after a wrong one: what was laid aside for its entries counts again, unless the judge has
   * wished something else there since. Returns the records that gave way, {key: record}: they say what the server has.
   */
  async bringBack(isHome) {
    const displaced = new Map();
    const goes = (record, here) => isHome(record) && !(here?.sent || here?.waiting || here?.refused);
    const put = (record, here) => {
      if (here) displaced.set(keyOf(record), here);
      this.all.set(keyOf(record), record);
    };
    for (const record of this.#loose.filter((one) => goes(one, this.all.get(keyOf(one))))) put(record, this.all.get(keyOf(record)));
    this.#loose = this.#loose.filter((record) => this.all.get(keyOf(record)) !== record);
    this.#countAside([]);
    await this.#disk.work(async (db) => {
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
}
