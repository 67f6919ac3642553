// The stage queue: a category's line-up in order. It is called, one by one or as a whole, up to three times; one entry is on stage, the same
// for judges and screen; who does not come is marked. A call goes by its number: two phones that tap at once call once.
import { t } from "/static/words.js";
import { make, nameOf, put } from "./parts.js";

const CALLS = 3;
const SURE_MS = 5000;
const GONE = ["withdrawn", "disqualified"];
const OUT = [...GONE, "no-show"];

// --- The line-up: pure ------------------------------------------------------------

/** Whether an entry still has to come: neither out, nor on stage, nor there before. */
export const waits = (entry) => !OUT.includes(entry.state) && entry.state !== "on-stage" && !entry.been;

/** Who follows when nobody is on stage: the called before the others, by number, as the server has it. */
export function firstInLine(entries) {
  const line = entries.filter(waits);
  return (line.find((entry) => entry.state === "called") ?? line[0])?.number ?? null;
}

/** The next call of a whole category, 1 to 3; 0: all are made, or nobody waits. */
export function nextCall(entries) {
  const line = entries.filter(waits);
  const made = Math.max(0, ...line.map((entry) => entry.calls));
  if (!line.length) return 0;
  return made < CALLS ? made + 1 : 0;
}

// --- The page's part ----------------------------------------------------------------

export class Queue {
  /**
   * send   sends commands, [[path, body], ...], and settles with whether all were taken
   * moved  called when another category is picked: what Next means has changed
   */
  constructor(store, { send, moved }) {
    Object.assign(this, { store, send, picked: null, rows: new Map() });
    this.now = make("p", { class: "queue-now" });
    this.followed = make("input", { type: "checkbox", onchange: () => this.switchFollow() });
    this.pick = make("select", { id: "remote-line", class: "input", onchange: () => { this.picked = this.pick.value; moved(); } });
    this.all = make("button", { type: "button", class: "button button-wide", "data-key": "call-all", onclick: () => this.callAll() });
    this.none = make("p", { class: "notice notice-pending" });
    this.list = make("ol", { class: "queue-list", role: "list" });
    this.element = make("section", { class: "queue", "aria-label": t("remote.tab-stage") }, this.now,
      make("label", { class: "queue-follow" }, this.followed, make("span", { text: t("remote.follow") })),
      make("div", { class: "field" }, make("label", { for: "remote-line", text: t("remote.line-of") }), this.pick),
      this.all, this.none, this.list);
  }

  get category() {
    const { store } = this;
    const lined = store.categories.filter((category) => store.entriesOf(category.id).some((entry) => !GONE.includes(entry.state)));
    const known = (id) => lined.some((category) => category.id === id);
    this.lined = lined;
    if (known(this.picked)) return this.picked;
    const here = store.entry(store.stage.entry)?.category;
    if (known(here)) return here;
    return (lined.find((category) => category.state === "judging") ?? lined.find((category) => category.state === "open") ?? lined[0])?.id ?? null;
  }

  get entries() {
    const { category } = this;
    return category ? this.store.entriesOf(category).filter((entry) => !GONE.includes(entry.state)) : [];
  }

  /** Who goes on stage next: told by the server while somebody of this category is there. */
  get next() {
    const { stage } = this.store;
    const here = stage.entry != null && this.store.entry(stage.entry)?.category === this.category;
    return here ? stage.next : firstInLine(this.entries);
  }

  /** The tick stays as it was set until the server says how it is, or says no. */
  async switchFollow() {
    const { stage } = this.store;
    this.wanted = { stage, follow: this.followed.checked };
    if (await this.put(stage.entry, this.wanted.follow)) return;
    this.wanted = null;
    this.draw();
  }

  put(entry, follow = this.store.stage.follow) {
    return this.send(entry == null || entry === this.store.stage.entry ? [["/api/stage", { entry, follow }]] : [["/api/stage", { entry, follow }], ["/api/screen", { mode: "stage" }]]);
  }

  callAll() {
    const { category, entries } = this, call = nextCall(entries);
    if (call) this.send([[`/api/categories/${encodeURIComponent(category)}/call`, { call }]]);
  }

  draw() {
    const { category, entries, next, store } = this, { stage } = store;
    put(this.now, stage.entry == null ? t("remote.now-stage-empty") : t("remote.now-stage", { number: stage.entry }));
    this.now.toggleAttribute("data-empty", stage.entry == null);
    if (this.wanted?.stage !== stage) this.wanted = null;
    this.followed.checked = this.wanted?.follow ?? stage.follow !== false;
    this.drawPick(category);
    const call = nextCall(entries);
    this.all.hidden = !call;
    if (call) put(this.all, t(`remote.call-all-${call}`));
    this.none.hidden = entries.some(waits);
    put(this.none, entries.length ? t("remote.line-through") : t("remote.line-empty"));
    for (const [number, row] of this.rows) if (!entries.some((entry) => entry.number === number)) this.rows.delete(number) && row.element.remove();
    entries.forEach((entry, at) => {
      if (!this.rows.has(entry.number)) this.rows.set(entry.number, new Row(this, entry.number));
      const row = this.rows.get(entry.number);
      row.draw(entry, { next: entry.number === next, on: entry.number === stage.entry });
      if (this.list.children[at] !== row.element) this.list.insertBefore(row.element, this.list.children[at] ?? null);
    });
  }

  drawPick(category) {
    const options = this.lined.map((each) => [each.id, each.name]);
    const key = JSON.stringify(options);
    if (this.pick.dataset.options !== key) {
      this.pick.dataset.options = key;
      this.pick.replaceChildren(...options.map(([value, text]) => make("option", { value, text })));
    }
    this.pick.closest(".field").hidden = options.length < 2;
    if (category && this.pick.value !== category) this.pick.value = category;
  }
}

/** One entry of the line: number, photo and state; a tap opens what can be done with it. */
class Row {
  constructor(queue, number) {
    const { send, store } = queue;
    const key = (name, kind, onclick) => make("button", { type: "button", class: `button ${kind}`, "data-key": name, onclick });
    const path = (verb) => `/api/entries/${number}/${verb}`;
    this.number = number;
    this.photo = make("img", { class: "queue-photo", alt: "", loading: "lazy" });
    this.name = make("strong", { class: "queue-name", dir: "auto" });
    this.state = make("span", { class: "queue-stands" });
    this.chip = make("span", { class: "queue-chip" });
    this.call = key("call", "", () => send([[path("call"), { call: Math.min(CALLS, this.calls + 1) }]]));
    this.stage = key("stage", "", () => queue.put(number));
    this.absent = key("no-show", "button-quiet", () => this.sure(() => send([[path("no-show"), {}]])));
    this.back = key("line-back", "button-quiet", () => send([[path("check-in"), {}]]));
    this.note = make("p", { class: "queue-note muted", text: t("remote.no-show-note") });
    put(this.stage, t("remote.stage"));
    put(this.back, t("remote.line-back"));
    this.element = make("li", { class: "queue-row", "data-entry": number }, make("details", { name: "queue" },
      make("summary", {}, make("span", { class: "queue-number", text: number }), this.photo, make("span", { class: "queue-words" }, this.name, make("span", { class: "queue-state" }, this.chip, this.state))),
      make("div", { class: "queue-keys" }, this.call, this.stage, this.absent, this.back, this.note)));
    this.organises = () => store.me.role === "admin";
  }

  /** "Not here" asks once more: the host cannot take it back. */
  sure(act) {
    clearTimeout(this.doubt);
    if (this.absent.hasAttribute("data-armed")) act();
    const arming = this.absent.toggleAttribute("data-armed");
    put(this.absent, arming ? t("remote.no-show-sure", { number: this.number }) : t("remote.no-show"));
    if (arming) this.doubt = setTimeout(() => this.sure(() => {}), SURE_MS);
  }

  draw(entry, { next, on }) {
    const out = entry.state === "no-show";
    this.calls = entry.calls;
    put(this.name, nameOf(entry));
    put(this.state, this.words(entry, on));
    this.element.dataset.stands = on ? "on" : out ? "out" : entry.been ? "been" : entry.state === "called" ? "called" : "waits";
    this.chip.hidden = !next;
    put(this.chip, t("remote.next"));
    if (entry.photo && this.photo.getAttribute("src") !== `/photos/${entry.photo.thumb}`) this.photo.src = `/photos/${entry.photo.thumb}`;
    this.photo.toggleAttribute("data-none", !entry.photo);
    this.call.hidden = out || (entry.state === "called" && entry.calls >= CALLS);
    put(this.call, t(`remote.call-${Math.min(CALLS, entry.calls + 1)}`));
    this.stage.hidden = out || on;
    this.absent.hidden = out;
    if (!this.absent.hasAttribute("data-armed")) put(this.absent, t("remote.no-show"));
    this.back.hidden = !this.organises() || !["no-show", "called"].includes(entry.state);
    this.note.hidden = !out || this.organises();
  }

  words(entry, on) {
    if (on) return t("entry-state.on-stage");
    if (entry.state === "called") return t(`remote.called-${Math.max(1, entry.calls)}`);
    return entry.been && entry.state !== "no-show" ? t("remote.been") : t(`entry-state.${entry.state}`);
  }
}
