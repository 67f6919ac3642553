// /admin: the dialogs that add, change and delete a category.
import { html, icon, useRef, useSignal } from "/static/ui.js";
import { Refused } from "/static/api.js";
import { t, has, say } from "/static/words.js";
import { close, send, show, store } from "/static/admin/contest.js";
import { Ask, Dialog, Problem, useAction } from "/static/admin/parts.js";
import { hasSheets, swapped } from "/static/admin/model.js";
import { MergeDialog, canMerge } from "/static/admin/merge.js";
import { Best, Beside, Field, Input, Method, Rules, fieldsOf, onCriteria, typedOf, zone } from "/static/admin/rules.js";
export { TemplateDialog } from "/static/admin/template.js";

const DEFAULT = ["technique", "composition", "placement", "style", "creativity"];
const path = (category) => `/api/categories/${encodeURIComponent(category.id)}`;
const defaultCriteria = () => DEFAULT.map((id) => ({ id, name: t(`admin.criterion.${id}`), weight: 1 }));

// --- One category --------------------------------------------------------------

let made = 0;
const row = (criterion) => ({ key: ++made, ...criterion });

/** Whether a judge has given anything: marks, tokens or a ranking. */
const isJudged = (now, category) => hasSheets(now, category) || now.hands.some((hand) => hand.category === category.id);

/** {field: why it stays as it is}. */
function lockedOf(now, category) {
  if (!category) return {};
  const locked = {};
  if (isJudged(now, category)) locked.method = locked.tokens = locked.criteria = t("admin.criteria-fixed");
  if (["decided", "announced"].includes(category.state)) locked.places = t("admin.locked-places");
  if (category.state !== "open" || (now.entriesOf(category.id).length > 0 && !category.from?.length)) locked.from = t("admin.locked-from");
  return locked;
}

/** What a refusal says beside its field, as {field: sentence}; {} where it is about no field of the form. */
function wrongOf(problem, sent) {
  let field = problem instanceof Refused && (problem.params.field ?? FIELD_OF[problem.code]);
  if (field === "name" && problem.code !== "name_taken" && sent.name?.length > 0 && sent.name.length <= 120) field = "criteria";      // it is the name of one of those
  if (!field) return {};
  const key = problem.code === "wrong_state" ? `admin.locked-${field}` : ["bad_field", "missing_field"].includes(problem.code) ? `admin.wrong-${field}` : "";
  return { [SHOWN_AT[field] ?? field]: has(key) ? t(key) : say(problem) };
}
const FIELD_OF = { category_has_sheets: "method" };
const SHOWN_AT = { lowest: "scale", highest: "scale", step: "scale", weight: "criteria" };

export function CategoryDialog({ id }) {
  const now = store(), venue = zone();
  const before = now.category(id);
  const locked = lockedOf(now, before), fixed = Boolean(locked.criteria);
  const saving = useAction();
  const form = useRef(null);
  const values = useSignal({ name: before?.name ?? "", places: String(before?.places ?? 3), show_scores: before?.show_scores ?? true, ...typedOf(before, venue) });
  const wrong = useSignal({});
  const scale = useSignal({ lowest: before?.lowest ?? 1, highest: before?.highest ?? 10, step: before?.step ?? 0.5 });
  const criteria = useSignal((before?.criteria ?? defaultCriteria()).map(row));
  const put = (name, value) => {
    values.value = { ...values.value, [name]: value };
    wrong.value = {};
  };
  const given = { values: values.value, set: put, wrong: wrong.value, locked };

  const fields = () => {
    const all = fieldsOf({ ...values.value, name: values.value.name.trim(), places: Number(values.value.places) }, venue);
    all.criteria = criteria.value.map(({ id: known, name: words, weight }) => ({ ...(known && { id: known }), name: words.trim(), weight: Number(weight) }));
    for (const [key, value] of Object.entries(scale.value)) all[key] = Number(value);
    if (before && all.closes_at && values.value.closes_at === typedOf(before, venue).closes_at) all.closes_at = before.closes_at;      // the form leaves out seconds
    if (!before) return all;
    return Object.fromEntries(Object.entries(all).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(before[key])));
  };
  const save = async (e) => {
    e.preventDefault();
    for (const part of form.current.querySelectorAll("details")) part.open ||= part.querySelector(":invalid") !== null;
    if (!form.current.dataset.unchecked && !form.current.reportValidity()) return;
    const changes = fields();
    if (before && !Object.keys(changes).length) return close();
    wrong.value = {};
    const run = () => (before ? send("PATCH", path(before), changes) : send("POST", "/api/categories", changes)).catch((problem) => {
      wrong.value = wrongOf(problem, { name: values.value.name.trim() });
      const [field] = Object.keys(wrong.value);
      if (field) requestAnimationFrame(() => goTo(form.current?.querySelector(`[data-field="${field}"]`)));
      throw problem;
    });
    if (await saving.run(run, t("admin.said-saved"))) close();
  };
  const set = (at, change) => {
    criteria.value = criteria.value.with(at, { ...criteria.value[at], ...change });
    wrong.value = {};
  };

  if (id && !before) return html`<${Dialog} title=${t("admin.categories")}><p>${t("error.no_such_category")}</p><//>`;
  const winners = values.value.from.length > 0, voted = before?.method === "choice";      // people's choice: no judges, no entries of its own
  return html`<${Dialog} wide title=${before ? before.name : t("admin.add-category")}><form ref=${form} onSubmit=${save} noValidate>
    <div class="field-row">
      <${Field} form=${given} name="name" label=${t("admin.name")}><${Input} form=${given} name="name" data-first dir="auto" required maxlength="120" /><//>
      <${Field} form=${given} name="day" label="${t("admin.day")} (${t("common.optional")})"><${Input} form=${given} name="day" type="date" /><//>
    </div>
    ${!voted && html`<${Method} form=${given} />`}
    ${onCriteria(values.value.method) && html`<fieldset class="field" data-field="criteria" aria-describedby="criteria-wrong"><legend class="field-label">${t("admin.criteria")}</legend>
      ${!fixed && html`<p class="field-hint">${t("admin.criteria-hint")}</p>`}
      <${Criteria} list=${criteria} fixed=${fixed} set=${set} />
      <${Beside} wrong=${wrong.value.criteria} id="criteria-wrong" /></fieldset>
    <details class="scale" data-field="scale" open=${Boolean(wrong.value.scale)}><summary>${t("admin.scale", scale.value)}</summary>
      <div class="field-row">${["lowest", "highest", "step"].map((key) => html`<div class="field" key=${key}><label for="scale-${key}">${t(`admin.${key}`)}</label>
        <input id="scale-${key}" type="number" inputmode="decimal" step="any" min=${key === "step" ? 0.01 : 0} max=${key === "step" ? 10 : 100} required disabled=${fixed} value=${scale.value[key]} aria-describedby="scale-wrong"
          onInput=${(e) => { scale.value = { ...scale.value, [key]: e.target.value }; wrong.value = {}; }} /></div>`)}</div>
      <${Beside} wrong=${wrong.value.scale} id="scale-wrong" /></details>`}
    <div class="field-row">
      <${Field} form=${given} name="places" label=${t("admin.places")}><${Input} form=${given} name="places" type="number" inputmode="numeric" min="1" max="20" required /><//>
      <${Field} form=${given} name="quorum" label=${t("admin.quorum")} hint=${t("admin.quorum-hint")}><${Input} form=${given} name="quorum" type="number" inputmode="numeric" min="0" max="100" /><//>
    </div>
    <label class="choice"><input type="checkbox" name="show_scores" checked=${values.value.show_scores} onChange=${(e) => put("show_scores", e.target.checked)} /><span>${t("admin.show-scores")}</span></label>
    ${!winners && !voted && html`<${Rules} form=${given} zone=${venue} contest=${now.contest} />`}
    <${Best} form=${given} id=${id} opened=${winners} voted=${voted} />
    ${before && html`<${Back} category=${before} />`}
    ${!Object.keys(wrong.value).length && html`<${Problem} of=${saving.problem} />`}
    <div class="dialog-foot">
      ${before && html`<span class="dialog-left buttons"><button type="button" class="button button-stop" data-do="delete-category" onClick=${() => askDelete(before)}>${icon("trash")}${t("common.delete")}</button>
        ${canMerge(now, before) && html`<button type="button" class="button" data-do="merge" onClick=${() => show(MergeDialog, { id })}>${t("admin.merge")}</button>`}</span>`}
      <button type="button" class="button button-quiet" onClick=${close}>${t("common.cancel")}</button>
      <button class="button button-primary" data-do="save-category" aria-busy=${saving.busy}>${before ? t("common.save") : t("admin.add")}</button>
    </div></form><//>`;
}

/** The field that was refused comes into sight and takes the focus; one that is locked only comes into sight. */
function goTo(field) {
  field?.scrollIntoView({ block: "center" });
  field?.querySelector("input:not(:disabled), select:not(:disabled)")?.focus({ preventScroll: true });
}

const called = (criterion, at) => criterion.name || t("admin.criterion-n", { n: at + 1 });

function Criteria({ list, fixed, set }) {
  const all = list.value;
  const move = (at, by) => {
    list.value = swapped(all, at, at + by);
    requestAnimationFrame(() => focusMove(document.querySelector(`[data-criterion="${all[at].key}"]`), by));
  };
  const remove = (at) => {
    list.value = all.toSpliced(at, 1);
    requestAnimationFrame(() => document.querySelector("[data-do=add-criterion]")?.focus());
  };
  const add = () => {
    const fresh = row({ name: "", weight: 1 });
    list.value = [...all, fresh];
    requestAnimationFrame(() => document.querySelector(`[data-criterion="${fresh.key}"] input`)?.focus());
  };
  return html`<ol class="criteria">${all.map((criterion, at) => html`<li key=${criterion.key} data-criterion=${criterion.key}>
      <input class="input" dir="auto" aria-label=${t("admin.criterion-name", { n: at + 1 })} required maxlength="120" disabled=${fixed} value=${criterion.name} onInput=${(e) => set(at, { name: e.target.value })} />
      <label class="weight"><span>${t("admin.weight")}</span><input class="input" type="number" inputmode="decimal" step="any" min="0.001" max="1000" required disabled=${fixed} value=${criterion.weight} onInput=${(e) => set(at, { weight: e.target.value })} /></label>
      ${!fixed && html`<span class="moves">
        <button type="button" class="button button-quiet" data-up disabled=${at === 0} aria-label=${t("admin.up", { name: called(criterion, at) })} onClick=${() => move(at, -1)}>${icon("arrow-up")}</button>
        <button type="button" class="button button-quiet" data-down disabled=${at === all.length - 1} aria-label=${t("admin.down", { name: called(criterion, at) })} onClick=${() => move(at, 1)}>${icon("arrow-down")}</button>
        <button type="button" class="button button-quiet" disabled=${all.length === 1} aria-label=${t("admin.remove", { name: called(criterion, at) })} onClick=${() => remove(at)}>${icon("x")}</button></span>`}
    </li>`)}</ol>
    ${!fixed && all.length < 20 && html`<button type="button" class="button" data-do="add-criterion" onClick=${add}>${icon("plus")}${t("admin.add-criterion")}</button>`}`;
}

/** The focus stays on the button that was used to move a row, or on its neighbour at the end of the list. */
export function focusMove(element, by) {
  const wanted = element?.querySelector(by < 0 ? "[data-up]" : "[data-down]");
  (wanted && !wanted.disabled ? wanted : element?.querySelector(by < 0 ? "[data-down]" : "[data-up]"))?.focus();
}

/** The way back: rarely needed, so it stands in the dialog and not beside the next step. */
function Back({ category }) {
  const back = { judging: "open", closed: "reopen", decided: "reopen" }[category.state];
  if (!back) return null;
  const revealed = (store().decision(category.id)?.revealed ?? 0) > 0;
  if (revealed) return html`<p class="field-hint">${t("admin.no-way-back")}</p>`;
  const needed = back === "reopen" || hasSheets(store(), category);
  return html`<div class="way-back"><p class="field-label">${t("admin.way-back")}</p>
    <button type="button" class="button" data-do=${back} onClick=${() => show(Ask, {
      title: t(`admin.${back}-title`, { category: category.name }), text: t(`admin.${back}-text`), reason: needed ? "needed" : "optional", action: t(`admin.${back}`),
      run: (reason) => send("POST", `${path(category)}/${back}`, { reason }), done: t(`admin.said-${back}`, { category: category.name }),
    })}>${icon("undo-2")}${t(`admin.${back}`)}</button></div>`;
}

function askDelete(category) {
  show(Ask, { stop: true, title: t("admin.delete-title", { category: category.name }), text: t("admin.delete-text"), action: t("common.delete"),
    run: () => send("DELETE", path(category)), done: t("admin.said-deleted", { category: category.name }) });
}
