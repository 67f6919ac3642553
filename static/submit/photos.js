// The two photos of the form, as shrink() made them: the tattoo, in its slot, and the one that some categories ask for beside it.
import { t, say } from "/static/words.js";
import { shrink } from "/static/shrink.js";
import { announce, fieldOf, find, showError } from "/static/submit/form.js";
import { make, put } from "/static/submit/parts.js";
import { photoButtons } from "/static/submit/second.js";

export class Photos {
  photo = null;
  second = null;
  #isBusy;
  #reading = 0;            // counts the files chosen, so that a slow one cannot overwrite a later one

  /** isBusy(): an upload is under way, and its photo stays. */
  constructor(isBusy) {
    this.#isBusy = isBusy;
    this.clear();
  }

  /** Whether a file is being made ready. */
  get reads() { return find("slot").dataset.slotState === "reading"; }

  clear() {
    this.photo = this.second = null;
    this.#reading += 1;
    this.drawSecond();
    this.#show("empty", t("submit.photo-none"));
  }

  #show(state, words = "") {
    const image = find("slot-photo");
    find("slot").dataset.slotState = state;
    if (image.src) URL.revokeObjectURL(image.src);
    image.hidden = !this.photo?.shown;
    if (this.photo?.shown) image.src = URL.createObjectURL(this.photo.blob);
    else image.removeAttribute("src");
    put(find("slot-words"), words);
  }

  /** Make a file ready; one that was chosen later counts, however long each takes. */
  async take(file) {
    if (!file || this.#isBusy()) return;
    const mine = ++this.#reading;
    this.photo = null;
    showError("photo", "");
    this.#show("reading", t("submit.photo-reading"));
    try {
      const made = await shrink(file);
      if (mine !== this.#reading) return;
      this.photo = made;
      showError("photo", "");
      this.#show("chosen", made.shown ? "" : t("submit.photo-unseen", { name: made.name }));
      announce(t("submit.photo-ready"));
    } catch (problem) {
      if (mine !== this.#reading) return;
      this.#show("empty", t("submit.photo-none"));
      showError("photo", say(problem.code ? problem : { code: "photo_broken" }));
      announce(say(problem.code ? problem : { code: "photo_broken" }));
    }
  }

  async takeSecond(file) {
    if (!file) return;
    showError("second", "");
    try {
      this.second = await shrink(file);
    } catch (problem) {
      this.second = null;
      showError("second", say(problem.code ? problem : { code: "photo_broken" }));
      announce(fieldOf("second").querySelector("[data-error]").textContent);
    }
    this.drawSecond();
  }

  /** The slot of the form: what is chosen for a second photo, or the buttons to choose it. */
  drawSecond() {
    const slot = find("second-slot");
    for (const image of slot.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    if (!this.second) {
      slot.replaceChildren(photoButtons((file) => this.takeSecond(file), "second-hint second-error"));
      return;
    }
    const image = this.second.shown && make("img", { alt: t("submit.second-chosen"), src: URL.createObjectURL(this.second.blob) });
    const other = make("button", { type: "button", class: "button button-quiet", "data-second-other": true, text: t("submit.second-other") });
    other.addEventListener("click", () => {
      this.second = null;
      this.drawSecond();
      slot.querySelector("input").focus();
    });
    slot.replaceChildren(make("div", { class: "second-chosen" }, image, make("span", { text: this.second.shown ? t("submit.second-chosen") : t("submit.photo-unseen", { name: this.second.name }) }), other));
  }
}
