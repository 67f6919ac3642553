// /admin, Scores: the standings as the server has them, with the step that decided each place, in words.
import { html } from "/static/ui.js";
import { t, has, number } from "/static/words.js";
import { store } from "/static/admin/contest.js";
import { EntryHead, isolated, missingWords, names } from "/static/admin/parts.js";
import { isMarked, isOut, panel, poolOf } from "/static/admin/model.js";

/** A score as its method means it: tokens are whole, a ranking has none. */
export const scoreOf = (category, score) => (score == null ? "" : number(score, isMarked(category) ? 2 : 0));

/** The step that left an entry alone in its place, or lets it share: "Higher mean of Technique". */
export function decidedBy(category, { decided_by: by, tied_with: tied }) {
  if (tied.length) return t(by === "decision" ? "admin.by-decision-shared" : "admin.tied", { entries: tied.join(", ") });
  if (!by.startsWith("criterion:")) return t(`admin.by-${by}`);
  const id = by.slice("criterion:".length);
  return t("admin.by-criterion", { name: isolated(category.criteria.find((criterion) => criterion.id === id)?.name ?? id) });
}

/** A flag of docs/scoring.md as a sentence; "" for those that are said elsewhere. */
function flagged(flag) {
  const [kind, ...rest] = flag.split(":");
  if (kind === "spread" || kind === "run-off-stale") return "";
  if (kind === "run-off-vote") return t("admin.flag-run-off-vote", { name: isolated(store().judge(rest[1])?.name ?? rest[1]) });
  const key = kind === "trim-off" ? `admin.flag-${flag}` : `admin.flag-${kind}`;
  return has(key) ? t(key, { entries: (rest[0] ?? "").replaceAll("+", ", ") }) : flag;
}

const PROVISIONAL = { tokens: "admin.provisional-tokens", ranking: "admin.provisional-ranks" };

export function Standings({ category, table, cover }) {
  const out = poolOf(store(), category).filter(isOut);
  return html`<section class="standings">
    <h2 id="standings-title">${t(table.provisional && table.rows.length ? "admin.standings-provisional" : "admin.standings")}</h2>
    ${table.provisional && cover.missing.length > 0 && html`<p data-missing><strong class="warn">${t(PROVISIONAL[category.method] ?? "admin.provisional", { n: cover.due - cover.done })}</strong> ${cover.missing.map((one) => missingWords(category, one)).join(", ")}</p>`}
    ${table.rows.length ? html`<${Table} category=${category} table=${table} />` : html`<p class="muted">${t(isMarked(category) ? "admin.no-standings" : "admin.no-hands")}</p>`}
    ${table.unranked.length > 0 && html`<p class="muted">${t("admin.unranked", { entries: table.unranked.join(", ") })}</p>`}
    ${out.length > 0 && html`<p class="muted">${t("admin.out-list")} ${out.map((entry) => `${entry.number} (${t(`entry-state.${entry.state}`)})`).join(", ")}</p>`}
    ${table.flags.map(flagged).filter(Boolean).map((words) => html`<p class="warn" key=${words}>${words}</p>`)}
  </section>`;
}

function Table({ category, table }) {
  const now = store();
  const seats = panel(now, category).length, marked = isMarked(category), judged = category.method !== "choice";
  return html`<div class="scroll" tabindex="0" role="region" aria-labelledby="standings-title"><table class="table stuck">
    <thead><tr><th scope="col" class="stuck-cell">${t("admin.place")}</th><th scope="col" class="stuck-next">${t("admin.entry-word")}</th>
      <th scope="col" class="figures">${t(`admin.score-${category.method === "trimmed" ? "points" : category.method}`)}</th><th scope="col"><span class="visually-hidden">${t("admin.names")}</span></th>
      ${judged && html`<th scope="col" class="figures">${t("admin.judges")}</th>`}${marked && html`<th scope="col" class="figures">${t("admin.spread")}</th>`}<th scope="col">${t("admin.decided-by")}</th></tr></thead>
    <tbody>${table.rows.map((row) => {
      const entry = now.entry(row.entry);
      return html`<tr key=${row.entry} class=${row.place <= category.places ? "awarded" : ""} data-row=${row.entry}>
        <td class="figure-large stuck-cell">${row.place}</td><th scope="row" class="stuck-next"><${EntryHead} entry=${entry} n=${row.entry} /></th>
        <td class="figures figure-large" data-score>${row.ranks ? html`<span class="ranks">${Object.values(row.ranks).sort((a, b) => a - b).join(", ")}</span>` : scoreOf(category, row.score)}</td>
        <td class="standing-names"><span>${entry && names(entry)}</span></td>${judged && html`<td class="figures">${row.judges === seats ? row.judges : t("admin.of", { some: row.judges, all: seats })}</td>`}
        ${marked && html`<td class="figures ${row.spread >= FAR ? "warn" : ""}">${number(row.spread, 2)}${row.spread >= FAR && html`<br />${t("admin.far-apart")}`}</td>`}
        <td data-by=${row.decided_by}>${decidedBy(category, row)}</td></tr>`;
    })}</tbody></table></div>`;
}

const FAR = 3;      // points between two judges of one entry, from which it is pointed out (docs/scoring.md)
