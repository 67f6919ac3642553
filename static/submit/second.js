// The second photo that a category asks for: chosen, made small and sent under an id of its own, which stays the same until the
// server has answered, so that a wifi that breaks off costs a wait and never a photo twice. /submit, /mine, the desk and /admin use it.
import { t, say, number } from "/static/words.js";
import { newId } from "/static/api.js";
import { shrink } from "/static/shrink.js";
import { Upload } from "/static/upload.js";
import { drawIcons, make, put } from "/static/submit/parts.js";

const ACCEPT = "image/jpeg,image/png,image/webp,image/avif";
let made = 0;

/** Two buttons for a photo, by camera or from the files; `taken(file)` is called with what was chosen. */
export function photoButtons(taken, described) {
  const pick = (words, icon, more) => {
    const id = `second-${++made}`;
    const input = make("input", { type: "file", class: "pick-file", id, accept: ACCEPT, "aria-describedby": described, ...more });
    input.addEventListener("change", () => {
      taken(input.files[0]);
      input.value = "";
    });
    return make("span", { class: "pick" }, input, make("label", { class: "button", for: id, "data-icon": icon, text: words }));
  };
  const box = make("div", { class: "photo-buttons" }, pick(t("submit.take-photo"), "camera", { capture: "environment" }), pick(t("submit.choose-photo"), "image"));
  drawIcons(box);
  return box;
}

/**
 * A place where a second photo is asked for and sent.
 *   path     where it goes: "/api/mine/LINK/photos", "/api/entries/118/photos"
 *   words    what is asked for, a sentence
 *   arrived  called with the entry once the server has it
 *   ended    called when nothing is under way any more
 */
export class SecondPhoto {
  constructor({ path, words, arrived = () => {}, ended = () => {} }) {
    Object.assign(this, { path, arrived, ended, id: newId(), upload: null });
    const key = `second-words-${++made}`;
    this.words = make("p", { class: "second-words", id: key, text: words, role: "status" });
    this.more = make("p", { class: "muted", hidden: true });
    this.error = make("p", { class: "field-error", "data-error": true, hidden: true });
    this.bar = make("progress", { class: "second-bar", max: 1, value: 0, hidden: true, "aria-labelledby": key });
    this.again = make("button", { type: "button", class: "button button-primary", text: t("submit.try-now"), "data-try-second": true, hidden: true });
    this.again.addEventListener("click", () => this.upload?.tryNow());
    this.buttons = photoButtons((file) => this.take(file), key);
    this.element = make("div", { class: "second", "data-second": "asked" }, this.words, this.bar, this.more, this.error, this.again, this.buttons);
  }

  get busy() { return Boolean(this.upload && !this.upload.ended); }

  async take(file) {
    if (!file || this.busy) return;
    this.#show("reading", t("submit.photo-reading"));
    try {
      this.send(await shrink(file));
    } catch (problem) {
      this.#refused(problem.code ? problem : { code: "photo_broken" });
    }
  }

  /** Sends a photo that shrink() has made. */
  send(photo) {
    this.upload = new Upload({ id: this.id, fields: {}, photo, path: this.path }, (state) => this.#told(state)).start();
  }

  #show(state, words, more = "") {
    this.element.dataset.second = state;
    put(this.words, words);
    put(this.more, more);
    this.more.hidden = !more;
    this.bar.hidden = !["sending", "waiting"].includes(state);
    this.again.hidden = state !== "waiting";
    this.buttons.hidden = !["asked", "refused"].includes(state);
    this.error.hidden = state !== "refused";
  }

  #told({ phase, share = 0, seconds, error, entry }) {
    if (phase === "sending") this.#show("sending", t("submit.second-sending", { percent: number(Math.floor(share * 100), 0) }), t("submit.keep-open"));
    if (phase === "arriving") this.#show("sending", t("submit.second-sending", { percent: number(100, 0) }));
    if (phase === "waiting") this.#show("waiting", t("submit.again", { n: seconds }), `${error ? say(error) : t("submit.second-no-network")} ${t("submit.keep-open")}`);
    this.bar.value = phase === "arriving" ? 1 : share;
    if (phase === "refused") this.#refused(error);
    if (phase === "done") {
      this.#show("done", t("submit.second-done"));
      this.arrived(entry);
    }
    if (this.upload?.ended) this.ended();
  }

  #refused(error) {
    // Another photo is another thing to send; but what was only too much at once may be tried again as it is.
    this.id = newId();
    put(this.error, say(error));
    this.#show("refused", t("submit.second-not"));
    this.error.setAttribute("role", "alert");
  }
}
