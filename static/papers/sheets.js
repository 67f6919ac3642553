// /papers, sheets: paper for a judge without a phone. A page holds as many entries as fit; each says whose and which it is.
import { html } from "/static/ui.js";
import { number, t } from "/static/words.js";
import { isOut } from "/static/papers/model.js";
import { Choice, Empty, Thumb, Wide } from "/static/papers/parts.js";

const A_PAGE = 8;      // rows of 26 mm on A4, beside head and foot

export default function Sheets({ now, category: wanted, more }) {
  const category = now.judged.find((one) => one.id === wanted) ?? now.judged.find((one) => one.state === "judging") ?? now.judged[0];
  if (!category) return html`<${Empty}>${t("papers.no-categories")}<//>`;
  const panel = now.panel(category.id);
  const judges = panel.filter((judge) => !more || judge.id === more);
  const entries = now.entriesOf(category.id).filter((entry) => !isOut(entry));
  const choose = (e) => { location.hash = `#sheets/${encodeURIComponent(category.id)}/${encodeURIComponent(e.target.value)}`; };
  return html`<div class="papers-tools" data-no-print><h1>${t("papers.sheets")}</h1><p class="muted">${t("papers.sheets-text")}</p>
      <${Choice} paper="sheets" categories=${now.judged} category=${category.id} />
      ${panel.length > 0 && html`<label class="papers-choice"><span>${t("papers.judge")}</span><select class="input" data-choose="judge" value=${more} onChange=${choose}><option value="">${t("common.all")}</option>${panel.map((judge) => html`<option key=${judge.id} value=${judge.id}>${judge.name}</option>`)}</select></label>`}
      <p><a class="button" href="/admin#typing/${encodeURIComponent(category.id)}/${encodeURIComponent(more)}">${t("papers.type-in")}</a></p></div>
    ${!panel.length && html`<${Empty}>${t("admin.no-judges-yet")}<//>`}${!entries.length && html`<${Empty}>${t("admin.no-entries-yet")}<//>`}
    ${entries.length > 0 && judges.map((judge) => html`<${OneJudge} key=${judge.id} now=${now} category=${category} judge=${judge} entries=${entries} />`)}`;
}

function OneJudge({ now, category, judge, entries }) {
  const pages = [];
  for (let at = 0; at < entries.length; at += A_PAGE) pages.push(entries.slice(at, at + A_PAGE));
  return pages.map((rows, at) => html`<section class="paper sheet" key=${at} aria-label=${`${category.name}, ${judge.name}, ${t("papers.page", { page: at + 1, pages: pages.length })}`}>
    <header class="sheet-head"><p class="sheet-event" dir="auto">${now.name}</p><h2 class="gothic" dir="auto">${category.name}</h2>
      <p class="sheet-judge">${t("papers.judge")}: <strong dir="auto">${judge.name}</strong></p><p class="sheet-how">${how(category)}</p></header>
    <${Grid} now=${now} category=${category} judge=${judge} rows=${rows} />
    <footer class="sheet-foot"><span>${t("papers.signature")}<i></i></span><span>${t("papers.page", { page: at + 1, pages: pages.length })}</span></footer></section>`);
}

/** What to write, in a sentence. */
function how({ method, tokens, lowest, highest, step }) {
  if (method === "tokens") return t("papers.how-tokens", { count: tokens });
  if (method === "ranking") return t("papers.how-ranking");
  return t("papers.how-points", { lowest: number(lowest), highest: number(highest), step: number(step) });
}

function Grid({ now, category, judge, rows }) {
  const columns = ["points", "trimmed"].includes(category.method) ? category.criteria.map((criterion) => criterion.name) : [t(`papers.column-${category.method}`)];
  return html`<${Wide} label=${t("papers.sheets")}><table class=${`sheet-grid sheet-grid-${columns.length > 6 ? "tight" : "wide"}`}><thead><tr><th scope="col">${t("winners.entry")}</th><th scope="col"><span class="visually-hidden">${t("papers.photo")}</span></th>${columns.map((name) => html`<th scope="col" key=${name} dir="auto" class="sheet-column">${name}</th>`)}</tr></thead>
    <tbody>${rows.map((entry) => {
      const recused = now.isRecused(entry.number, judge.id);
      return html`<tr key=${entry.number} class=${recused ? "sheet-recused" : ""} data-entry=${entry.number}><th scope="row"><span class="number">${entry.number}</span></th><td><${Thumb} entry=${entry} /></td>
        ${recused ? html`<td colspan=${columns.length} class="sheet-crossed"><span>${t("papers.recused")}</span></td>` : columns.map((name) => html`<td key=${name}><span class="sheet-box sheet-box-${category.method}"></span></td>`)}</tr>`;
    })}</tbody></table><//>`;
}
