// /admin, Scores: the decision. It starts as the standings have it; to differ, or to decide early, needs a reason.
import { html, icon, useEffect, useRef, useSignal } from "/static/ui.js";
import { t, number } from "/static/words.js";
import { announce, go, route, send, store } from "/static/admin/contest.js";
import { EntryNumber, isolated, names, place, useAction } from "/static/admin/parts.js";
import { alerts, beyond, joined, parted, placeOf, podium, pool, sameGroups, swapped, without } from "/static/admin/model.js";

/** `open`: a signal, whether the decision is being made; the address can ask for it. */
export function Decide({ category, table, open }) {
  const decision = store().decision(category.id);
  const wanted = route.value.more === "decide";
  const shut = () => {
    open.value = false;
    if (wanted) go("scores", category.id);
    requestAnimationFrame(() => document.querySelector("main h1")?.focus());      // the button that had the focus is gone
  };
  if (open.value && !decision?.revealed) return html`<${Editor} category=${category} table=${table} decision=${decision} onClose=${shut} />`;
  if (!decision || category.state === "closed") return null;
  return html`<section class="decided" aria-labelledby="decided-title"><h2 id="decided-title">${t("admin.decided")}</h2><${Places} decision=${decision} />
    ${decision.revealed ? html`<p class="muted">${t("admin.decided-revealed")}</p>`
      : html`<button type="button" class="button" data-do="change-decision" onClick=${() => { open.value = true; }}>${icon("pencil")}${t("admin.change-decision")}</button>`}</section>`;
}

/** The decided places in words, best first. `revealed` groups from the end are public. */
export function Places({ decision }) {
  const { places, revealed, reason } = decision;
  const now = store();
  if (!places.length) return html`<p>${t("place.none")}</p>`;
  return html`<ol class="places">${places.map((group, at) => html`<li key=${at} class="place ${at >= places.length - revealed ? "place-revealed" : "place-secret"}">
      <p class="place-name">${place(placeOf(places, at))}${group.length > 1 && html` <span class="muted">${t("place.shared")}</span>`}</p>
      <ul class="place-entries">${group.map((n) => html`<li key=${n}><${EntryNumber} n=${n} /><span>${now.entry(n) && names(now.entry(n))}</span></li>`)}</ul>
      <p class="place-state">${t(at >= places.length - revealed ? "admin.revealed" : "admin.not-revealed")}</p></li>`)}</ol>
    ${reason && html`<p class="muted">${t("common.reason")}: <span dir="auto">${reason}</span></p>`}`;
}

function Editor({ category, table, decision, onClose }) {
  const now = store();
  const action = useAction();
  const heading = useRef(null);
  const standing = podium(table.rows, category.places);
  // Until the organiser touches it, the proposal follows the standings: a late sheet may still change them.
  const touched = useSignal(decision ? decision.places : null), reason = useSignal(decision?.reason ?? ""), complain = useSignal("");
  const groups = touched.value ?? standing;
  useEffect(() => { heading.current.focus(); heading.current.scrollIntoView({ block: "start" }); }, []);

  const differs = !sameGroups(groups, standing);
  const why = [differs && t("admin.why-differs"), table.provisional && t("admin.why-provisional", { n: table.missing.length }), table.unresolved.length > 0 && t("admin.why-unresolved")].filter(Boolean);
  const scores = new Map(table.rows.map((row) => [row.entry, row.score]));
  const late = beyond(groups, category.places);
  const left = pool(now, category).filter((entry) => !groups.flat().includes(entry.number));
  const set = (next, words) => { touched.value = next; if (words) announce(words); };

  const save = async (e) => {
    e.preventDefault();
    complain.value = late >= 0 ? t("admin.too-many", { n: category.places }) : why.length && !reason.value.trim() ? t("error.reason_needed") : "";
    if (complain.value) {
      announce(complain.value);
      return document.querySelector(late >= 0 ? "[data-places]" : "#decide-reason")?.focus();
    }
    const body = { places: groups, ...(reason.value.trim() && { reason: reason.value.trim() }) };
    if (await action.run(() => send("PUT", `/api/winners/${encodeURIComponent(category.id)}`, body), t("admin.said-decided", { category: category.name }))) onClose();
  };
  return html`<section class="decide" aria-labelledby="decide-title"><form onSubmit=${save} noValidate>
    <h2 id="decide-title" tabindex="-1" ref=${heading}>${t("admin.decide")}</h2>
    <p class="gothic decide-category" dir="auto">${category.name}</p>
    <p class="muted">${t("admin.decide-text", { n: category.places })} ${t(differs ? "admin.decide-differs" : "admin.decide-follows")}</p>
    ${differs && category.show_scores && groups.length > 0 && html`<p class="warn" data-no-scores>${icon("triangle-alert")} ${t("admin.decide-no-scores")}</p>`}
    ${!groups.length ? html`<p class="notice" data-places tabindex="-1">${t("place.none")}</p>` : html`<ol class="places" data-places tabindex="-1">${groups.map((group, at) => html`<${Group} key=${group.join()} groups=${groups} at=${at} set=${set} over=${late >= 0 && at >= late} scores=${scores} />`)}</ol>`}
    <div class="field-row decide-add">
      ${left.length > 0 && html`<div class="field"><label for="decide-add">${t("admin.decide-add")}</label><select id="decide-add" value="" onChange=${(e) => { if (e.target.value) set([...groups, [Number(e.target.value)]], t("admin.said-added", { number: e.target.value })); e.target.value = ""; }}>
        <option value="">${t("admin.choose-entry")}</option>${left.map((entry) => html`<option key=${entry.number} value=${entry.number}>${entry.number} ${names(entry)}</option>`)}</select></div>`}
      <div class="buttons">${groups.length > 0 && html`<button type="button" class="button button-quiet" data-do="no-award" onClick=${() => set([], t("place.none"))}>${t("admin.no-award")}</button>`}
        ${differs && html`<button type="button" class="button button-quiet" data-do="as-standing" onClick=${() => { touched.value = null; announce(t("admin.as-standing")); }}>${icon("undo-2")}${t("admin.as-standing")}</button>`}</div>
    </div>
    ${alerts(now, category, groups).map((alert) => html`<p class="warn" key=${alert.key + alert.entries + alert.where}>${icon("triangle-alert")} ${t(`admin.alert-${alert.key}`, { ...alert, entries: alert.entries.join(", "), name: isolated(alert.name) })}</p>`)}
    ${(why.length > 0 || reason.value) && html`<div class="field"><label for="decide-reason">${t("common.reason")}</label>
      ${why.length > 0 && html`<ul class="field-hint" id="decide-why">${why.map((line) => html`<li key=${line}>${line}</li>`)}</ul>`}
      <textarea id="decide-reason" dir="auto" maxlength="1000" required=${why.length > 0} aria-describedby="decide-why decide-problem" aria-invalid=${Boolean(complain.value)} value=${reason} onInput=${(e) => { reason.value = e.target.value; complain.value = ""; }}></textarea></div>`}
    <p class="field-error" id="decide-problem" data-problem hidden=${!complain.value && !action.problem.value}>${complain.value || action.problem.value}</p>
    <div class="dialog-foot"><button type="button" class="button button-quiet" onClick=${onClose}>${t("common.cancel")}</button><button class="button button-primary" data-do="save-decision" aria-busy=${action.busy}>${t("admin.save-decision")}</button></div>
  </form></section>`;
}

function Group({ groups, at, set, over, scores }) {
  const now = store();
  const group = groups[at], label = place(placeOf(groups, at));
  const move = (to) => {
    set(swapped(groups, at, to), t("admin.said-place", { entries: group.join(", "), place: place(placeOf(swapped(groups, at, to), to)) }));
    requestAnimationFrame(() => {
      const row = document.querySelector(`[data-group="${group.join()}"]`);
      const [wanted, other] = to < at ? ["[data-up]", "[data-down]"] : ["[data-down]", "[data-up]"];
      (row?.querySelector(`${wanted}:not(:disabled)`) ?? row?.querySelector(other))?.focus();
    });
  };
  return html`<li class="place ${over ? "place-over" : ""}" data-group=${group.join()}>
    <p class="place-name">${label}${group.length > 1 && html` <span class="muted">${t("place.shared")}</span>`}</p>
    <ul class="place-entries">${group.map((n) => html`<li key=${n}><${EntryNumber} n=${n} /><span>${now.entry(n) && names(now.entry(n))}</span>
      <span class="place-score">${scores.has(n) && html`<span class="visually-hidden">${t("common.score")} </span>${number(scores.get(n), 2)}`}</span>
      <button type="button" class="button button-quiet" data-do="take-out" aria-label=${t("admin.take-out", { number: n })} onClick=${() => { set(without(groups, n), t("admin.said-taken-out", { number: n })); requestAnimationFrame(() => document.querySelector("[data-places]")?.focus()); }}>${icon("x")}</button></li>`)}</ul>
    <div class="buttons moves">
      <button type="button" class="button button-quiet" data-up disabled=${at === 0} aria-label=${t("admin.up", { name: label })} onClick=${() => move(at - 1)}>${icon("arrow-up")}</button>
      <button type="button" class="button button-quiet" data-down disabled=${at === groups.length - 1} aria-label=${t("admin.down", { name: label })} onClick=${() => move(at + 1)}>${icon("arrow-down")}</button>
      ${group.length > 1 ? html`<button type="button" class="button button-quiet" data-do="part" onClick=${() => set(parted(groups, at))}>${t("admin.part")}</button>`
        : at > 0 && html`<button type="button" class="button button-quiet" data-do="join" onClick=${() => set(joined(groups, at))}>${t("admin.join", { place: place(placeOf(groups, at - 1)) })}</button>`}</div></li>`;
}
