// The commands of the remote, one at a time; a tap under way makes the keys wait. What the screen shows is taken from the answer, which is ahead
// of the live channel, until that has moved.
import { say, t } from "/static/words.js";
import { call, newId } from "/static/api.js";

export class Orders {
  under = false;               // a command is under way

  #store;
  #turned;
  #fail;
  #ahead = null;               // the answer to it, until the live channel brings the same
  #ids = new Map();            // commands without an answer keep their id: sent again, they happen once

  /** turned(): the keys are to be drawn anew; fail(text): said at the keys, "" takes it away. */
  constructor(store, { turned, fail }) {
    [this.#store, this.#turned, this.#fail] = [store, turned, fail];
  }

  /** What the screen shows. */
  get shown() {
    if (this.#ahead && this.#ahead.before !== this.#store.screen) this.#ahead = null;
    return this.#ahead?.screen ?? this.#store.screen;
  }

  /** Sends commands one after the other; settles with whether all were taken. */
  async send(commands) {
    if (this.under) return false;
    this.under = true;
    this.#fail("");
    this.#turned();
    const before = this.#store.screen;
    let taken = true;
    try {
      for (const [path, body] of commands) {
        const answer = await this.#order(path, body);
        if (answer.screen) this.#ahead = { before, screen: answer.screen };
      }
    } catch (error) {
      taken = false;
      this.#fail(error.code === "unreachable" ? t("remote.unreachable") : say(error));
    }
    this.under = false;
    this.#turned();
    return taken;
  }

  /** One command. Without an answer it keeps its id; once anything is answered, older ids are void, or a later tap would count as a repeat. */
  async #order(path, body) {
    const key = JSON.stringify([path, body]);
    const id = this.#ids.get(key) ?? newId();
    this.#ids.set(key, id);
    try {
      const answer = await call("POST", path, body, { id, timeout: 10000 });
      this.#ids.clear();
      return answer;
    } catch (error) {
      if (error.code !== "unreachable") this.#ids.delete(key);
      throw error;
    }
  }
}
