// What stands above the sheet: notices, which are rare, so they may take room; and what is said when there is nothing to judge.
import { html } from "/static/ui.js";
import { t } from "/static/words.js";
import { NotTaken } from "/static/judge/menu.js";
import { RunOffNotices } from "/static/judge/runoff.js";
import { keyOf } from "/static/judge/rules.js";
import * as model from "/static/judge/model.js";
import * as marking from "/static/judge/marking.js";
import * as place from "/static/judge/place.js";

/** `open`: the signal of what is open over the page. */
export function Notices({ open }) {
  const { problem, fragile, count, aside } = model.box.value;
  const judges = model.contest.value.me?.role === "judge";
  const c = judges && model.category.value, e = judges && model.entry.value;
  const [refusal, ...more] = model.refusals.value;
  const [conflict] = model.conflicts.value;
  return html`
    <section class="judge-notices" aria-label=${t("judge.notices")}>
      ${problem && html`<div class="notice notice-stop" data-problem=${problem}>
        <p>${t(`judge.problem-${problem}`)} ${count > 0 && t("judge.kept", { n: count })}</p>
        ${count > 0 && html`<button type="button" class="button button-quiet" onClick=${() => marking.rescue()}>${t("judge.rescue")}</button>`}</div>`}
      ${!problem && model.deaf.value && html`<div class="notice notice-stop" data-deaf=${model.deaf.value}><p>${t(`live.${model.deaf.value}`)}</p>
        ${model.deaf.value !== "foreign" && html`<button type="button" class="button button-quiet" onClick=${() => location.reload()}>${t("judge.load-again")}</button>`}</div>`}
      ${aside > 0 && html`<div class="notice" data-aside=${aside}><p>${t("judge.aside", { n: aside })}</p>
        <button type="button" class="button button-quiet" onClick=${() => marking.rescue()}>${t("judge.rescue")}</button></div>`}
      ${fragile && html`<p class="notice notice-stop">${t("judge.fragile")}</p>`}
      ${judges && html`<${RunOffNotices} />`}
      ${conflict && html`<div class="notice" data-conflict=${keyOf(conflict)}>
        <p dir="auto">${conflict.kind ? t("judge.conflict-hand", { category: model.categoryOf(conflict)?.name ?? "" }) : t("judge.conflict", { number: conflict.entry })}</p>
        <button type="button" class="button button-quiet" onClick=${() => { open.value = { conflict: keyOf(conflict) }; }}>${t("judge.conflict-open")}</button></div>`}
      ${refusal && html`<ul class="notice notice-stop"><${NotTaken} record=${refusal} />
        ${more.length > 0 && html`<li><button type="button" class="button button-quiet" onClick=${() => { open.value = "menu"; }}>${t("judge.not-taken-more", { n: more.length })}</button></li>`}</ul>`}
      ${c && e && c.state === "closed" && html`<p class="notice notice-plain">${t("judge.closed")}</p>`}
      ${c && e && !model.takesMarks(c) && html`<p class="notice notice-plain">${t(`judge.locked-${c.state}`)}</p>`}
      ${e && !model.isByHand(c) && model.isOut(e) && html`<p class="notice notice-plain">${t("judge.out", { number: e.number, state: t(`entry-state.${e.state}`) })}</p>`}
    </section>`;
}

/** Nothing to judge now, said in words; the page moves on by itself when that changes. */
export function Nothing() {
  const { me } = model.contest.value;
  const all = model.categories.value;
  const here = model.category.value;
  const words = me?.role !== "judge" ? "judge.not-a-judge" : all.length === 0 ? "judge.no-categories"
    : here?.state === "open" ? "judge.nothing" : "judge.empty";
  return html`
    <div class="judge-nothing">
      <h2>${t(`${words}-title`)}</h2>
      <p>${t(words)}</p>
      ${me?.role === "judge" && html`<ul>${all.map((c) => html`
        <li key=${c.id}>${model.takesMarks(c) && c !== here
          ? html`<button type="button" class="button" data-go=${c.id} dir="auto" onClick=${() => place.goToCategory(c.id)}>${c.name}</button>`
          : html`<span dir="auto">${c.name}</span>`} <small>${t(`judge.state-${c.state}`)}</small></li>`)}</ul>`}
    </div>`;
}
