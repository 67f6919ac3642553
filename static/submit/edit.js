// /submit at the desk: one entry in a dialog, every field of it, its state and its photos.
import { t, say } from "/static/words.js";
import { call, newId } from "/static/api.js";
import { make, overriddenWords, put } from "/static/submit/parts.js";
import { SecondPhoto } from "/static/submit/second.js";

const TEXTS = [["collector", 300], ["artist", 300], ["studio", 300], ["say", 300], ["title", 300], ["phone", 60]];
const STEPS = { registered: ["check-in", "call"], "checked-in": ["call", "reinstate"], called: ["check-in", "no-show"], "on-stage": ["check-in", "no-show"] };
export const OVERRIDABLE = ["wrong_age", "not_at_show", "size_out_of_range", "too_many_of_artist", "second_photo_missing"];

const field = (label, control, ...more) => make("div", { class: "field" }, make("label", { for: control.id, text: label }), control, ...more);

export class EditEntry {
  constructor({ live, announce }) {
    Object.assign(this, { store: live.store, announce, number: 0, ids: new Map() });
    this.box = make("dialog", { class: "edit", "aria-labelledby": "edit-title", "data-edit": true });
    this.box.addEventListener("close", () => { this.number = 0; });
    document.body.append(this.box);
  }

  /** Opens an entry. `verb` and `refusal`: a step that was refused by a rule, to be taken with a reason. */
  open(number, verb = "", refusal = "") {
    const entry = this.store.entry(number);
    if (!entry) return;
    Object.assign(this, { number, verb });
    this.box.replaceChildren(...this.parts(entry));
    this.draw();
    if (!this.box.open) this.box.showModal();
    if (refusal) this.refused(refusal, true);
    else this.box.querySelector("select").focus();
  }

  parts(entry) {
    this.state = make("p", { class: "edit-state" });
    this.rules = make("p", { class: "recent-rules" });
    this.steps = make("div", { class: "buttons" });
    this.photos = make("div", { class: "edit-photos" });
    this.problem = make("p", { class: "field-error", role: "alert", "data-problem": true, hidden: true });
    this.reason = make("textarea", { id: "edit-override", name: "override", maxlength: 1000, dir: "auto" });
    this.although = make("div", { class: "field", hidden: true }, make("label", { for: "edit-override", text: t("submit.override") }), this.reason);
    this.form = this.makeForm(entry);
    this.second = new SecondPhoto({ path: `/api/entries/${entry.number}/photos`, words: t("submit.second-add"), arrived: () => this.announce(t("submit.second-done")) });
    const close = make("button", { type: "button", class: "button button-quiet", text: t("common.close"), "data-close": true });
    close.addEventListener("click", () => this.box.close());
    const head = make("div", { class: "edit-head" }, make("h2", { id: "edit-title", text: t("common.entry", { number: entry.number }) }), close);
    return [head, make("div", { class: "edit-sheet" }, make("div", { class: "edit-side" }, this.photos, this.state, this.rules, this.steps, this.second.element), this.form)];
  }

  makeForm(entry) {
    const options = this.store.categories.filter((one) => one.id === entry.category || (["open", "judging"].includes(one.state) && !one.from?.length && one.method !== "choice"));
    const select = (name, label, choices, value) => field(label, make("select", { id: `edit-${name}`, name }, ...choices.map(([key, words]) => make("option", { value: key, text: words, selected: key === value }))));
    const form = make("form", { novalidate: true }, select("category", t("submit.category"), options.map(({ id, name }) => [id, name]), entry.category),
      ...TEXTS.map(([name, most]) => field(t(`admin.field-${name}`), make("input", { id: `edit-${name}`, name, maxlength: most, dir: "auto", autocomplete: "off", value: entry[name] ?? "" }))),
      make("div", { class: "edit-two" },
        select("age", t("submit.age"), [["", t("submit.not-said")], ["fresh", t("age.fresh")], ["healed", t("age.healed")]], entry.age ?? ""),
        field(t("submit.size"), make("input", { id: "edit-size_cm", name: "size_cm", inputmode: "decimal", maxlength: 6, autocomplete: "off", value: entry.size_cm || "" }))),
      make("label", { class: "choice" }, make("input", { type: "checkbox", name: "at_show", checked: Boolean(entry.at_show) }), make("span", { text: t("submit.at-show") })),
      this.problem, this.although,
      make("div", { class: "buttons edit-foot" }, make("button", { class: "button button-primary", text: t("common.save"), "data-save": true })));
    form.addEventListener("submit", (event) => this.save(event));
    return form;
  }

  /** What may change while the dialog is open; what is typed stays. */
  draw() {
    const entry = this.number && this.store.entry(this.number);
    if (!entry) return;
    put(this.state, t(entry.hidden ? "entry-state.hidden" : `entry-state.${entry.state}`));
    put(this.rules, overriddenWords(entry));
    const names = entry.photos.map((photo) => photo.thumb).join();
    if (this.photos.dataset.names !== names) this.photos.replaceChildren(...entry.photos.map((photo) => make("img", { src: `/photos/${photo.thumb}`, alt: t("common.photo-of", { number: entry.number }), width: 120, height: 120 })));
    this.photos.dataset.names = names;
    const verbs = [...(STEPS[entry.state] ?? ["reinstate"]), ...(STEPS[entry.state] ? ["withdraw"] : []), entry.hidden ? "show" : "hide"];
    if (this.steps.dataset.verbs === verbs.join()) return;
    this.steps.dataset.verbs = verbs.join();
    this.steps.replaceChildren(...verbs.map((verb) => {
      const words = verb === "reinstate" && STEPS[entry.state] ? t("admin.back-to-registered") : t({ hide: "admin.hide-photo", show: "admin.show-photo" }[verb] ?? `admin.${verb}`);
      const button = make("button", { type: "button", class: `button ${verb === "withdraw" ? "button-stop" : ""}`, "data-do": verb, text: words });
      button.addEventListener("click", () => this.step(verb));
      return button;
    }));
  }

  refused(words, overridable) {
    put(this.problem, words);
    this.problem.hidden = !words;
    this.although.hidden &&= !overridable;
    if (overridable) this.reason.focus();
  }

  async save(event) {
    event.preventDefault();
    if (this.verb && this.reason.value.trim()) { await this.step(this.verb, this.reason.value.trim()); return; }
    const entry = this.store.entry(this.number), { elements } = this.form;
    const typed = Object.fromEntries([...TEXTS.map(([name]) => name), "category", "age", "size_cm"].map((name) => [name, elements[name].value.trim()]));
    const before = (name) => (name === "size_cm" ? String(entry.size_cm || "") : entry[name] ?? "");
    const changes = Object.fromEntries(Object.entries(typed).filter(([name, value]) => value !== before(name)));
    if (elements.at_show.checked !== Boolean(entry.at_show)) changes.at_show = elements.at_show.checked;
    if (!Object.keys(changes).length) { this.box.close(); return; }
    if (changes.collector === "") { this.refused(t("submit.collector-missing"), false); return; }
    if (this.reason.value.trim()) changes.override = this.reason.value.trim();
    await this.ask("PATCH", "", changes, () => this.box.close(), t("admin.said-saved"));
  }

  async step(verb, reason = "") {
    const number = this.number;
    await this.ask("POST", `/${verb}`, reason ? { reason } : {}, () => { if (reason) this.box.close(); this.refused("", false); }, t(`admin.said-${verb}`, { number }), verb);
  }

  async ask(method, path, body, then, said, verb = "") {
    const asked = `${method} ${this.number}${path} ${JSON.stringify(body)}`;
    const id = this.ids.get(asked) ?? newId();      // the same again after a lost answer is the same command
    this.ids.set(asked, id);
    try {
      await call(method, `/api/entries/${this.number}${path}`, body, { id });
      this.ids.clear();
      this.verb = "";
      this.announce(said);
      then();
    } catch (problem) {
      if (problem.status && problem.status < 500) this.ids.delete(asked);
      this.verb = problem.code === "second_photo_missing" ? verb : "";
      const words = problem.code === "bad_field" && problem.params.field === "size_cm" ? t("submit.size-missing") : say(problem);
      this.refused(words, OVERRIDABLE.includes(problem.code));
    }
  }
}
