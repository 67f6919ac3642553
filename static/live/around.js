// What stands around the live channel: the page and its network, which say when waiting is pointless, and those who listen to it.
import { Timers } from "/static/live/clock.js";

/** Listens for what makes waiting pointless: hears {online, offline, woken(ms away), left, back}. */
export class Surroundings {
  #clock; #tick; #heard; #timers; #last; #bound = [];

  constructor({ clock, times }, heard) {
    [this.#clock, this.#tick, this.#heard, this.#timers] = [clock, times.tick, heard, new Timers(clock)];
    this.#listen(window, "online", heard.online);
    this.#listen(window, "offline", heard.offline);
    this.#listen(window, "pagehide", heard.left);
    this.#listen(window, "pageshow", (event) => event.persisted && heard.back());      // out of the browser's page cache
    this.#listen(document, "visibilitychange", () => this.#isSeen() && heard.woken(this.#away()));
    this.#count();
  }

  close() {
    this.#timers.clearAll();
    for (const [target, name, listener] of this.#bound) target.removeEventListener(name, listener);
  }

  #listen(target, name, listener) {
    target.addEventListener(name, listener);
    this.#bound.push([target, name, listener]);
  }

  #isSeen() { return document.visibilityState === "visible"; }

  #away() { return this.#clock.now() - this.#last - this.#tick; }

  /** A machine that sleeps stops its timers, not its clock. (A tab that nobody sees has slow timers: it is asked when it is seen.) */
  #count() {
    if (this.#last !== undefined && this.#away() > 2 * this.#tick && this.#isSeen()) this.#heard.woken(this.#away());
    this.#last = this.#clock.now();
    this.#timers.set("tick", this.#tick, () => this.#count());
  }
}

/** Those who listen to the channel. A page's mistake must not stop it. */
export class Voice {
  #listeners = new Map(); #timers;

  constructor(clock) { this.#timers = new Timers(clock); }

  on(name, listener) {
    const all = this.#listeners.get(name) ?? this.#listeners.set(name, new Set()).get(name);
    all.add(listener);
    return () => all.delete(listener);
  }

  hears(name) { return Boolean(this.#listeners.get(name)?.size); }

  emit(name, ...args) {
    for (const listener of this.#listeners.get(name) ?? []) {
      try { listener(...args); } catch (problem) { console.error(problem); }
    }
  }

  /** As `emit`, but one "change" for all frames that are already here: what came in one burst is drawn once. */
  tell(name, ...args) {
    if (name !== "change") this.emit(name, ...args);
    else if (!this.#timers.has("change")) this.#timers.set("change", 0, () => this.emit("change"));
  }
}
