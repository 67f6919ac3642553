// /papers, how this was decided: every mark by judge and entry; what does not count is struck through and named.
import { html } from "/static/ui.js";
import { number, t } from "/static/words.js";
import { figure, letter } from "/static/papers/model.js";
import { Wide } from "/static/papers/parts.js";

const ACROSS = 5;      // judges beside each other on A4

export function Marks({ told }) {
  const hands = !["points", "trimmed"].includes(told.category.method);
  return html`<section data-part="marks"><h3>${t("papers.marks")}</h3>${hands ? html`<${Hands} told=${told} />` : html`<${Sheets} told=${told} />`}</section>`;
}

function Sheets({ told }) {
  const { judges, sheets, entries, category } = told;
  const seats = judges.filter((judge) => judge.on_panel || sheets.some((sheet) => sheet.judge === judge.id));
  const parts = [];
  for (let at = 0; at < seats.length; at += ACROSS) parts.push(seats.slice(at, at + ACROSS));
  if (!seats.length || !entries.length) return html`<p>${t("papers.no-rows")}</p>`;
  return html`<p class="muted">${t("papers.marks-text", { letters: category.criteria.map((_, at) => letter(at)).join(" ") })}</p>${parts.map((some, at) => html`<${Wide} key=${at} label=${t("papers.marks")}><table class="decided-table decided-marks">
    <thead><tr><th scope="col">${t("winners.entry")}</th>${some.map((judge) => html`<th scope="col" key=${judge.id} dir="auto">${judge.name}</th>`)}</tr></thead>
    <tbody>${entries.map((entry) => html`<tr key=${entry.number} data-marks=${entry.number}><th scope="row">${entry.number}</th>${some.map((judge) => html`<td key=${judge.id}>${sheets.filter((sheet) => sheet.entry === entry.number && sheet.judge === judge.id).map((sheet) => html`<${Sheet} key=${String(sheet.counted)} category=${category} sheet=${sheet} />`)}</td>`)}</tr>`)}</tbody></table><//>`)}`;
}

function Sheet({ category, sheet }) {
  const { part, marks, total, typed, late, note } = sheet;
  if (part === "empty") return null;
  const row = category.criteria.map((criterion) => (criterion.id in marks ? number(marks[criterion.id]) : "\u2013")).join(" · ");
  const given = Object.keys(marks).length > 0;
  return html`<div class=${`mark mark-${part}`} data-part=${part}>${total && html`<b>${figure(total)}</b>`}${given && html`<span class="mark-row">${row}</span>`}
    ${part !== "counted" && html`<em>${t(`papers.part-${part}`)}</em>`}${late && part !== "late" && html`<em>${t("papers.late")}</em>`}${typed && html`<em data-typed>${t("papers.typed")}</em>`}${note && html`<q dir="auto">${note}</q>`}</div>`;
}

function Hands({ told }) {
  const { hands, judges, standings, category, recusals } = told;
  const name = (id) => judges.find((judge) => judge.id === id)?.name ?? id;
  const lost = ({ judge }, n) => standings.out.includes(n) || recusals.some((one) => one.entry === n && one.judge === judge);
  if (!hands.length) return html`<p>${t("papers.no-rows")}</p>`;
  return html`<${Wide} label=${t("papers.marks")}><table class="decided-table"><thead><tr><th scope="col">${t("papers.judge")}</th><th scope="col">${t(`papers.column-${category.method}`)}</th></tr></thead><tbody>${hands.map((hand) => html`<tr key=${`${hand.judge}-${hand.counted}`} data-hand=${hand.judge}><th scope="row" dir="auto">${name(hand.judge)}</th>
    <td><span class=${hand.part === "counted" ? "" : "mark-late"}>${hand.entries.map((n, at) => html`${at > 0 && (category.method === "ranking" ? " › " : ", ")}<span class=${lost(hand, n) ? "mark-lost" : ""}>${n}</span>`)}</span>
      ${hand.part !== "counted" && html` <em>${t(`papers.part-${hand.part}`)}</em>`}${hand.late && hand.part !== "late" && html` <em>${t("papers.late")}</em>`}${hand.typed && html` <em data-typed>${t("papers.typed")}</em>`}</td></tr>`)}</tbody></table><//>
    <p class="muted">${t("papers.lost-text")}</p>`;
}
