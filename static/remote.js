// The remote, used by /host and by the organiser's Reveal section: a mirror of the screen; the reveal, one step forward or back; the stage
// queue; wall, message and rehearsal; black. It reads the order of the steps from the decision and sends one command a tap; a tap under way
// makes the keys wait. A command names the step it wants, so two phones that tap at once step once.
import { ready, say, t } from "/static/words.js";
import { call, newId } from "/static/api.js";
import { isolated, make, nameOf, placeWords, put } from "/static/remote/parts.js";
import { mirrorFrame } from "/static/remote/mirror.js";
import { Queue } from "/static/remote/queue.js";

const PRESENCE_MS = 10000;
const TABS = ["stage", "reveal", "screen"];
const REHEARSED = { places: [[0], [0], [0]] };      // the drawn category has three places
const winnersOf = (decision) => decision.places.flat().length;

// --- The order of the steps: pure ---------------------------------------------

/** The steps of a decision in the order they are shown: [{step, phase, place?, entries?}], docs/http.md "Routes". */
export function stepsOf(decision) {
  const groups = decision.places;
  const steps = [{ step: 0, phase: "slate" }];
  if (!groups.length) return [...steps, { step: 1, phase: "none" }];
  for (let step = 1; step <= groups.length; step += 1) {
    const group = groups.length - step;
    const place = 1 + groups.slice(0, group).flat().length;
    for (const phase of ["stencil", "ink"]) steps.push({ step, phase, place, entries: groups[group] });
  }
  return [...steps, { step: groups.length + 1, phase: "hold", entries: groups.flat() }];
}

/** Where the screen stands in a category's steps, null being the rehearsal's; -1: it shows something else. */
export function positionOf(screen, category, steps) {
  if (screen.mode !== (category === null ? "rehearsal" : "reveal") || (screen.category ?? null) !== category) return -1;
  return steps.findIndex((step) => step.phase === screen.phase && (screen.step === undefined ? step.place === screen.place : step.step === screen.step));
}

/** The step that Next goes to when the category is not on the screen: where its reveal was left. */
export function entryStep(decision, steps) {
  if (!decision.revealed) return steps[0];
  const next = steps.find((step) => step.step > decision.revealed && step.phase === "stencil");
  return next ?? steps.at(-1);
}

// --- The page's part --------------------------------------------------------------

class Remote {
  constructor(place, live, { category, mirror }) {
    this.live = live;
    this.store = live.store;
    this.chosen = category;  // the category picked here; null: the one on the screen, or the first that waits
    this.last = null;        // the category whose reveal was on the screen last
    this.lit = null;         // what the screen showed before it went black
    this.dark = null;        // the category that was picked when it did
    this.wasDark = false;
    this.under = false;      // a command is under way
    this.ahead = null;       // the answer to it, until the live channel brings the same
    this.ids = new Map();    // commands without an answer keep their id: sent again, they happen once
    this.mirror = mirror;
    this.tab = null;         // what the keys are about; null: nothing was picked yet
    this.mode = null;        // of the screen when it was drawn last
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
    this.thumbs = make("div", { class: "remote-thumbs", "aria-hidden": "true" });
    this.queue = new Queue(this.store, { send: (commands) => this.send(commands), moved: () => this.draw() });
    this.tabs = TABS.map((name) => make("button", { type: "button", class: "button remote-tab", "data-tab": name, text: t(`remote.tab-${name}`), onclick: () => { this.tab = name; this.fail(""); this.draw(); } }));
    this.warning = make("p", { class: "notice notice-stop remote-warning", role: "alert", hidden: true });
    this.pick = make("select", { id: "remote-category", class: "input", onchange: () => this.choose(this.pick.value) });
    this.pickField = make("div", { class: "field" }, make("label", { for: "remote-category", text: t("remote.category") }), this.pick);
    this.none = make("p", { class: "notice notice-pending", text: t("remote.none-decided") });
    this.script = make("p", { class: "remote-script" });
    this.coming = make("div", { class: "remote-coming" }, this.thumbs, this.script);
    this.missing = make("div", { class: "remote-missing" });
    this.drawnNote = make("p", { class: "notice notice-pending remote-rehearsed", text: t("remote.rehearsed") });
    this.error = make("p", { class: "field-error remote-error", role: "alert" });
    this.back = key("back", "", () => this.go(this.backward));
    this.next = key("next", "button-primary", () => this.go(this.forward));
    this.black = key("black", "", () => this.darken());
    this.keys = make("div", { class: "remote-keys" }, this.error, make("div", { class: "remote-row" }, this.back, this.next, this.black));
    this.list = make("ol", { class: "remote-list" });
    this.whole = make("details", { class: "remote-whole" }, make("summary", { text: t("remote.script") }), this.list);
    this.wall = key("wall", "", () => this.screen({ mode: "wall" }));
    this.rehearse = key("rehearse", "", () => this.send([["/api/rehearsal", { step: 0 }]]));
    this.panels = {
      reveal: make("div", { class: "remote-panel" }, this.drawnNote, this.pickField, this.none, this.coming, this.missing, this.whole),
      stage: make("div", { class: "remote-panel" }, this.queue.element),
      screen: make("div", { class: "remote-panel" }, this.wall, this.messageForm(),
        make("section", { class: "remote-form" }, make("h2", { text: t("remote.rehearsal") }), make("p", { class: "muted", text: t("remote.rehearsal-words") }), make("div", { class: "buttons" }, this.rehearse))),
    };
    this.element = make("div", { class: "remote" },
      make("section", { class: "remote-mirror", "aria-label": t("remote.on-screen") }, this.frame.element,
        this.mirror && make("div", { class: "remote-says" }, make("p", { class: "label muted", text: t("remote.on-screen") }), this.screens, this.now)),
      this.warning, make("div", { class: "remote-tabs", role: "group", "aria-label": t("remote.tabs") }, ...this.tabs),
      ...Object.values(this.panels), this.keys);
    place.append(this.element);
  }

  messageForm() {
    this.text = make("textarea", { id: "remote-text", class: "input", maxlength: "300", rows: "2", dir: "auto", "aria-describedby": "remote-text-error", oninput: () => this.fail("") });
    this.wordless = make("p", { id: "remote-text-error", class: "field-error", role: "alert" });
    const onsubmit = (event) => {
      event.preventDefault();
      if (!this.text.value.trim()) return this.fail(t("remote.message-missing"), this.wordless);
      return this.screen({ mode: "message", text: this.text.value.trim() });
    };
    return make("form", { class: "remote-form", onsubmit, novalidate: true },
      make("div", { class: "field" }, make("label", { for: "remote-text", text: t("remote.message") }), this.text, this.wordless),
      make("div", { class: "buttons" }, make("button", { type: "submit", class: "button", "data-key": "message", text: t("remote.message-show") })));
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
    return this.shown.mode === "black" ? undefined : this.screen({ mode: "black" });
  }

  screen(body) {
    return this.send([["/api/screen", body]]);
  }

  /** One message at a time, at its place; the next action takes it away. */
  fail(text, place = this.error) {
    for (const line of [this.error, this.wordless]) put(line, line === place ? text : "");
    this.text.setAttribute("aria-invalid", String(Boolean(text) && place === this.wordless));
    if (text && place === this.wordless) this.text.focus();
  }

  /** Sends commands one after the other; settles with whether all were taken. */
  async send(commands) {
    if (this.under) return false;
    this.under = true;
    this.fail("");
    this.draw();
    const before = this.store.screen;
    let taken = true;
    try {
      for (const [path, body] of commands) {
        const answer = await this.order(path, body);
        if (answer.screen) this.ahead = { before, screen: answer.screen };
      }
    } catch (error) {
      taken = false;
      this.fail(error.code === "unreachable" ? t("remote.unreachable") : say(error));
    }
    this.under = false;
    this.draw();
    this.presence();
    return taken;
  }

  /** One command. Without an answer it keeps its id; once anything is answered, older ids are void, or a later tap would count as a repeat. */
  async order(path, body) {
    const key = JSON.stringify([path, body]);
    const id = this.ids.get(key) ?? newId();
    this.ids.set(key, id);
    try {
      const answer = await call("POST", path, body, { id, timeout: 10000 });
      this.ids.clear();
      return answer;
    } catch (error) {
      if (error.code !== "unreachable") this.ids.delete(key);
      throw error;
    }
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

  get shown() {
    // The answer is ahead of the live channel, until that has moved.
    if (this.ahead && this.ahead.before !== this.store.screen) this.ahead = null;
    return this.ahead?.screen ?? this.store.screen;
  }

  draw() {
    const { store } = this;
    const screen = this.shown;
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
    this.plan(decided, current, screen);
    this.drawMirror(screen);
    this.drawPick(decided, current);
    this.drawKeys(screen);
    this.drawScript(current, screen);
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
    return this.shown.mode === "rehearsal" || (this.shown.mode === "black" && this.lit?.mode === "rehearsal");
  }

  current(decided, screen) {
    const known = (id) => decided.some((category) => category.id === id);
    if (known(this.chosen)) return this.chosen;
    if (screen.mode === "reveal" && known(screen.category)) return screen.category;
    if (known(this.last)) return this.last;
    return (decided.find((category) => category.state === "decided") ?? decided[0])?.id ?? null;
  }

  /** Works out where Next and Back lead. */
  plan(decided, current, screen) {
    this.forward = this.backward = null;
    this.steps = [];
    this.at = -1;
    if (this.rehearses) return this.planRehearsal(screen);
    // Out of the black there is one way: to what was there before, or to the category that was picked meanwhile.
    if (screen.mode === "black" && (!current || this.chosen === this.dark)) {
      const lit = this.lit ?? { mode: this.last ? "reveal" : "wall" };
      this.forward = { wake: lit.mode === "message" ? { mode: "message", text: lit.text } : { mode: lit.mode } };
      if (this.tab === "stage") return;
    }
    if (this.tab === "stage") return void this.planStage();
    if (!current) return;
    const decision = this.store.decision(current);
    const goal = (step) => step && { ...step, category: current };
    this.steps = stepsOf(decision);
    this.at = positionOf(screen, current, this.steps);
    if (this.forward) return;
    if (this.at < 0) {
      this.forward = screen.mode !== "reveal" && this.last === current ? { resume: true, category: current } : goal(entryStep(decision, this.steps));
      return;
    }
    this.backward = goal(this.steps[this.at - 1]) ?? null;
    const waiting = decided.find((category) => category.id !== current && category.state === "decided");
    this.forward = goal(this.steps[this.at + 1]) ?? (waiting ? { step: 0, phase: "slate", category: waiting.id, other: true } : null);
  }

  planStage() {
    const { next } = this.queue, on = this.store.stage.entry;
    this.forward = next == null ? null : { stage: next };
    this.backward = on == null ? null : { stage: null };
  }

  planRehearsal(screen) {
    this.steps = stepsOf(REHEARSED);
    const goal = (step) => (step ? { ...step, category: null } : null);
    this.at = positionOf(screen.mode === "black" ? this.lit : screen, null, this.steps);
    if (screen.mode === "black") return void (this.forward = goal(this.steps[this.at]));
    this.backward = goal(this.steps[this.at - 1]);
    this.forward = goal(this.steps[this.at + 1]) ?? { wake: { mode: "wall" } };
  }

  label(goal) {
    if (this.live.status !== "live") return t(`remote.next-${this.live.status}`);
    if (!goal && this.tab === "stage") return t("remote.line-through");
    if (!goal) return t(this.pickField.hidden ? "remote.next-undecided" : "remote.next-none");
    if ("stage" in goal) return t("remote.next-stage", { number: goal.stage });
    if (goal.wake && this.rehearses) return t("remote.rehearsal-end");
    if (goal.wake) return t(`remote.wake-${goal.wake.mode}`);
    const drawn = goal.category === null;
    const category = drawn ? t("rehearsal.category") : this.store.category(goal.category)?.name ?? "";
    const decision = drawn ? REHEARSED : this.store.decision(goal.category);
    if (goal.resume) return t("remote.next-resume");
    if (goal.phase === "slate") return t(goal.other ? "remote.next-category" : "remote.next-slate", { category: isolated(category) });
    if (goal.phase === "stencil") return t("remote.next-stencil", { place: placeWords(goal.place) });
    if (goal.phase === "ink") return t("remote.next-ink", { n: goal.entries.length });
    if (goal.phase === "none") return t("remote.next-no-award");
    return t({ 1: "remote.next-hold-one", 2: "remote.next-hold-both", 3: "remote.next-hold-three" }[winnersOf(decision)] ?? "remote.next-hold", { n: winnersOf(decision) });
  }

  /** "entry 118, Zoë, tattooed by Marta": what the host says. */
  person(number) {
    const entry = this.store.entry(number);
    const [name, artist] = [nameOf(entry), entry?.artist?.trim() || ""];
    const person = name && artist ? t("remote.person-artist", { number, name: isolated(name), artist: isolated(artist) })
      : name ? t("remote.person", { number, name: isolated(name) }) : t("remote.person-number", { number });
    return entry?.say ? t("remote.person-said", { person, say: isolated(entry.say) }) : person;
  }

  group(place, entries) {
    return t("remote.line", { place: placeWords(place), people: entries.map((number) => this.person(number)).join("; ") });
  }

  describe(screen) {
    const category = isolated(screen.category === null ? t("rehearsal.category") : this.store.category(screen.category)?.name ?? "");
    if (screen.mode === "wall" || screen.mode === "black") return t(`remote.now-${screen.mode}`);
    if (screen.mode === "message") return t("remote.now-message", { text: isolated(screen.text) });
    if (screen.mode === "stage") return screen.entry ? t("remote.now-stage", { number: screen.entry.number }) : t("remote.now-stage-empty");
    if (screen.mode === "rehearsal") return t("remote.now-rehearsal", { what: this.describe({ ...screen, mode: "reveal", category: null }) });
    if (screen.phase === "stencil") return t("remote.now-stencil", { category, place: placeWords(screen.place) });
    if (screen.phase === "ink" && !screen.entries) return t("remote.now-ink", { category, line: placeWords(screen.place) });
    if (screen.phase === "ink") {
      return t("remote.now-ink", { category, line: this.group(screen.place, screen.entries.map((winner) => winner.number)) });
    }
    return t(`remote.now-${screen.phase}`, { category });
  }

  drawMirror(screen) {
    put(this.now, this.describe(screen));
    this.drawComing();
    this.drawMissing(screen);
  }

  /** What the next tap shows, as pictures: the drawing still violet, the photo with the name. */
  drawComing() {
    const goal = this.forward;
    const pictured = goal && !goal.wake && !goal.resume && goal.category && goal.phase !== "slate" ? (goal.entries ?? []).map((number) => this.store.entry(number)?.photo) : [];
    const names = pictured.filter(Boolean).slice(0, 4).map((photo) => (goal.phase === "stencil" ? photo.stencil : photo.thumb));
    this.thumbs.hidden = !names.length;
    this.thumbs.dataset.kind = goal?.phase ?? "";
    if (this.thumbs.dataset.names === names.join()) return;
    this.thumbs.dataset.names = names.join();
    this.thumbs.replaceChildren(...names.map((name) => make("img", { src: `/photos/${name}`, alt: "" })));
  }

  /** Somebody whose name was called does not come: one tap, and who stands behind moves up. */
  drawMissing(screen) {
    const shown = screen.mode !== "reveal" ? [] : screen.phase === "ink" ? screen.entries : screen.phase === "hold" ? screen.places.flatMap((place) => place.entries) : [];
    const numbers = shown.map((winner) => winner.number);
    const key = JSON.stringify([screen.category, numbers]);
    if (this.missing.dataset.key === key) return;
    this.missing.dataset.key = key;
    const path = `/api/winners/${encodeURIComponent(screen.category)}/absent`;
    this.missing.replaceChildren(...numbers.map((number) => make("button", { type: "button", class: "button button-quiet button-wide", "data-key": "absent", "data-entry": number,
      text: t("remote.absent", { number }), onclick: () => this.send([[path, { entry: number }]]) })));
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
    put(this.next, this.under ? t("remote.sending") : this.label(this.forward));
    put(this.back, t(this.tab === "stage" && !this.rehearses ? "remote.stage-leave" : "remote.back"));
    put(this.rehearse, t("remote.rehearse"));
    const dark = screen.mode === "black";
    put(this.black, t("remote.black"));
    this.black.setAttribute("aria-pressed", String(dark));
    this.wall.setAttribute("aria-pressed", String(screen.mode === "wall"));
    this.wall.hidden = dark;
    put(this.wall, t("remote.wall"));
    const off = (button, no) => button.setAttribute("aria-disabled", String(Boolean(no)));
    const away = this.live.status !== "live";
    off(this.next, this.under || away || !this.forward);
    off(this.back, this.under || away || !this.backward);
    for (const button of this.element.querySelectorAll("button:not([data-key=next], [data-key=back])")) off(button, this.under || (dark && button === this.black));
  }

  drawScript(current, screen) {
    const goal = this.forward;
    const spoken = goal && !goal.resume && !goal.wake && goal.category && ["stencil", "ink"].includes(goal.phase);
    this.script.hidden = !spoken;
    this.coming.hidden = !spoken && this.thumbs.hidden;
    put(this.script, spoken ? t("remote.next-line", { line: this.group(goal.place, goal.entries) }) : "");
    const lines = this.rehearses ? [] : this.steps.filter((step) => step.phase === "ink").map((step) => ({ text: this.group(step.place, step.entries), now: screen.mode === "reveal" && screen.category === current && screen.place === step.place }));
    this.whole.hidden = lines.length === 0;
    const key = JSON.stringify(lines);
    if (this.list.dataset.key === key) return;
    this.list.dataset.key = key;
    this.list.replaceChildren(...lines.map(({ text, now }) => make("li", { text, "aria-current": now && "step" })));
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
