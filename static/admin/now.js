// /admin, Now: one line of truth per category, and the step that comes next.
import { html, icon, useSignal } from "/static/ui.js";
import { number, t } from "/static/words.js";
import { announce, send, show, store } from "/static/admin/contest.js";
import { Act, Head, Next, Problem, StateChip, missingWords, useAction } from "/static/admin/parts.js";
import { CategoryDialog, TemplateDialog, focusMove } from "/static/admin/categories.js";
import { coverage } from "/static/admin/model.js";
import { fault, usePresence } from "/static/admin/presence.js";
import Warnings from "/static/admin/warnings.js";

export default function Now() {
  const { contest, categories } = store();
  const arranging = useSignal(false);
  const there = usePresence();
  return html`<${Head} title=${t("admin.now")} />
    ${fault.value && html`<p class="notice notice-stop warn not-ready" data-not-ready>${icon("triangle-alert")} ${fault.value}</p>`}
    <${Warnings} of=${there?.warnings ?? []} />
    <${FirstSteps} />
    ${contest.name && categories.length > 0 && html`<${Facts} there=${there} />`}
    ${categories.length > 0 && html`<ol class="lines">${categories.map((category, at) => html`<${Line} key=${category.id} category=${category} at=${at} of=${categories.length} arranging=${arranging.value} />`)}</ol>
      <div class="buttons"><button type="button" class="button" data-do="add-category" onClick=${() => show(CategoryDialog)}>${icon("plus")}${t("admin.add-category")}</button>
        <button type="button" class="button" data-do="template" onClick=${() => show(TemplateDialog)}>${icon("list-checks")}${t("admin.template")}</button>
        ${categories.length > 1 && html`<button type="button" class="button" data-do="arrange" aria-pressed=${arranging} onClick=${() => { arranging.value = !arranging.value; }}>${icon(arranging.value ? "check" : "list")}${arranging.value ? t("common.done") : t("admin.arrange")}</button>`}</div>`}`;
}

// --- The first run ------------------------------------------------------------

/** What a new contest still needs; gone when it has a name, a category and a judge. */
function FirstSteps() {
  const { contest, categories, judges } = store();
  const steps = [["name", Boolean(contest.name)], ["category", categories.length > 0], ["judge", judges.some((judge) => judge.role === "judge")]];
  const next = steps.find(([, done]) => !done)?.[0];
  if (!next) return null;
  return html`<section class="first" aria-label=${t("admin.first")}>
    ${!contest.name && html`<p class="first-lead">${t("admin.first-lead")}</p>`}
    <ol class="first-steps">${steps.map(([key, done]) => html`<li key=${key} class=${done ? "first-done" : ""} aria-current=${key === next ? "step" : undefined}>
      <span class="first-mark">${done ? icon("check") : ""}</span>
      <div><h2>${t(`admin.first-${key}`)}${done && html`<span class="visually-hidden">: ${t("common.done")}</span>`}</h2>
        ${key === next && html`<${{ name: NameContest, category: AddFirst, judge: InviteFirst }[key]} />`}</div></li>`)}</ol></section>`;
}

function NameContest() {
  const action = useAction();
  const name = useSignal("");
  const save = (e) => {
    e.preventDefault();
    if (e.target.reportValidity()) action.run(() => send("PATCH", "/api/contest", { name: name.value.trim() }), t("admin.said-saved"));
  };
  return html`<form class="first-name" onSubmit=${save}><div class="field"><label for="first-name">${t("admin.contest-name")}</label>
      <input id="first-name" dir="auto" required maxlength="120" autocomplete="off" value=${name} onInput=${(e) => { name.value = e.target.value; }} /></div>
    <button class="button button-primary" data-do="name-contest" aria-busy=${action.busy}>${t("admin.name-it")}</button><${Problem} of=${action.problem} /></form>`;
}

const AddFirst = () => html`<p class="muted">${t("admin.first-category-text")}</p><div class="buttons">
  <button type="button" class="button button-primary" data-do="template" onClick=${() => show(TemplateDialog)}>${t("admin.template")}</button>
  <button type="button" class="button" data-do="add-category" onClick=${() => show(CategoryDialog)}>${t("admin.add-category")}</button></div>`;

const InviteFirst = () => html`<p class="muted">${t("admin.first-judge-text")}</p><div class="buttons"><a class="button button-primary" href="#judges">${t("admin.invite")}</a></div>`;

// --- Facts of the whole contest ----------------------------------------------------

function Facts({ there }) {
  const { contest, entries, judges } = store();
  const seats = judges.filter((judge) => judge.role === "judge" && !judge.revoked);
  const here = there && new Set(there.connections.map((one) => one.audience).filter((audience) => seats.some((judge) => `judge:${judge.id}` === audience))).size;
  return html`<div class="facts">
    <p><strong>${contest.registration ? t("admin.registration-open") : t("admin.registration-closed")}</strong>
      <${Act} look="button-quiet" data="registration" method="PATCH" path="/api/contest" body=${{ registration: !contest.registration }} label=${contest.registration ? t("admin.close-registration") : t("admin.open-registration")}
        done=${contest.registration ? t("admin.registration-closed") : t("admin.registration-open")} /></p>
    <p><strong>${t("common.entries", { n: entries.length })}</strong></p>
    <p>${here === null ? t("admin.judges-n", { n: seats.length }) : t("admin.judges-here", { here, n: seats.length })}</p>
    <p>${there && t("admin.screens", { n: there.screens })}</p>
  </div>`;
}

// --- A category -----------------------------------------------------------------------

function Line({ category, at, of, arranging }) {
  const now = store();
  const cover = coverage(now, category);
  return html`<li class="line" data-category=${category.id}>
    <div class="line-name"><h2 class="gothic" dir="auto">${category.name}</h2><${StateChip} category=${category} /></div>
    <p class="line-entries"><strong>${t("common.entries", { n: cover.entries })}</strong>${cover.out > 0 && html` <span class="muted">${t("admin.out-n", { n: cover.out })}</span>`}</p>
    <${Scored} category=${category} cover=${cover} />
    ${arranging ? html`<${Arrange} category=${category} at=${at} of=${of} />` : html`<div class="line-do"><${Next} category=${category} />
      ${category.method !== "choice" && html`<button type="button" class="button button-quiet" data-do="change-category" onClick=${() => show(CategoryDialog, { id: category.id })}>${icon("pencil")}<span class="visually-hidden">${t("admin.change-of", { name: category.name })}</span></button>`}</div>`}
  </li>`;
}

/** How much is scored, and who is missing by name. */
function Scored({ category, cover }) {
  if (category.method === "choice") {
    const votes = store().choice(category.id)?.votes ?? 0;
    return html`<p class="line-scored"><a href="#choice">${number(votes)} ${t("admin.choice-votes", { n: votes })}<span class="visually-hidden">: ${category.name}</span></a></p>`;
  }
  if (category.state === "open") {
    return html`<p class="line-scored muted">${cover.judges ? t("admin.judges-n", { n: cover.judges }) : html`<a href="#judges">${t("admin.no-judges-yet")}</a>`}</p>`;
  }
  return html`<div class="line-scored">
    <a class="scored" href="#scores/${encodeURIComponent(category.id)}"><progress max="100" value=${cover.percent} aria-hidden="true"></progress><strong>${t("admin.scored", { percent: cover.percent })}</strong><span class="visually-hidden">: ${category.name}</span></a>
    ${!cover.judges ? html`<p class="warn">${t("admin.no-judges-yet")}</p>`
      : cover.missing.length > 0 && html`<p class="missing"><span class="muted">${t("admin.missing")}</span> ${cover.missing.map((one, i) => html`<span key=${one.judge.id}>${i > 0 && ", "}${missingWords(category, one)}</span>`)}</p>`}
    ${store().runOffs.filter((one) => one.category === category.id && !one.closed).map(({ id, entries, voters, votes }) => html`<p key=${id} class="warn" data-open-run-off>${t("admin.run-off-of", { entries: entries.join(", ") })} ${t("admin.voted", { some: voters.filter((judge) => judge in votes).length, n: voters.length })}</p>`)}
  </div>`;
}

function Arrange({ category, at, of }) {
  const action = useAction();
  const move = async (by) => {
    const moved = await action.run(() => send("PATCH", `/api/categories/${encodeURIComponent(category.id)}`, { position: at + 1 + by }));
    if (!moved) return;
    announce(t("admin.said-moved", { name: category.name, at: at + 1 + by, n: of }));
    // The list is drawn anew when the change comes back; the focus belongs on this row, wherever it then is.
    setTimeout(() => focusMove(document.querySelector(`.line[data-category="${CSS.escape(category.id)}"]`), by), 120);
  };
  return html`<div class="line-do moves"><button type="button" class="button" data-up disabled=${at === 0} aria-label=${t("admin.up", { name: category.name })} onClick=${() => move(-1)}>${icon("arrow-up")}</button>
    <button type="button" class="button" data-down disabled=${at === of - 1} aria-label=${t("admin.down", { name: category.name })} onClick=${() => move(1)}>${icon("arrow-down")}</button><${Problem} of=${action.problem} /></div>`;
}
