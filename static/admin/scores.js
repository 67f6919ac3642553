// /admin, Scores: the judges' sheets beside each other as they come in, the standings, ties, and the decision.
import { html, icon, useEffect, useSignal } from "/static/ui.js";
import { t, say } from "/static/words.js";
import { ask, isOurs, live, route, send, show, store } from "/static/admin/contest.js";
import { Ask, CategoryLinks, Head, Next, StateChip, isolated } from "/static/admin/parts.js";
import { coverage, uncounted } from "/static/admin/model.js";
import { Decide } from "/static/admin/decide.js";
import { Matrix } from "/static/admin/matrix.js";
import { Stages } from "/static/admin/places.js";
import { Standings } from "/static/admin/standings.js";
import { Ties } from "/static/admin/ties.js";
import { Warnings } from "/static/admin/doubts.js";
import { WhatIf } from "/static/admin/whatif.js";

export default function Scores() {
  const { categories } = store();
  if (!categories.length) return html`<${Head} title=${t("admin.scores")} /><p class="empty">${t("admin.no-categories")} <a href="#now">${t("admin.now")}</a></p>`;
  // Without a choice: what is being judged, else what waits for a decision.
  const category = categories.find((one) => one.id === route.value.category) ?? categories.find((one) => one.state === "judging") ?? categories.find((one) => one.state === "closed") ?? categories[0];
  return html`<${CategoryLinks} section="scores" current=${category.id} categories=${categories} /><${Category} key=${category.id} category=${category} />`;
}

const MOVING = ["sheet", "hand", "run_off", "tie", "entry", "category", "judge", "decision", "gone"];

/**
 * The standings of a category, asked again (at most three times a second) when something in it changes.
 *   placed   the entries that the warnings are to be about, "118,121"; null: its winners
 */
function useStandings(id, placed) {
  const table = useSignal(null), problem = useSignal("");
  useEffect(() => {
    let clock = null, gone = false, asked = 0;
    const fetch = async () => {
      clock = null;
      const mine = ++asked;
      try {
        const answer = await ask(`/api/standings/${encodeURIComponent(id)}${placed === null ? "" : `?placed=${placed}`}`);
        if (gone || mine !== asked) return;
        table.value = answer;
        problem.value = "";
      } catch (error) {
        if (!isOurs(error)) console.error(error);
        if (!gone && mine === asked) problem.value = say(error);
      }
    };
    const soon = () => { clock ??= setTimeout(fetch, 350); };
    const stops = [live.on("state", soon), live.on("message", (k, d) => { if (MOVING.some((kind) => kind in d)) soon(); })];
    fetch();
    return () => { gone = true; clearTimeout(clock); stops.forEach((stop) => stop()); };
  }, [id, placed]);
  return { table: table.value, problem: problem.value };
}

const GIVEN = { tokens: "admin.tokens-of", ranking: "admin.ranks-of" };

function Category({ category }) {
  const now = store();
  const open = useSignal(false), placed = useSignal(null);
  const { table, problem } = useStandings(category.id, placed.value);
  const cover = coverage(now, category);
  const { state } = category, deciding = ["closed", "decided", "announced"].includes(state);
  const wanted = { decide: ["closed", "decided"], correct: ["announced"] }[route.value.more]?.includes(state) ?? false;
  useEffect(() => { open.value = wanted; }, [wanted, deciding]);
  const editing = open.value && deciding;
  return html`<${Head} gothic title=${category.name}>${!editing && html`<${Next} category=${category} />`}<//>
    <p class="facts"><span><${StateChip} category=${category} /></span><span>${t("common.entries", { n: cover.entries })}</span>${category.method !== "choice" && html`<span>${t(GIVEN[category.method] ?? "admin.sheets-of", { done: cover.done, n: cover.due })}</span>`}
      ${cover.due > 0 && html`<span><strong>${t("admin.scored", { percent: cover.percent })}</strong></span>`}</p>
    ${table && html`<${Stages} category=${category} complete=${!table.provisional && !table.unresolved.length && table.rows.length > 0} />`}
    ${problem && html`<p class="field-error" data-problem>${problem}</p>`}
    ${table && html`${!editing && html`<${Warnings} category=${category} table=${table} />`}<${Late} category=${category} />
      <${Ties} category=${category} table=${table} />
      ${deciding && html`<${Decide} category=${category} table=${table} open=${open} placed=${placed} />`}
      <${Standings} category=${category} table=${table} cover=${cover} /><${WhatIf} category=${category} table=${table} />`}
    ${!table && !problem && html`<p class="muted">${t("common.loading")}</p>`}
    ${category.method !== "choice" && html`<${Matrix} category=${category} />`}`;
}

/** What came after the decision: kept, not counted, and the way to have it count. */
function Late({ category }) {
  const late = uncounted(store(), category);
  if (!late.length) return null;
  const revealed = (store().decision(category.id)?.revealed ?? 0) > 0 || category.state === "announced";
  const again = () => show(Ask, { title: t("admin.reopen-title", { category: category.name }), text: t("admin.late-reopen-text"), reason: "needed", action: t("admin.late-reopen"),
    run: (reason) => send("POST", `/api/categories/${encodeURIComponent(category.id)}/reopen`, { reason }), done: t("admin.said-reopen", { category: category.name }) });
  return html`<section class="warnings" aria-labelledby="late-title" data-late><h2 id="late-title">${t("admin.late")}</h2><p>${t("admin.late-list")}</p>
    <ul class="warning-list">${late.map(({ judge, entries }) => html`<li key=${judge.id}>${icon("clock")}<span>${t("admin.late-one", { name: isolated(judge.name), entries: entries.join(", ") || t("common.none") })}</span></li>`)}</ul>
    ${revealed ? html`<p class="muted">${t("admin.late-announced")}</p>` : html`<button type="button" class="button" data-do="reopen" onClick=${again}>${icon("undo-2")}${t("admin.late-reopen")}</button>`}</section>`;
}
