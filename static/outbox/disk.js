// The outbox's disk: one IndexedDB a judge, opened when it is needed and again when the browser dropped it.
import { openDB } from "/static/vendor/idb@8.0.4/idb.js";
import { newId } from "/static/api.js";

const REOPEN_MS = 5_000;
const LEASE_MS = 15_000;    // longer than a request may take, or two tabs would send the same command side by side
export const STORES = ["entries", "hands"];
export const storeOf = (key) => (typeof key === "number" ? "entries" : "hands");

export class Disk {
  /** This browser keeps nothing (a private window, a full phone): said aloud. */
  fragile = false;

  #name;
  #held;
  #changed;
  #db = null;             // a promise of the database
  #reopen = 0;
  #tab = newId();

  /** name: of the database; held(): {key: record} in memory, written as soon as there is a disk again; changed(): `fragile` is another. */
  constructor(name, { held, changed }) {
    [this.#name, this.#held, this.#changed] = [name, held, changed];
  }

  /** The database, opened at most once every few seconds; null where there is none. Safari drops it under a sleeping tab. */
  #opened() {
    if (this.#db) return this.#db;
    if (Date.now() < this.#reopen) return null;
    this.#reopen = Date.now() + REOPEN_MS;
    const gone = () => { if (this.#db === opening) this.#db = null; };
    const opening = openDB(this.#name, 2, {
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
        for (const [key, record] of this.#held()) tx.objectStore(storeOf(key)).put(record);
        await tx.done;
        this.fragile = false;
      }
      return db;
    });
    return (this.#db = opening);
  }

  /** What `doing(db)` gives, or undefined where there is no disk; then the page is `fragile`. */
  async work(doing) {
    let opening = null;
    try {
      opening = this.#opened();      // throws where the browser has none, or forbids it
      return opening ? await doing(await opening) : undefined;
    } catch (error) {
      console.warn("IndexedDB failed", error);
      if (this.#db === opening) this.#db = null;
      this.fragile = true;
      this.#changed();
      return undefined;
    }
  }

  // One tab sends. Web Locks are absent on plain http, so the right to send is a lease in IndexedDB; should two tabs
  // ever hold it, the server knows the ids.

  /** 0 when this tab may send, else the ms at which to ask again. */
  async lease() {
    const held = await this.work(async (db) => {
      const tx = db.transaction("own", "readwrite");
      const lease = await tx.store.get("lease");
      const now = Date.now(), visible = !document.hidden;
      const free = !lease || lease.tab === this.#tab || lease.until <= now || lease.until > now + LEASE_MS || (visible && !lease.visible);
      if (free) tx.store.put({ tab: this.#tab, until: now + LEASE_MS, visible }, "lease");
      await tx.done;
      return free ? 0 : lease.until;
    });
    return held || 0;      // no disk: nobody else has it either
  }

  release() {
    return this.work(async (db) => {
      const tx = db.transaction("own", "readwrite");
      if ((await tx.store.get("lease"))?.tab === this.#tab) tx.store.delete("lease");
      await tx.done;
    });
  }
}
