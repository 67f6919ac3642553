// /admin, Scores and Results: how far a category's decision is, its places in words, and a winner who is not there.
import { html, icon } from "/static/ui.js";
import { Refused } from "/static/api.js";
import { t, moment } from "/static/words.js";
import { ask, send, show, store } from "/static/admin/contest.js";
import { Ask, EntryNumber, Problem, isolated, names, place, useAction } from "/static/admin/parts.js";
import { placeOf } from "/static/admin/model.js";

const STAGES = ["provisional", "decided", "announced"];

/** Provisional, decided, announced: where a category stands, and what that means. */
export function Stages({ category, complete }) {
  const decision = store().decision(category.id);
  const at = { decided: 1, announced: 2 }[category.state] ?? 0;
  const { places = [], revealed = 0 } = decision ?? {};
  const words = [t(category.state === "open" ? "admin.stage-open" : complete ? "admin.stage-complete" : "admin.stage-provisional"),
    revealed ? t("admin.stage-revealed", { some: revealed, n: places.length }) : t("admin.stage-decided"), t("admin.stage-announced")][at];
  return html`<div class="stages"><ol>${STAGES.map((stage, i) => html`<li key=${stage} class=${i < at ? "stage-done" : i === at ? "stage-here" : ""} aria-current=${i === at ? "step" : undefined}>${i < at && icon("check")}${t(`admin.stage.${stage}`)}</li>`)}</ol><p data-stage=${STAGES[at]}>${words}</p></div>`;
}

/** The decided places in words, best first. `revealed` groups from the end are public. `live`: who is not there can be passed over. */
export function Places({ category, decision, live }) {
  const { places, revealed, reason, absent, corrected, out } = decision;
  const now = store();
  return html`${places.length ? html`<ol class="places">${places.map((group, at) => html`<li key=${group.join()} class="place ${at >= places.length - revealed ? "place-revealed" : "place-secret"}">
      <p class="place-name">${place(placeOf(places, at))}${group.length > 1 && html` <span class="muted">${t("place.shared")}</span>`}</p>
      <ul class="place-entries">${group.map((n) => html`<li key=${n} data-placed=${n}><${EntryNumber} n=${n} /><span>${now.entry(n) && names(now.entry(n))}</span>${live && html`<${Absent} category=${category} decision=${decision} n=${n} />`}</li>`)}</ul>
      <p class="place-state">${t(at >= places.length - revealed ? "admin.revealed" : "admin.not-revealed")}</p></li>`)}</ol>` : html`<p>${t("place.none")}</p>`}
    ${out.length > 0 && html`<p class="warn" data-out>${icon("triangle-alert")} ${t("admin.alert-out", { entries: out.join(", ") })}</p>`}
    ${absent.length > 0 && html`<p data-absent>${t("admin.absent-list", { entries: absent.map((n) => `${n} (${isolated(now.entry(n)?.collector)})`).join(", ") })}</p>`}
    ${corrected && html`<p data-corrected><strong>${t("admin.corrected", { at: moment(corrected.at) })}</strong> <span dir="auto">${corrected.reason}</span></p>`}
    ${reason && html`<p class="muted">${t("common.reason")}: <span dir="auto">${reason}</span></p>`}`;
}

/** One tap, and a question that names who moves up. The server says who: it alone knows the standings exactly. */
function Absent({ category, decision, n }) {
  const action = useAction();
  const path = `${encodeURIComponent(category.id)}`;
  const question = () => action.run(async () => {
    const { if_absent: after } = await ask(`/api/standings/${path}`);
    if (!after[n]) throw new Refused({ code: "place_not_shown", status: 409 });
    show(Ask, { title: t("admin.absent-title", { number: n, name: isolated(store().entry(n)?.collector) }), text: t("admin.absent-text"), list: changes(decision.places, after[n]), action: t("admin.absent-do"),
      run: () => send("POST", `/api/winners/${path}/absent`, { entry: n }), done: t("admin.said-absent", { number: n }) });
  });
  return html`<span class="act place-absent" data-no-print><button type="button" class="button button-quiet" data-do="absent" aria-busy=${action.busy} onClick=${question}>${icon("user-x")}${t("admin.absent")}<span class="visually-hidden">: ${n}</span></button><${Problem} of=${action.problem} /></span>`;
}

/** What changes from some places to others, a line for each that is new: "1st place: 121, Zoë". */
function changes(before, after) {
  const stood = new Map(before.flatMap((group, at) => group.map((n) => [n, placeOf(before, at)])));
  const lines = after.flatMap((group, at) => group.filter((n) => stood.get(n) !== placeOf(after, at)).map((n) => t("admin.absent-moves", { place: place(placeOf(after, at)), number: n, names: names(store().entry(n) ?? {}) })));
  return lines.length ? lines : [t(after.length ? "admin.absent-nobody" : "place.none")];
}
