// What the host reads out and sees beforehand: the next tap in pictures and words, the whole script of the category, and who may be missing.
import { t } from "/static/words.js";
import { make, put } from "/static/remote/parts.js";

export class Coming {
  #store;
  #says;
  #absent;

  /** says: a Says; absent(category, number): whose name was called does not come. */
  constructor(store, says, absent) {
    [this.#store, this.#says, this.#absent] = [store, says, absent];
    this.thumbs = make("div", { class: "remote-thumbs", "aria-hidden": "true" });
    this.script = make("p", { class: "remote-script" });
    this.element = make("div", { class: "remote-coming" }, this.thumbs, this.script);
    this.missing = make("div", { class: "remote-missing" });
    this.list = make("ol", { class: "remote-list" });
    this.whole = make("details", { class: "remote-whole" }, make("summary", { text: t("remote.script") }), this.list);
  }

  /** goal: what Next comes to; steps: of the category the keys are about, `current`; screen: what is shown. */
  draw(goal, steps, current, screen) {
    this.#drawThumbs(goal);
    this.#drawMissing(screen);
    this.#drawScript(goal);
    this.#drawWhole(steps, current, screen);
  }

  /** What the next tap shows, as pictures: the drawing still violet, the photo with the name. */
  #drawThumbs(goal) {
    const pictured = goal && !goal.wake && !goal.resume && goal.category && goal.phase !== "slate" ? (goal.entries ?? []).map((number) => this.#store.entry(number)?.photo) : [];
    const names = pictured.filter(Boolean).slice(0, 4).map((photo) => (goal.phase === "stencil" ? photo.stencil : photo.thumb));
    this.thumbs.hidden = !names.length;
    this.thumbs.dataset.kind = goal?.phase ?? "";
    if (this.thumbs.dataset.names === names.join()) return;
    this.thumbs.dataset.names = names.join();
    this.thumbs.replaceChildren(...names.map((name) => make("img", { src: `/photos/${name}`, alt: "" })));
  }

  /** Somebody whose name was called does not come: one tap, and who stands behind moves up. */
  #drawMissing(screen) {
    const shown = screen.mode !== "reveal" ? [] : screen.phase === "ink" ? screen.entries : screen.phase === "hold" ? screen.places.flatMap((place) => place.entries) : [];
    const numbers = shown.map((winner) => winner.number);
    const key = JSON.stringify([screen.category, numbers]);
    if (this.missing.dataset.key === key) return;
    this.missing.dataset.key = key;
    this.missing.replaceChildren(...numbers.map((number) => make("button", { type: "button", class: "button button-quiet button-wide", "data-key": "absent", "data-entry": number,
      text: t("remote.absent", { number }), onclick: () => this.#absent(screen.category, number) })));
  }

  #drawScript(goal) {
    const spoken = goal && !goal.resume && !goal.wake && goal.category && ["stencil", "ink"].includes(goal.phase);
    this.script.hidden = !spoken;
    this.element.hidden = !spoken && this.thumbs.hidden;
    put(this.script, spoken ? t("remote.next-line", { line: this.#says.group(goal.place, goal.entries) }) : "");
  }

  #drawWhole(steps, current, screen) {
    const lines = steps.filter((step) => step.phase === "ink").map((step) => ({ text: this.#says.group(step.place, step.entries), now: screen.mode === "reveal" && screen.category === current && screen.place === step.place }));
    this.whole.hidden = lines.length === 0;
    const key = JSON.stringify(lines);
    if (this.list.dataset.key === key) return;
    this.list.dataset.key = key;
    this.list.replaceChildren(...lines.map(({ text, now }) => make("li", { text, "aria-current": now && "step" })));
  }
}
