// /admin, Scores: the decision and, once it is announced, its correction. It starts as the standings have it; to differ, or to decide early, needs a reason.
import { html, icon, useEffect, useRef, useSignal } from "/static/ui.js";
import { t } from "/static/words.js";
import { announce, go, route, send, store } from "/static/admin/contest.js";
import { names, useAction } from "/static/admin/parts.js";
import { Groups } from "/static/admin/groups.js";
import { Places } from "/static/admin/places.js";
import { scoreOf } from "/static/admin/standings.js";
import { Warnings } from "/static/admin/doubts.js";
import { beyond, podium, pool, sameGroups } from "/static/admin/model.js";

/**
 *   open     a signal, whether the decision is being made; the address can ask for it
 *   placed   a signal for the entries that are thought of, which the warnings are to be about
 */
export function Decide({ category, table, open, placed }) {
  const decision = store().decision(category.id);
  const announced = category.state === "announced";
  const may = announced || !decision?.revealed;
  const shut = () => {
    open.value = false;
    if (["decide", "correct"].includes(route.value.more)) go("scores", category.id);
    requestAnimationFrame(() => document.querySelector("main h1")?.focus());      // the button that had the focus is gone
  };
  if (open.value && may) return html`<${Editor} category=${category} table=${table} decision=${decision} placed=${placed} correcting=${announced} onClose=${shut} />`;
  if (!decision || category.state === "closed") return null;
  return html`<section class="decided" aria-labelledby="decided-title"><h2 id="decided-title">${t(announced ? "category-state.announced" : "admin.decided")}</h2><${Places} category=${category} decision=${decision} live />
    ${may ? html`<button type="button" class="button" data-do=${announced ? "correct" : "change-decision"} onClick=${() => { open.value = true; }}>${icon("pencil")}${t(announced ? "admin.correct" : "admin.change-decision")}</button>`
      : html`<p class="muted">${t("admin.decided-revealed")}</p>`}</section>`;
}

const PROVISIONAL = { tokens: "admin.why-provisional-tokens", ranking: "admin.why-provisional-ranks" };

/** What this decision needs a reason for, in words. */
function doubts(category, table, differs) {
  return [differs && t("admin.why-differs"), table.provisional && t(PROVISIONAL[category.method] ?? "admin.why-provisional", { n: table.missing.length }), table.unresolved.length > 0 && t("admin.why-unresolved")].filter(Boolean);
}

function Editor({ category, table, decision, placed, correcting, onClose }) {
  const now = store();
  const action = useAction();
  const heading = useRef(null);
  const standing = podium(table.rows, category.places);
  // Until the organiser touches it, the proposal follows the standings: a late sheet may still change them.
  const touched = useSignal(decision ? decision.places : null), reason = useSignal(correcting ? "" : decision?.reason ?? ""), complain = useSignal("");
  const groups = touched.value ?? standing, named = groups.flat().join();
  useEffect(() => { heading.current.focus(); heading.current.scrollIntoView({ block: "start" }); }, []);
  useEffect(() => { placed.value = named; }, [named]);
  useEffect(() => () => { placed.value = null; }, []);

  const differs = !sameGroups(groups, standing);
  const why = correcting ? [t("admin.why-correct")] : doubts(category, table, differs);
  const same = correcting && sameGroups(groups, decision.places);
  const late = beyond(groups, category.places);
  const set = (next, words) => { touched.value = next; if (words) announce(words); };

  const save = async (e) => {
    e.preventDefault();
    complain.value = late >= 0 ? t("admin.too-many", { n: category.places }) : same ? t("admin.correct-same") : why.length && !reason.value.trim() ? t("error.reason_needed") : "";
    if (complain.value) {
      announce(complain.value);
      return document.querySelector(late >= 0 || same ? "[data-places]" : "#decide-reason")?.focus();
    }
    const body = { places: groups, ...(reason.value.trim() && { reason: reason.value.trim() }) }, path = `/api/winners/${encodeURIComponent(category.id)}`;
    if (await action.run(() => (correcting ? send("POST", `${path}/correct`, body) : send("PUT", path, body)), t(correcting ? "admin.said-corrected" : "admin.said-decided", { category: category.name }))) onClose();
  };
  return html`<section class="decide" aria-labelledby="decide-title"><form onSubmit=${save} noValidate>
    <h2 id="decide-title" tabindex="-1" ref=${heading}>${t(correcting ? "admin.correct" : "admin.decide")}</h2>
    <p class="gothic decide-category" dir="auto">${category.name}</p>
    <p class="muted">${correcting ? t("admin.correct-text") : html`${t("admin.decide-text", { n: category.places })} ${t(differs ? "admin.decide-differs" : "admin.decide-follows")}`}</p>
    ${differs && category.show_scores && groups.length > 0 && html`<p class="warn" data-no-scores>${icon("triangle-alert")} ${t("admin.decide-no-scores")}</p>`}
    ${groups.length ? html`<${Groups} groups=${groups} set=${set} over=${late} scores=${new Map(table.rows.map((row) => [row.entry, scoreOf(category, row.score)]))} takeOut />` : html`<p class="notice" data-places tabindex="-1">${t("place.none")}</p>`}
    <${More} category=${category} groups=${groups} set=${set} differs=${differs} reset=${() => { touched.value = null; announce(t("admin.as-standing")); }} />
    <${Warnings} category=${category} table=${table} all level />
    ${(why.length > 0 || reason.value) && html`<div class="field"><label for="decide-reason">${t("common.reason")}</label>
      ${why.length > 0 && html`<ul class="field-hint" id="decide-why">${why.map((line) => html`<li key=${line}>${line}</li>`)}</ul>`}
      <textarea id="decide-reason" dir="auto" maxlength="1000" required=${why.length > 0} aria-describedby="decide-why decide-problem" aria-invalid=${Boolean(complain.value)} value=${reason} onInput=${(e) => { reason.value = e.target.value; complain.value = ""; }}></textarea></div>`}
    <p class="field-error" id="decide-problem" data-problem hidden=${!complain.value && !action.problem.value}>${complain.value || action.problem.value}</p>
    <div class="dialog-foot"><button type="button" class="button button-quiet" onClick=${onClose}>${t("common.cancel")}</button><button class="button button-primary" data-do="save-decision" aria-busy=${action.busy}>${t(correcting ? "admin.save-correction" : "admin.save-decision")}</button></div>
  </form></section>`;
}

/** Another entry among the winners, none at all, or back to what the standings say. */
function More({ category, groups, set, differs, reset }) {
  const left = pool(store(), category).filter((entry) => !groups.flat().includes(entry.number));
  const add = (e) => {
    if (e.target.value) set([...groups, [Number(e.target.value)]], t("admin.said-added", { number: e.target.value }));
    e.target.value = "";
  };
  return html`<div class="field-row decide-add">
    ${left.length > 0 && html`<div class="field"><label for="decide-add">${t("admin.decide-add")}</label><select id="decide-add" value="" onChange=${add}>
      <option value="">${t("admin.choose-entry")}</option>${left.map((entry) => html`<option key=${entry.number} value=${entry.number}>${entry.number} ${names(entry)}</option>`)}</select></div>`}
    <div class="buttons">${groups.length > 0 && html`<button type="button" class="button button-quiet" data-do="no-award" onClick=${() => set([], t("place.none"))}>${t("admin.no-award")}</button>`}
      ${differs && html`<button type="button" class="button button-quiet" data-do="as-standing" onClick=${reset}>${icon("undo-2")}${t("admin.as-standing")}</button>`}</div></div>`;
}
