// /admin: the dialogs that add, change and delete a category, and the list of those that organisers really use.
import { html, icon, useSignal } from "/static/ui.js";
import { t, say } from "/static/words.js";
import { announce, close, isOurs, send, show, store } from "/static/admin/contest.js";
import { Ask, Dialog, Problem, useAction } from "/static/admin/parts.js";
import { hasSheets, swapped } from "/static/admin/model.js";

const DEFAULT = ["technique", "composition", "placement", "style", "creativity"];
const TEMPLATE = ["small-colour", "medium-colour", "large-colour", "small-black-grey", "medium-black-grey", "large-black-grey",
  "realism-colour", "realism-black-grey", "portrait", "traditional", "neo-traditional", "new-school", "japanese", "blackwork", "tribal",
  "geometric", "lettering", "chicano", "fineline", "micro-realism", "watercolour", "comic", "horror", "cover-up", "sleeve", "back-piece",
  "full-body", "collaboration", "freehand", "best-healed", "beginner", "best-of-day", "best-of-show"];

const path = (category) => `/api/categories/${encodeURIComponent(category.id)}`;
const defaultCriteria = () => DEFAULT.map((id) => ({ id, name: t(`admin.criterion.${id}`), weight: 1 }));

// --- One category --------------------------------------------------------------

let made = 0;
const row = (criterion) => ({ key: ++made, ...criterion });

export function CategoryDialog({ id }) {
  const now = store();
  const before = now.category(id);
  const fixed = Boolean(before) && hasSheets(now, before);
  const decided = ["decided", "announced"].includes(before?.state);
  const saving = useAction();
  const name = useSignal(before?.name ?? ""), places = useSignal(String(before?.places ?? 3)), scores = useSignal(before?.show_scores ?? true);
  const scale = useSignal({ lowest: before?.lowest ?? 1, highest: before?.highest ?? 10, step: before?.step ?? 0.5 });
  const criteria = useSignal((before?.criteria ?? defaultCriteria()).map(row));

  const fields = () => {
    const all = { name: name.value.trim(), show_scores: scores.value };
    if (!decided) all.places = Number(places.value);
    if (!fixed) {
      all.criteria = criteria.value.map(({ id: known, name: words, weight }) => ({ ...(known && { id: known }), name: words.trim(), weight: Number(weight) }));
      for (const [key, value] of Object.entries(scale.value)) all[key] = Number(value);
    }
    if (!before) return all;
    return Object.fromEntries(Object.entries(all).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(before[key])));
  };
  const save = async (e) => {
    e.preventDefault();
    if (!e.target.reportValidity()) return;
    const changes = fields();
    if (before && !Object.keys(changes).length) return close();
    const run = () => (before ? send("PATCH", path(before), changes) : send("POST", "/api/categories", changes));
    if (await saving.run(run, t("admin.said-saved"))) close();
  };
  const set = (at, change) => { criteria.value = criteria.value.with(at, { ...criteria.value[at], ...change }); };

  if (id && !before) return html`<${Dialog} title=${t("admin.categories")}><p>${t("error.no_such_category")}</p><//>`;
  return html`<${Dialog} wide title=${before ? before.name : t("admin.add-category")}><form onSubmit=${save}>
    <div class="field"><label for="category-name">${t("admin.name")}</label>
      <input id="category-name" data-first dir="auto" required maxlength="120" autocomplete="off" value=${name} onInput=${(e) => { name.value = e.target.value; }} /></div>
    <div class="field-row">
      <div class="field"><label for="category-places">${t("admin.places")}</label>
        <input id="category-places" type="number" inputmode="numeric" min="1" max="20" required disabled=${decided} value=${places} onInput=${(e) => { places.value = e.target.value; }} /></div>
      <label class="choice"><input type="checkbox" checked=${scores} onChange=${(e) => { scores.value = e.target.checked; }} /><span>${t("admin.show-scores")}</span></label>
    </div>
    <fieldset class="field"><legend class="field-label">${t("admin.criteria")}</legend>
      ${fixed && html`<p class="field-hint">${t("admin.criteria-fixed")}</p>`}
      <${Criteria} list=${criteria} fixed=${fixed} set=${set} />
    </fieldset>
    <details class="scale"><summary>${t("admin.scale", scale.value)}</summary>
      <div class="field-row">${["lowest", "highest", "step"].map((key) => html`<div class="field" key=${key}><label for="scale-${key}">${t(`admin.${key}`)}</label>
        <input id="scale-${key}" type="number" inputmode="decimal" step="any" min=${key === "step" ? 0.01 : 0} max=${key === "step" ? 10 : 100} required disabled=${fixed} value=${scale.value[key]} onInvalid=${(e) => { e.target.closest("details").open = true; }}
          onInput=${(e) => { scale.value = { ...scale.value, [key]: e.target.value }; }} /></div>`)}</div>
    </details>
    ${before && html`<${Back} category=${before} />`}
    <${Problem} of=${saving.problem} />
    <div class="dialog-foot">
      ${before && html`<button type="button" class="button button-stop dialog-left" data-do="delete-category" onClick=${() => askDelete(before)}>${icon("trash")}${t("common.delete")}</button>`}
      <button type="button" class="button button-quiet" onClick=${close}>${t("common.cancel")}</button>
      <button class="button button-primary" data-do="save-category" aria-busy=${saving.busy}>${before ? t("common.save") : t("admin.add")}</button>
    </div></form><//>`;
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

// --- From the list -----------------------------------------------------------------

export function TemplateDialog() {
  const there = new Set(store().categories.map((category) => category.name.toLowerCase()));
  const ticked = useSignal(new Set());
  const busy = useSignal(""), problem = useSignal("");
  const tick = (key, on) => {
    const next = new Set(ticked.value);
    on ? next.add(key) : next.delete(key);
    ticked.value = next;
    problem.value = "";
  };
  // One after the other, so that they stand in the list's order; what was added is unticked, and a second try adds the rest.
  const add = async (e) => {
    e.preventDefault();
    if (busy.value) return;
    problem.value = "";
    const wanted = TEMPLATE.filter((key) => ticked.value.has(key));
    if (!wanted.length) return;
    try {
      for (const [at, key] of wanted.entries()) {
        busy.value = t("admin.template-adding", { at: at + 1, n: wanted.length });
        await send("POST", "/api/categories", { name: t(`template.${key}`), criteria: defaultCriteria() });
        tick(key, false);
      }
      announce(t("admin.template-added", { n: wanted.length }));
      close();
    } catch (error) {
      if (!isOurs(error)) console.error(error);
      problem.value = say(error);
      announce(problem.value);
    } finally {
      busy.value = "";
    }
  };
  const n = ticked.value.size;
  return html`<${Dialog} wide title=${t("admin.template")}><form onSubmit=${add}>
    <p class="muted">${t("admin.template-text")}</p>
    <div class="template">${TEMPLATE.map((key) => {
      const has = there.has(t(`template.${key}`).toLowerCase());
      return html`<label class="choice" key=${key}><input type="checkbox" disabled=${has} checked=${has || ticked.value.has(key)} onChange=${(e) => tick(key, e.target.checked)} />
        <span>${t(`template.${key}`)}${has && html` <span class="muted">(${t("admin.template-there")})</span>`}</span></label>`;
    })}</div>
    <div class="dialog-foot dialog-foot-stuck"><p class="field-error dialog-left" data-problem hidden=${!problem.value}>${problem}</p><button type="button" class="button button-quiet" onClick=${close}>${t("common.cancel")}</button>
      <button class="button button-primary" data-do="add-template" disabled=${!n && !busy.value} aria-busy=${Boolean(busy.value)}>${busy.value || (n ? t("admin.template-add", { n }) : t("admin.add"))}</button></div>
  </form><//>`;
}
