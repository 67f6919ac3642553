// /submit at the desk: the last entries, or those that are looked for; check in, the missing photo, and one put right.
import { t, say } from "/static/words.js";
import { call } from "/static/api.js";
import { make, overriddenWords, put } from "/static/submit/parts.js";
import { SecondPhoto } from "/static/submit/second.js";
import { EditEntry } from "/static/submit/edit.js";

const RECENT = 10, FOUND = 30;
const OUT = ["withdrawn", "disqualified", "no-show"];
const find = (name) => document.querySelector(`[data-${name}]`);

/** Whether an entry lacks the second photo that its category asks for, and nobody has let it do without. */
export const lacksPhoto = (entry, category) => Boolean(category?.needs) && entry.photos.length < 2 && !OUT.includes(entry.state)
  && !entry.overridden?.includes("second_photo_missing");

export class Desk {
  constructor({ live, announce, isDesk }) {
    Object.assign(this, { live, store: live.store, announce, isDesk });
    this.rows = new Map();      // number -> {row, check, ...}: rows stay, so that focus and half a click survive an update
    this.edit = new EditEntry({ live, announce });
    find("find").addEventListener("input", () => this.draw());
  }

  draw() {
    find("recent").hidden = !this.isDesk();
    if (!this.isDesk()) return;
    const words = find("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const texts = (entry) => [entry.number, entry.title, entry.collector, entry.artist, entry.studio, entry.phone].join(" ").toLowerCase();
    const shown = words.length ? this.store.entries.filter((entry) => words.every((word) => texts(entry).includes(word))).slice(0, FOUND) : this.store.entries.slice(-RECENT).reverse();
    find("recent-none").hidden = shown.length > 0;
    for (const key of this.rows.keys()) {
      if (shown.some((entry) => entry.number === key)) continue;
      this.rows.get(key).row.remove();
      this.rows.delete(key);
    }
    const list = find("recent-list");
    shown.forEach((entry, i) => {
      if (!this.rows.has(entry.number)) this.rows.set(entry.number, this.makeRow(entry));
      const parts = this.rows.get(entry.number);
      if (list.children[i] !== parts.row) list.insertBefore(parts.row, list.children[i] ?? null);
      this.fillRow(parts, entry);
    });
    this.edit.draw();
  }

  makeRow({ number: entry }) {
    const parts = {
      photo: make("img", { class: "recent-photo", alt: "", width: 64, height: 64 }),
      name: make("p", { class: "recent-name", dir: "auto" }), by: make("p", { class: "recent-by muted" }), in: make("p", { class: "recent-in muted", dir: "auto" }),
      rules: make("p", { class: "recent-rules", hidden: true }),
      state: make("span", { class: "chip", tabindex: -1 }),
      check: make("button", { type: "button", class: "button", text: t("submit.check-in"), "aria-label": t("submit.check-in-entry", { number: entry }) }),
      change: make("button", { type: "button", class: "button button-quiet", "data-change": true, text: t("submit.change"), "aria-label": t("submit.change-entry", { number: entry }) }),
      lacks: make("div", { class: "recent-lacks", hidden: true }),
    };
    parts.check.addEventListener("click", () => this.checkIn(entry, parts));
    parts.change.addEventListener("click", () => this.edit.open(entry));
    parts.row = make("li", { class: "recent-row", "data-entry": entry },
      make("div", { class: "recent-picture" }, parts.photo, make("span", { class: "number number-small", text: entry })),
      make("div", { class: "recent-words" }, parts.name, parts.by, parts.in, parts.rules),
      make("div", { class: "recent-state" }, parts.state, parts.check, parts.change), parts.lacks);
    return parts;
  }

  fillRow(parts, entry) {
    const thumb = entry.photo ? `/photos/${entry.photo.thumb}` : "", category = this.store.category(entry.category);
    if (thumb && parts.photo.getAttribute("src") !== thumb) parts.photo.src = thumb;
    parts.photo.hidden = !thumb;
    put(parts.name, entry.collector || "");
    put(parts.by, [entry.artist, entry.studio].filter(Boolean).join(", "));
    put(parts.in, category?.name ?? "");
    put(parts.rules, overriddenWords(entry));
    parts.rules.hidden = !entry.overridden?.length;
    put(parts.state, t(entry.hidden ? "entry-state.hidden" : `entry-state.${entry.state}`));
    parts.state.classList.toggle("chip-good", ["checked-in", "called", "on-stage"].includes(entry.state));
    parts.state.classList.toggle("chip-bad", OUT.includes(entry.state));
    parts.state.classList.toggle("chip-pending", entry.state === "registered");
    const left = parts.check === document.activeElement;
    parts.check.hidden = entry.state !== "registered";
    if (left && parts.check.hidden) parts.state.focus();      // not the next button: a second Enter must not check in somebody else
    this.fillLack(parts, entry, lacksPhoto(entry, category) && category.needs);
  }

  /** The place for the missing photo stays while it is being sent, also when the server has it before its answer is here. */
  fillLack(parts, entry, needs) {
    if (needs && !parts.second) {
      parts.second = new SecondPhoto({ path: `/api/entries/${entry.number}/photos`, words: t(`submit.second-${needs}`), arrived: () => this.announce(t("submit.second-done")), ended: () => this.draw() });
      parts.lacks.replaceChildren(parts.second.element);
    }
    if (!needs && parts.second && !parts.second.busy) {
      parts.second = null;
      parts.lacks.replaceChildren();
    }
    parts.lacks.hidden = !parts.second;
  }

  async checkIn(entry, { check }) {
    if (check.getAttribute("aria-disabled")) return;
    check.setAttribute("aria-disabled", "true");      // `disabled` would throw the focus away
    const error = find("recent-error");
    error.hidden = true;
    try {
      await call("POST", `/api/entries/${entry}/check-in`, {});
      this.announce(t("submit.checked-in", { number: entry }));
    } catch (problem) {
      if (problem.code === "second_photo_missing") this.edit.open(entry, "check-in", say(problem));
      else {
        put(error, `${t("common.entry", { number: entry })}: ${say(problem)}`);
        error.hidden = false;
        this.announce(error.textContent);
      }
    }
    check.removeAttribute("aria-disabled");
  }
}
