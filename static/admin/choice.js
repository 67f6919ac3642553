// /admin, People's choice: the award, its codes on paper, and how many have voted. Never for whom: the server tells nobody while
// people vote. Once the voting is closed the votes stand in Scores, and the rest is as for any other award.
import { html, icon, useSignal } from "/static/ui.js";
import { number, t, time } from "/static/words.js";
import { announce, close, send, show, store } from "/static/admin/contest.js";
import { Ask, Dialog, Head, Next, Problem, StateChip, useAction } from "/static/admin/parts.js";
import { pool } from "/static/admin/model.js";
import { CodeCards, printCodes } from "/static/admin/codes.js";

const isChoice = (category) => category.method === "choice";
/** The categories whose entries people may choose from. */
const sources = (now) => now.categories.filter((category) => !isChoice(category));

export default function Choice() {
  const list = store().categories.filter(isChoice);
  return html`<${Head} title=${t("admin.choice-title")}>${list.length > 0 && html`<button type="button" class="button" data-do="add-choice" onClick=${() => show(Add)}>${icon("plus")}${t("admin.choice-another")}</button>`}<//>
    ${list.map((category) => html`<${Award} key=${category.id} category=${category} />`)}
    ${!list.length && html`<p class="choice-lead">${t("admin.choice-lead")}</p><div class="choice-first"><${Form} /></div>`}
    <${CodeCards} />`;
}

// --- Adding one -------------------------------------------------------------------

const Add = () => html`<${Dialog} title=${t("admin.choice-add")}><${Form} onDone=${close} /><//>`;

function Form({ onDone }) {
  const now = store();
  const action = useAction();
  const name = useSignal(t("admin.choice-title")), ballots = useSignal("codes"), all = useSignal(true), some = useSignal([]), wrong = useSignal("");
  const tick = (id, on) => { some.value = on ? [...some.value, id] : some.value.filter((one) => one !== id); wrong.value = ""; };
  const save = async (e) => {
    e.preventDefault();
    if (!all.value && !some.value.length) { wrong.value = t("admin.choose-category"); return announce(wrong.value); }
    const body = { name: name.value.trim(), method: "choice", places: 1, ballots: ballots.value, from: all.value ? [] : some.value };
    if (await action.run(() => send("POST", "/api/categories", body), t("admin.choice-said-added", { name: body.name }))) onDone?.();
  };
  return html`<form class="choice-form" onSubmit=${save}>
    <div class="field"><label for="choice-name">${t("admin.name")}</label><input id="choice-name" dir="auto" required maxlength="120" autocomplete="off" value=${name} onInput=${(e) => { name.value = e.target.value; }} /></div>
    <fieldset class="field"><legend class="field-label">${t("admin.choice-how")}</legend><div class="roles">${["codes", "devices"].map((one) => html`
      <label class="choice" key=${one}><input type="radio" name="ballots" value=${one} checked=${ballots.value === one} onChange=${() => { ballots.value = one; }} /><span>${t(`admin.choice-${one}`)}<span class="field-hint"> ${t(`admin.choice-${one}-hint`)}</span></span></label>`)}</div></fieldset>
    ${sources(now).length > 1 && html`<fieldset class="field"><legend class="field-label">${t("admin.choice-from")}</legend>
      <label class="choice"><input type="checkbox" checked=${all} onChange=${(e) => { all.value = e.target.checked; wrong.value = ""; }} /><span>${t("admin.all-categories")}</span></label>
      ${!all.value && html`<div class="template">${sources(now).map(({ id, name: words }) => html`<label class="choice" key=${id}><input type="checkbox" checked=${some.value.includes(id)} onChange=${(e) => tick(id, e.target.checked)} /><span dir="auto">${words}</span></label>`)}</div>`}</fieldset>`}
    <${Problem} of=${wrong} /><${Problem} of=${action.problem} />
    <div class="dialog-foot">${onDone && html`<button type="button" class="button button-quiet" onClick=${close}>${t("common.cancel")}</button>`}
      <button class="button button-primary" data-do="save-choice" aria-busy=${action.busy}>${t("admin.choice-save")}</button></div></form>`;
}

// --- An award -----------------------------------------------------------------------

function Award({ category }) {
  const now = store();
  const known = now.choice(category.id) ?? { votes: 0, batches: [] };
  const voting = ["open", "judging"].includes(category.state);
  const from = category.from.map((id) => now.category(id)?.name ?? id);
  return html`<section class="award" data-choice=${category.id} aria-labelledby=${`choice-${category.id}`}>
    <div class="section-head"><h2 class="gothic" id=${`choice-${category.id}`} dir="auto">${category.name}</h2><div class="buttons"><${Next} category=${category} /></div></div>
    <p class="facts"><span><${StateChip} category=${category} /></span><span><strong class="figure-large" data-votes>${number(known.votes)}</strong> ${t("admin.choice-votes", { n: known.votes })}</span>
      <span>${t("common.entries", { n: pool(now, category).length })}</span><span class="muted" dir="auto">${from.join(", ") || t("admin.all-categories")}</span></p>
    ${voting && html`<p class="muted">${t("admin.choice-secret")}</p>`}
    ${category.state === "closed" && html`<p><a href="#scores/${encodeURIComponent(category.id)}">${t("admin.choice-totals")}</a></p>`}
    ${category.ballots === "devices" ? html`<p class="notice warn" data-weak>${icon("triangle-alert")} ${t("admin.choice-weak")}</p>` : html`<${Batches} category=${category} batches=${known.batches} voting=${voting} />`}
    <p class="muted">${t(category.ballots === "devices" ? "admin.choice-where-devices" : "admin.choice-where-codes")} <span class="choice-address" dir="ltr">${now.contest.address.split("://").at(-1)}/vote</span></p>
    ${category.state === "open" && !known.votes && html`<button type="button" class="button button-quiet" data-do="delete-choice" onClick=${() => show(Ask, { stop: true, title: t("admin.choice-delete-title", { name: category.name }), text: t("admin.choice-delete-text"), action: t("admin.choice-delete"),
      run: () => send("DELETE", `/api/categories/${encodeURIComponent(category.id)}`), done: t("admin.choice-said-deleted", { name: category.name }) })}>${icon("trash")}${t("admin.choice-delete")}</button>`}
  </section>`;
}

// --- Its codes ----------------------------------------------------------------------

function Batches({ category, batches, voting }) {
  return html`<div class="batches"><h3>${t("admin.codes")}</h3>
    ${!batches.length && html`<p class="warn">${t("admin.codes-none")}</p>`}
    ${batches.length > 0 && html`<ol class="batch-list">${batches.map((batch, at) => html`<${BatchRow} key=${batch.id} batch=${batch} n=${at + 1} voting=${voting} />`)}</ol>`}
    ${voting && html`<${More} category=${category} />`}</div>`;
}

function BatchRow({ batch, n, voting }) {
  const action = useAction();
  const name = t("admin.batch", { n });
  const takeBack = () => show(Ask, { stop: true, title: t("admin.batch-revoke-title", { n }), text: t("admin.batch-revoke-text", { n: batch.used }), action: t("admin.batch-revoke"),
    run: () => send("DELETE", `/api/choice/codes/${encodeURIComponent(batch.id)}`), done: t("admin.batch-said-revoked", { n }) });
  return html`<li class="batch" data-batch=${batch.id}><div class="batch-who"><strong>${name}</strong> <span class="muted">${time(batch.at)}</span>
      <p>${batch.revoked ? html`<span class="warn">${t("admin.batch-revoked")}</span>` : t("admin.batch-used", { used: number(batch.used), n: batch.count })}</p></div>
    ${!batch.revoked && html`<div class="buttons"><button type="button" class="button" data-do="print-codes" aria-busy=${action.busy} onClick=${() => action.run(() => printCodes(batch))}>${icon("printer")}<span>${t("admin.codes-print")}<span class="visually-hidden">: ${name}</span></span></button>
      ${voting && html`<button type="button" class="button button-quiet" data-do="revoke-codes" onClick=${takeBack}>${t("admin.batch-revoke")}<span class="visually-hidden">: ${name}</span></button>`}</div>`}
    <${Problem} of=${action.problem} /></li>`;
}

function More({ category }) {
  const action = useAction();
  const count = useSignal("100");
  const make = (e) => {
    e.preventDefault();
    if (e.target.reportValidity()) action.run(() => send("POST", "/api/choice/codes", { category: category.id, count: Number(count.value) }), t("admin.codes-said-made", { n: Number(count.value) }));
  };
  return html`<form class="codes-more" onSubmit=${make}><div class="field"><label for=${`codes-${category.id}`}>${t("admin.codes-count")}</label>
      <input id=${`codes-${category.id}`} data-count type="number" inputmode="numeric" min="1" max="5000" step="1" required value=${count} onInput=${(e) => { count.value = e.target.value; }} /></div>
    <button class="button" data-do="make-codes" aria-busy=${action.busy}>${icon("plus")}${t("admin.codes-make")}</button><${Problem} of=${action.problem} /></form>`;
}
