// The remote, used by /host and by the organiser's Reveal section: a mirror of the screen; the reveal, one step forward or back; the stage
// queue; wall, message and rehearsal; black. Where Next and Back lead is worked out in remote/plan.js, said in says.js, sent by orders.js: one command
// a tap, which names the step it wants, so that two phones that tap at once step once.
import { ready, t } from "/static/words.js";
import { call } from "/static/api.js";
import { Coming } from "/static/remote/coming.js";
import { Message } from "/static/remote/message.js";
import { mirrorFrame } from "/static/remote/mirror.js";
import { Orders } from "/static/remote/orders.js";
import { make, put } from "/static/remote/parts.js";
import { plan } from "/static/remote/plan.js";
import { Queue } from "/static/remote/queue.js";
import { Says } from "/static/remote/says.js";

const PRESENCE_MS = 10000;
const TABS = ["stage", "reveal", "screen"];

class Remote {
  constructor(place, live, { category, mirror }) {
    this.live = live;
    this.store = live.store;
    this.chosen = category;  // the category picked here; null: the one on the screen, or the first that waits
    this.last = null;        // the category whose reveal was on the screen last
    this.lit = null;         // what the screen showed before it went black
    this.dark = null;        // the category that was picked when it did
    this.wasDark = false;
    this.mirror = mirror;
    this.tab = null;         // what the keys are about; null: nothing was picked yet
    this.mode = null;        // of the screen when it was drawn last
    this.orders = new Orders(this.store, { turned: () => this.draw(), fail: (text) => this.fail(text) });
    this.says = new Says(this.store);
    this.build(place);
    this.off = [live.on("change", () => this.draw()), live.on("status", () => this.draw())];
    this.clock = setInterval(() => this.presence(), PRESENCE_MS);
    this.draw();
    this.presence();
  }

  close() {
    clearInterval(this.clock);
    this.frame.close();
    this.off.forEach((off) => off?.());
    this.element.remove();
  }

  build(place) {
    const key = (name, kind, onclick) => make("button", { type: "button", class: `button ${kind}`, "data-key": name, onclick });
    this.frame = mirrorFrame();
    this.now = make("p", { class: "remote-now" });
    this.screens = make("p", { class: "remote-screens muted" });
    this.queue = new Queue(this.store, { send: (commands) => this.send(commands), moved: () => this.draw() });
    this.tabs = TABS.map((name) => make("button", { type: "button", class: "button remote-tab", "data-tab": name, text: t(`remote.tab-${name}`), onclick: () => { this.tab = name; this.fail(""); this.draw(); } }));
    this.warning = make("p", { class: "notice notice-stop remote-warning", role: "alert", hidden: true });
    this.pick = make("select", { id: "remote-category", class: "input", onchange: () => this.choose(this.pick.value) });
    this.pickField = make("div", { class: "field" }, make("label", { for: "remote-category", text: t("remote.category") }), this.pick);
    this.none = make("p", { class: "notice notice-pending", text: t("remote.none-decided") });
    this.coming = new Coming(this.store, this.says, (category, entry) => this.send([[`/api/winners/${encodeURIComponent(category)}/absent`, { entry }]]));
    this.drawnNote = make("p", { class: "notice notice-pending remote-rehearsed", text: t("remote.rehearsed") });
    this.error = make("p", { class: "field-error remote-error", role: "alert" });
    this.back = key("back", "", () => this.go(this.backward));
    this.next = key("next", "button-primary", () => this.go(this.forward));
    this.black = key("black", "", () => this.darken());
    this.keys = make("div", { class: "remote-keys" }, this.error, make("div", { class: "remote-row" }, this.back, this.next, this.black));
    this.wall = key("wall", "", () => this.screen({ mode: "wall" }));
    this.message = new Message({ show: (text) => this.screen({ mode: "message", text }), touched: () => this.fail("") });
    this.rehearse = key("rehearse", "", () => this.send([["/api/rehearsal", { step: 0 }]]));
    this.panels = {
      reveal: make("div", { class: "remote-panel" }, this.drawnNote, this.pickField, this.none, this.coming.element, this.coming.missing, this.coming.whole),
      stage: make("div", { class: "remote-panel" }, this.queue.element),
      screen: make("div", { class: "remote-panel" }, this.wall, this.message.element,
        make("section", { class: "remote-form" }, make("h2", { text: t("remote.rehearsal") }), make("p", { class: "muted", text: t("remote.rehearsal-words") }), make("div", { class: "buttons" }, this.rehearse))),
    };
    this.element = make("div", { class: "remote" },
      make("section", { class: "remote-mirror", "aria-label": t("remote.on-screen") }, this.frame.element,
        this.mirror && make("div", { class: "remote-says" }, make("p", { class: "label muted", text: t("remote.on-screen") }), this.screens, this.now)),
      this.warning, make("div", { class: "remote-tabs", role: "group", "aria-label": t("remote.tabs") }, ...this.tabs),
      ...Object.values(this.panels), this.keys);
    place.append(this.element);
  }

  // --- Commands ---

  choose(category) {
    this.chosen = category;
    this.fail("");
    this.draw();
  }

  go(goal) {
    if (!goal || this.live.status !== "live") return undefined;
    if ("stage" in goal) return this.queue.put(goal.stage);
    if (goal.wake) return this.screen(goal.wake);
    if (goal.resume) return this.screen({ mode: "reveal" });
    const body = { category: goal.category, step: goal.step };
    if (["stencil", "ink"].includes(goal.phase)) body.phase = goal.phase;
    if (goal.category === null) return this.send([["/api/rehearsal", { ...body, category: undefined }]]);
    this.chosen = goal.category;
    return this.send([["/api/reveal", body]]);
  }

  darken() {
    return this.orders.shown.mode === "black" ? undefined : this.screen({ mode: "black" });
  }

  screen(body) {
    return this.send([["/api/screen", body]]);
  }

  /** Settles with whether all were taken. */
  async send(commands) {
    const taken = await this.orders.send(commands);
    this.presence();
    return taken;
  }

  /** What went wrong with the last tap; the next action takes it away. */
  fail(text) {
    put(this.error, text);
    this.message.fail("");
  }

  /** How many screens listen. The organiser's page says so itself. */
  async presence() {
    if (!this.mirror || document.visibilityState !== "visible") return;
    const { screens } = await call("GET", "/api/presence").catch(() => ({ screens: null }));
    this.warning.hidden = screens !== 0;
    put(this.warning, screens === 0 ? t("remote.no-screen") : "");
    put(this.screens, screens ? t("remote.screens", { n: screens }) : "");
  }

  // --- Drawing ---

  draw() {
    const { store } = this;
    const screen = this.orders.shown;
    if (screen.mode === "reveal" && screen.category !== this.last) {
      if (this.last) this.chosen = null;      // somebody began another category: follow
      this.last = screen.category;
    }
    if (screen.mode !== "black") this.lit = screen;
    if (screen.mode !== "black" || !this.wasDark) this.dark = this.chosen;
    this.wasDark = screen.mode === "black";
    this.turn(screen);
    const decided = store.categories.filter((category) => store.decision(category.id));
    const current = this.current(decided, screen);
    const { lit, last, rehearses } = this, { tab, chosen, dark } = this;
    Object.assign(this, plan({ screen, lit, last, rehearses }, { tab, current, chosen, dark }, store, decided, this.queue.next));
    put(this.now, this.says.describe(screen));
    this.coming.draw(this.forward, rehearses ? [] : this.steps, current, screen);
    this.drawPick(decided, current);
    this.drawKeys(screen);
    this.queue.draw();
  }

  /** The keys are about what came on the screen last, whoever put it there, until another part is picked. */
  turn(screen) {
    const about = { reveal: "reveal", rehearsal: "reveal", stage: "stage" }[screen.mode];
    if (about && screen.mode !== this.mode) this.tab = about;
    this.mode = screen.mode;
    this.tab ??= this.store.stage.entry == null && this.store.categories.some((category) => this.store.decision(category.id)) ? "reveal" : "stage";
    for (const button of this.tabs) button.setAttribute("aria-pressed", String(button.dataset.tab === this.tab));
    for (const [name, panel] of Object.entries(this.panels)) panel.hidden = name !== this.tab;
  }

  /** Whether the screen rehearses, or did when it went black. */
  get rehearses() {
    return this.orders.shown.mode === "rehearsal" || (this.orders.shown.mode === "black" && this.lit?.mode === "rehearsal");
  }

  current(decided, screen) {
    const known = (id) => decided.some((category) => category.id === id);
    if (known(this.chosen)) return this.chosen;
    if (screen.mode === "reveal" && known(screen.category)) return screen.category;
    if (known(this.last)) return this.last;
    return (decided.find((category) => category.state === "decided") ?? decided[0])?.id ?? null;
  }

  drawPick(decided, current) {
    this.drawnNote.hidden = !this.rehearses;
    this.none.hidden = decided.length > 0 || this.rehearses;
    this.pickField.hidden = decided.length === 0 || this.rehearses;
    const options = decided.map((category) => {
      const decision = this.store.decision(category.id);
      const done = category.state === "announced" ? t("remote.category-done") : decision.revealed ? t("remote.category-begun") : t("remote.category-waiting");
      return [category.id, t("remote.category-option", { category: category.name, state: done })];
    });
    const key = JSON.stringify(options);
    if (this.pick.dataset.options !== key) {
      this.pick.dataset.options = key;
      this.pick.replaceChildren(...options.map(([value, text]) => make("option", { value, text })));
    }
    if (current && this.pick.value !== current) this.pick.value = current;
  }

  drawKeys(screen) {
    const { under } = this.orders, { tab, rehearses, live: { status } } = this, undecided = this.pickField.hidden;
    put(this.next, under ? t("remote.sending") : this.says.label(this.forward, { status, tab, rehearses, undecided }));
    put(this.back, t(tab === "stage" && !rehearses ? "remote.stage-leave" : "remote.back"));
    put(this.rehearse, t("remote.rehearse"));
    const dark = screen.mode === "black";
    put(this.black, t("remote.black"));
    this.black.setAttribute("aria-pressed", String(dark));
    this.wall.setAttribute("aria-pressed", String(screen.mode === "wall"));
    this.wall.hidden = dark;
    put(this.wall, t("remote.wall"));
    const off = (button, no) => button.setAttribute("aria-disabled", String(Boolean(no)));
    const away = status !== "live";
    off(this.next, under || away || !this.forward);
    off(this.back, under || away || !this.backward);
    for (const button of this.element.querySelectorAll("button:not([data-key=next], [data-key=back])")) off(button, under || (dark && button === this.black));
  }
}

/**
 * Puts the remote into an element of a page that links remote.css; returns a function that takes it out.
 *   category  where to begin, when the screen shows no reveal
 *   mirror    whether to say what the screen shows and warn when there is none; /admin has its own
 */
export function mountRemote(element, live, { category = null, mirror = document.documentElement.dataset.page !== "admin" } = {}) {
  let remote = null, gone = false;
  ready.then(() => {
    if (!gone) remote = new Remote(element, live, { category, mirror });
  });
  return () => {
    gone = true;
    remote?.close();
  };
}
