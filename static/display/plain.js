// The two plain scenes: the entry that stands on the stage, and a message from the organiser.
import { t } from "/static/words.js";
import { decoded, fit, make, photoPath, ratio } from "./dom.js";

const TITLE = [112, 96, 84, 72, 64, 56, 48, 40, 36].map((size) => ({ "--name": size }));
const TEXT = [160, 144, 128, 112, 96, 84, 72, 64, 56, 48, 44, 40, 36].map((size) => ({ "--name": size }));

/** The entry on stage: its photo and its number, never a name, and who is next. With nobody there: the event's name. */
export class Stage {
  constructor({ entry }) {
    this.entry = entry;
    this.next = make("p", { class: "stage-next", hidden: true });
    this.title = make("p", { class: "stage-category", "data-fit": true, dir: "auto" });
    this.words = make("div", { class: "stage-words" });
    this.photo = make("img", { class: "stage-photo", alt: "", draggable: "false" });
    this.element = make("section", { class: "scene stage", "data-empty": !entry, "data-bare": !entry?.photo });
    if (!entry) return void this.element.append(make("h1", { class: "slate-title", "data-fit": true, dir: "auto" }));
    if (entry.photo) {
      Object.assign(this.photo, { src: photoPath(entry.photo.large), alt: t("display.photo", { number: entry.number }) });
      this.photo.style.setProperty("--ratio", ratio(entry.photo));
      this.element.append(make("div", { class: "stage-mat" }, this.photo));
    }
    this.words.append(make("p", { class: "stage-label", text: t("display.on-stage") }),
      make("h1", { class: "stage-number" }, make("span", { class: "visually-hidden", text: t("display.entry", { number: entry.number }) }), make("span", { "aria-hidden": "true", text: entry.number })),
      this.title, this.next);
    this.element.append(this.words);
  }

  ready() {
    return decoded([this.photo]);
  }

  update(store) {
    const name = this.entry ? store.category(this.entry.category)?.name : store.contest.name;
    const title = this.entry ? this.title : this.element.firstChild;
    title.textContent = name ?? "";
    const { next } = store.screen;
    this.next.hidden = !next;
    this.next.textContent = next ? t("display.next", { number: next }) : "";
    fit(this.entry ? this.words : this.element, this.entry ? TITLE : TEXT);
  }
}

/** Words of the organiser, as large as they fit. */
export class Message {
  constructor({ text }) {
    this.element = make("section", { class: "scene message" }, make("h1", { class: "message-words", "data-fit": true, dir: "auto", text }));
  }

  update() {
    fit(this.element, TEXT);
  }
}
