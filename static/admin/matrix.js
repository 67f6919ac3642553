// /admin, Scores: judges beside entries as their marks, tokens or ranks come in; what one judge said of one entry; recusals.
import { html, icon, useRef, useSignal } from "/static/ui.js";
import { t, has, number } from "/static/words.js";
import { send, show, store } from "/static/admin/contest.js";
import { Ask, Dialog, EntryHead, isolated } from "/static/admin/parts.js";
import { handOf, isByHand, panel, pool, seat } from "/static/admin/model.js";

const DASH = "\u2013";
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** What a cell says, to the eye. */
function figure(category, { look, given, of, total, rank }) {
  if (look === "empty" || look === "none") return look === "empty" ? DASH : "0";
  if (look === "recused") return t("admin.cell-recused");
  if (category.method === "tokens") return "1";
  if (category.method === "ranking") return String(rank);
  return look === "full" ? number(total, 2) : t("admin.of", { some: given, all: of });
}

/** The same in a sentence. */
function spoken(category, cell) {
  const { look, given, of, late, counted, because } = cell;
  const said = {
    empty: () => t(isByHand(category) ? `admin.cell-empty-${category.method}` : "admin.cell-empty"),
    none: () => t("admin.cell-none"),
    recused: () => [t("admin.cell-recused"), because && t(`admin.because-${because}`)].filter(Boolean).join(" "),
    started: () => (category.method === "ranking" ? t("admin.cell-rank-started", { rank: cell.rank, some: given, all: of }) : t("admin.cell-started-long", { some: given, all: of })),
    full: () => ({ tokens: () => t("admin.cell-token"), ranking: () => t("admin.cell-rank", { rank: cell.rank }) }[category.method] ?? (() => figure(category, cell)))(),
  }[look]();
  return late ? `${said}, ${t(counted ? "admin.cell-late" : "admin.cell-not-counted")}` : said;
}

export function Matrix({ category }) {
  const now = store();
  const judges = panel(now, category), entries = pool(now, category);
  const current = useSignal("0/0"), grid = useRef(null);
  if (!judges.length) return html`<section><h2>${t("admin.matrix")}</h2><p class="warn">${t("admin.no-judges-yet")} <a href="#judges">${t("admin.invite")}</a></p></section>`;
  if (!entries.length) return html`<section><h2>${t("admin.matrix")}</h2><p class="muted">${t("admin.no-entries-yet")}</p></section>`;
  const hands = judges.map((judge) => isByHand(category) && handOf(now, category, judge));
  const cells = entries.map((entry) => judges.map((judge, at) => seat(now, category, entry, judge, hands[at])));
  // One stop for Tab, the arrows within: five judges and thirty entries would be 150 stops.
  const [row, column] = current.value.split("/").map(Number), at = `${Math.min(row, entries.length - 1)}/${Math.min(column, judges.length - 1)}`;
  const move = (e) => {
    const step = STEPS[e.key], here = e.target.closest("[data-at]")?.dataset.at.split("/").map(Number);
    const next = step && here && grid.current.querySelector(`[data-at="${here[0] + step[0]}/${here[1] + step[1] * (document.dir === "rtl" ? -1 : 1)}"]`);
    if (!next) return;
    e.preventDefault();
    current.value = next.dataset.at;
    next.focus();
  };
  return html`<section><h2 id="matrix-title">${t("admin.matrix")}</h2>
    <div class="scroll matrix-scroll" role="region" aria-labelledby="matrix-title"><table class="matrix" ref=${grid} onKeyDown=${move} onFocusIn=${(e) => { const cell = e.target.closest("[data-at]"); if (cell) current.value = cell.dataset.at; }}>
      <thead><tr><th scope="col">${t("admin.entry-word")}</th>${judges.map((judge, at) => html`<th scope="col" key=${judge.id}><span class="matrix-judge" dir="auto" title=${judge.name}>${judge.name}</span><span class="matrix-count">${counted(judge, cells.map((line) => line[at]), hands[at])}</span></th>`)}</tr></thead>
      <tbody>${entries.map((entry, r) => html`<tr key=${entry.number} data-entry=${entry.number}><th scope="row"><${EntryHead} entry=${entry} /></th>
        ${judges.map((judge, c) => html`<td key=${judge.id}><${Cell} category=${category} entry=${entry} judge=${judge} cell=${cells[r][c]} at=${`${r}/${c}`} stop=${`${r}/${c}` === at} /></td>`)}</tr>`)}</tbody>
    </table></div>
    <${Legend} category=${category} /><${Recusals} category=${category} judges=${judges} entries=${entries} cells=${cells} /></section>`;
}

/** Under a judge's name: how many are judged, or tokens given. */
function counted(judge, cells, hand) {
  if (judge.revoked) return t("admin.revoked");
  return hand ? t("admin.of", { some: hand.order.length, all: hand.due }) : t("admin.of", { some: cells.filter(({ look }) => look === "full").length, all: cells.filter(({ look }) => look !== "recused").length });
}

function Cell({ category, entry, judge, cell, at, stop }) {
  const { look, late, counted, because } = cell;
  return html`<button type="button" class="cell cell-${look}" data-cell=${look} data-judge=${judge.id} data-at=${at} tabindex=${stop ? 0 : -1}
      aria-label=${`${t("common.entry", { number: entry.number })}, ${judge.name}: ${spoken(category, cell)}`} onClick=${() => show(CellDialog, { entry: entry.number, judge: judge.id, category: category.id })}>
    <span>${figure(category, cell)}</span>${" "}${look === "recused" && has(`admin.because-${because}`) && html`<span class="cell-late cell-because">${t(`admin.because-${because}`)}</span>`}
    ${late && html`<span class="cell-late">${t(counted ? "admin.cell-late" : "admin.cell-not-counted")}</span>`}</button>`;
}

function Legend({ category }) {
  const { method } = category;
  const rows = {
    tokens: [["full", "1", "admin.cell-token"], ["none", "0", "admin.cell-none"], ["empty", DASH, "admin.cell-empty-tokens"]],
    ranking: [["empty", DASH, "admin.cell-empty-ranking"], ["started", "2", "admin.cell-rank-part"]],
  }[method] ?? [["empty", DASH, "admin.cell-empty"], ["started", t("admin.of", { some: 1, all: category.criteria.length }), "admin.cell-started"]];
  return html`<ul class="legend muted">${rows.map(([look, shown, key]) => html`<li key=${key}><span class="cell cell-${look}" aria-hidden="true">${shown}</span> ${t(key)}</li>`)}<li>${t("admin.matrix-keys")}</li></ul>`;
}

// --- One cell, opened ---------------------------------------------------------------

/** What one judge said of one entry, or of the category; and recusing this judge. */
function CellDialog({ entry, judge, category: id }) {
  const now = store();
  const category = now.category(id), seated = now.judge(judge), shown = now.entry(entry);
  if (!category || !seated || !shown) return null;
  const cell = seat(now, category, shown, seated), sheet = now.sheet(entry, judge), given = isByHand(category) ? now.hand(id, judge) : sheet;
  return html`<${Dialog} title=${`${t("common.entry", { number: entry })}, ${seated.name}`}>
    ${given?.by?.startsWith("rescue:") && html`<p class="muted" data-rescued>${t("admin.rescued-text")}</p>`}
    ${(given?.typed ?? given?.by?.startsWith("admin")) && cell.look !== "recused" && html`<p class="muted" data-typed>${t("admin.typed-text")}</p>`}
    ${cell.late && html`<p class="warn">${t(cell.counted ? "admin.late-text" : "admin.not-counted-text")}</p>`}
    ${isByHand(category) ? html`<${Hand} category=${category} judge=${seated} />` : cell.look !== "empty" && html`<${Marks} category=${category} sheet=${sheet} cell=${cell} />`}
    ${cell.look === "empty" && html`<p>${spoken(category, cell)}</p>`}
    ${sheet?.note && html`<p class="sheet-note" dir="auto">${sheet.note}</p>`}
    <${Recusing} category=${category} entry=${shown} judge=${seated} cell=${cell} /><//>`;
}

const Marks = ({ category, sheet, cell }) => html`<table class="table"><tbody>${category.criteria.map((criterion) => html`<tr key=${criterion.id}><th scope="row" dir="auto">${criterion.name}</th><td class="figures">${criterion.id in (sheet?.marks ?? {}) ? number(sheet.marks[criterion.id]) : html`<span class="muted">${t("admin.cell-empty")}</span>`}</td></tr>`)}
  ${cell.look !== "recused" && html`<tr><th scope="row">${t("common.score")}</th><td class="figures figure-large">${cell.look === "full" ? number(cell.total, 2) : html`<span class="muted">${t("admin.cell-started-long", { some: cell.given, all: cell.of })}</span>`}</td></tr>`}</tbody></table>`;

/** All of a judge's tokens, or the whole order. */
function Hand({ category, judge }) {
  const { order, due } = handOf(store(), category, judge);
  const tokens = category.method === "tokens";
  return html`<p><strong>${t(tokens ? "admin.tokens-given" : "admin.ranks-given", { some: order.length, all: due })}</strong></p>
    ${order.length > 0 && html`<${tokens ? "ul" : "ol"} class="ask-list">${order.map((n) => html`<li key=${n}>${t("common.entry", { number: n })}</li>`)}<//>`}`;
}

// --- Recusals ---------------------------------------------------------------------------

/** While it is judged or closed a recusal can be made and lifted; once decided, the standings stay. */
const mayRecuse = (category) => ["judging", "closed"].includes(category.state);
const command = (entry, judge, recused, reason) => send("PUT", `/api/recusals/${entry.number}`, { recused, judge: judge.id, ...(reason && { reason }) });

const lift = (category, entry, judge, because) => show(Ask, {
  title: t("admin.lift-title", { name: isolated(judge.name), number: entry.number }), text: t(because === "studio" ? "admin.lift-text-studio" : "admin.lift-text"),
  reason: because === "studio" ? "needed" : "optional", action: t("admin.lift"), run: (reason) => command(entry, judge, false, reason), done: t("admin.said-lifted", { name: judge.name, number: entry.number }) });

const recuse = (entry, judge) => show(Ask, {
  title: t("admin.recuse-title", { name: isolated(judge.name), number: entry.number }), text: t("admin.recuse-text"), reason: "optional", action: t("admin.recuse"),
  run: (reason) => command(entry, judge, true, reason), done: t("admin.said-recused", { name: judge.name, number: entry.number }) });

function Recusing({ category, entry, judge, cell }) {
  const recused = cell.look === "recused";
  return html`${recused && html`<p>${spoken(category, cell)}. ${t("admin.recused-text")}</p>`}
    ${mayRecuse(category) && html`<div class="dialog-foot"><button type="button" class="button" data-do=${recused ? "lift" : "recuse"} onClick=${() => (recused ? lift(category, entry, judge, cell.because) : recuse(entry, judge))}>${icon(recused ? "undo-2" : "user-x")}${t(recused ? "admin.lift" : "admin.recuse")}</button></div>`}`;
}

/** Who is recused from what, by whom, and the way back. */
function Recusals({ category, judges, entries, cells }) {
  const found = entries.flatMap((entry, r) => judges.map((judge, c) => ({ entry, judge, cell: cells[r][c] }))).filter(({ cell }) => cell.look === "recused");
  if (!found.length) return null;
  return html`<h3 id="recusals-title">${t("admin.recusals")}</h3><p class="muted">${t("admin.recused-text")}</p>
    <ul class="recusals" aria-labelledby="recusals-title">${found.map(({ entry, judge, cell }) => html`<li key=${`${entry.number}/${judge.id}`} data-recusal=${`${entry.number}/${judge.id}`}>
      <span>${t("admin.recused-from", { name: isolated(judge.name), number: entry.number })}${cell.because && html` <span class="muted">${t(`admin.because-${cell.because}`)}</span>`}</span>
      ${mayRecuse(category) && html`<button type="button" class="button button-quiet" data-do="lift" onClick=${() => lift(category, entry, judge, cell.because)}>${icon("undo-2")}${t("admin.lift")}<span class="visually-hidden">: ${judge.name}, ${entry.number}</span></button>`}</li>`)}</ul>`;
}
