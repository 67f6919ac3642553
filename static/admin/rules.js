// /admin: how a category is judged, what it asks of an entry, and whose winners compete in it. Parts of the form in categories.js.
//   form     {values, set(name, value), wrong: {field: sentence}, locked: {field: sentence}}; values are as typed
import { html } from "/static/ui.js";
import { t } from "/static/words.js";
import { store } from "/static/admin/contest.js";
import { localOf, msOf, zoneOf } from "/static/moments.js";

export const METHODS = ["points", "trimmed", "tokens", "ranking"];
export const onCriteria = (method) => ["points", "trimmed"].includes(method);

// --- What is typed, and what is sent -------------------------------------------------

const typed = (number) => (number ? String(number) : "");
const count = (text) => (String(text).trim() === "" ? 0 : Number(text));

/** The fields of a category as the form holds them. */
export function typedOf(category, zone) {
  const { method = "points", tokens = 3, quorum, minimum, age = "either", at_show = false, max_per_artist, needs = "", size_cm, closes_at, from = [], day = "" } = category ?? {};
  return { method, tokens: String(tokens), quorum: typed(quorum), minimum: typed(minimum), age, at_show, max_per_artist: typed(max_per_artist), needs, day, from: [...from],
    size_from: size_cm ? String(size_cm[0]) : "", size_to: size_cm ? String(size_cm[1]) : "", closes_at: closes_at ? localOf(closes_at, zone) : "" };
}

/** The same as the server wants them. One end of a size alone is open to the other side. */
export function fieldsOf({ tokens, quorum, minimum, max_per_artist, size_from, size_to, closes_at, ...rest }, zone) {
  const sized = String(size_from).trim() !== "" || String(size_to).trim() !== "";
  return { ...rest, tokens: Number(tokens), quorum: count(quorum), minimum: count(minimum), max_per_artist: count(max_per_artist),
    size_cm: sized ? [count(size_from), String(size_to).trim() === "" ? 300 : Number(size_to)] : null, closes_at: closes_at ? msOf(closes_at, zone) : null };
}

// --- One field -----------------------------------------------------------------------

/** A field with its hint and, beside it, what is wrong with it or why it is locked. */
export function Field({ form, name, label, hint, wide, children }) {
  const { wrong, locked } = form;
  return html`<div class="field ${wide ? "field-wide" : ""}" data-field=${name}><label for="category-${name}">${label}</label>${children}
    ${hint && html`<p class="field-hint" id="${name}-hint">${hint}</p>`}<${Beside} wrong=${wrong[name]} locked=${locked[name]} id="${name}-wrong" /></div>`;
}

export const Beside = ({ wrong, locked, id }) => html`${locked && html`<p class="field-hint" data-locked>${locked}</p>`}<p class="field-error" id=${id} data-wrong hidden=${!wrong}>${wrong}</p>`;

/** An input of the form, by name. */
export function Input({ form, name, of = name, ...more }) {
  const { values, set, wrong, locked } = form;
  return html`<input id="category-${name}" name=${name} autocomplete="off" value=${values[name]} disabled=${Boolean(locked[of])} aria-invalid=${Boolean(wrong[of])} aria-describedby="${of}-hint ${of}-wrong"
    onInput=${(e) => set(name, e.target.value)} ...${more} />`;
}

const Select = ({ form, name, choices }) => html`<select id="category-${name}" name=${name} value=${form.values[name]} aria-describedby="${name}-wrong" onChange=${(e) => form.set(name, e.target.value)}>
  ${choices.map(([value, words]) => html`<option key=${value} value=${value}>${words}</option>`)}</select>`;

// --- The parts of the form -----------------------------------------------------------

export function Method({ form }) {
  const { values, set, locked, wrong } = form;
  return html`<fieldset class="field" data-field="method" aria-describedby="method-wrong"><legend class="field-label">${t("admin.method")}</legend>
    <div class="methods">${METHODS.map((method) => html`<label class="choice" key=${method}><input type="radio" name="method" value=${method} disabled=${Boolean(locked.method)} checked=${values.method === method} onChange=${() => set("method", method)} />
      <span><b>${t(`method.${method}`)}</b> <span class="muted method-text">${t(`method.${method}-text`)}</span></span></label>`)}</div>
    <${Beside} wrong=${wrong.method} locked=${locked.method} id="method-wrong" /></fieldset>
    ${values.method === "tokens" && html`<${Field} form=${form} name="tokens" label=${t("admin.tokens")}><${Input} form=${form} name="tokens" type="number" inputmode="numeric" min="1" max="20" required /><//>`}`;
}

export function Rules({ form, zone, contest, opened }) {
  const { values, set, wrong } = form;
  const sets = RULES.filter((name) => (name === "age" ? values.age !== "either" : Boolean(values[name]))).length;
  return html`<details class="rules-part" open=${opened || RULES.some((name) => wrong[name]) || Boolean(wrong.size_cm)} data-part="rules"><summary>${t("admin.rules")} <span class="muted">${sets > 0 ? t("admin.rules-set", { n: sets }) : t("common.none")}</span></summary>
    <div class="rule-grid">
      <${Field} form=${form} name="age" label=${t("admin.age")}><${Select} form=${form} name="age" choices=${["either", "fresh", "healed"].map((age) => [age, t(age === "either" ? "admin.age-either" : `age.${age}-only`)])} /><//>
      <${Field} form=${form} name="needs" label=${t("admin.needs")}><${Select} form=${form} name="needs" choices=${[["", t("common.none")], ["before", t("needs.before")], ["reference", t("needs.reference")]]} /><//>
      <div class="field" data-field="size_cm" role="group" aria-labelledby="size-label"><span class="field-label" id="size-label">${t("admin.size")}</span>
        <div class="size-row">${[["size_from", "1"], ["size_to", "300"]].map(([name]) => html`<label key=${name}><span>${t(`admin.${name === "size_from" ? "size-from" : "size-to"}`)}</span><${Input} form=${form} name=${name} of="size_cm" type="number" inputmode="decimal" step="any" min="0" max="300" /></label>`)}</div>
        <p class="field-hint" id="size_cm-hint">${t("admin.size-hint")}</p><${Beside} wrong=${wrong.size_cm} id="size_cm-wrong" /></div>
      <${Field} form=${form} name="max_per_artist" label=${t("admin.max-per-artist")} hint=${t("admin.max-hint")}><${Input} form=${form} name="max_per_artist" type="number" inputmode="numeric" min="0" max="100" /><//>
      <${Field} form=${form} name="closes_at" label=${t("admin.closes-at")} hint=${zone && contest.zone ? t("admin.closes-zone", { zone: contest.zone }) : t("admin.closes-device")}><${Input} form=${form} name="closes_at" type="datetime-local" /><//>
      <${Field} form=${form} name="minimum" label=${t("admin.minimum")} hint=${t("admin.minimum-hint")}><${Input} form=${form} name="minimum" type="number" inputmode="numeric" min="0" max="1000" /><//>
      <div class="field field-wide" data-field="at_show"><label class="choice"><input type="checkbox" name="at_show" checked=${values.at_show} onChange=${(e) => set("at_show", e.target.checked)} /><span>${t("admin.at-show")}</span></label>
        <${Beside} wrong=${wrong.at_show} id="at_show-wrong" /></div>
    </div></details>`;
}
const RULES = ["age", "needs", "size_from", "max_per_artist", "closes_at", "minimum", "at_show"];

export function Best({ form, id, opened, voted }) {
  const { values, set, locked, wrong } = form;
  const others = store().categories.filter((one) => one.id !== id && one.method !== "choice");
  const toggle = (key, on) => set("from", on ? [...values.from, key] : values.from.filter((one) => one !== key));
  const all = others.filter((one) => !one.from?.length).map((one) => one.id);
  if (!others.length) return null;
  return html`<details class="rules-part" open=${opened || Boolean(wrong.from)} data-part="best"><summary>${t("admin.from")} <span class="muted">${values.from.length > 0 ? t("admin.categories-n", { n: values.from.length }) : t(voted ? "common.all" : "admin.from-none")}</span></summary>
    <fieldset class="field" data-field="from" aria-describedby="from-text from-wrong"><legend class="visually-hidden">${t("admin.from")}</legend><p class="field-hint" id="from-text">${t(voted ? "admin.from-votes" : "admin.from-text")}</p>
      ${!locked.from && html`<p class="buttons"><button type="button" class="button" data-do="from-all" onClick=${() => set("from", all)}>${t("admin.from-all")}</button>
        <button type="button" class="button button-quiet" data-do="from-none" disabled=${!values.from.length} onClick=${() => set("from", [])}>${t("common.none")}</button></p>`}
      <div class="template">${others.map((one) => html`<label class="choice" key=${one.id}><input type="checkbox" name="from" value=${one.id} disabled=${Boolean(locked.from)} checked=${values.from.includes(one.id)} onChange=${(e) => toggle(one.id, e.target.checked)} /><span dir="auto">${one.name}</span></label>`)}</div>
      <${Beside} wrong=${wrong.from} locked=${locked.from} id="from-wrong" /></fieldset></details>`;
}

export const zone = () => zoneOf(store().contest);
