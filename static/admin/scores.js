// /admin, Scores: the judges' sheets beside each other as they come in, the standings, and the decision.
import { html, icon, useEffect, useSignal } from "/static/ui.js";
import { t, has, number, say } from "/static/words.js";
import { ask, isOurs, live, route, show, store } from "/static/admin/contest.js";
import { CategoryLinks, Dialog, Head, Next, EntryNumber, StateChip, isolated, names, place } from "/static/admin/parts.js";
import { coverage, isOut, panel, pool, seat } from "/static/admin/model.js";
import { Decide } from "/static/admin/decide.js";

export default function Scores() {
  const { categories } = store();
  if (!categories.length) return html`<${Head} title=${t("admin.scores")} /><p class="empty">${t("admin.no-categories")} <a href="#now">${t("admin.now")}</a></p>`;
  // Without a choice: what is being judged, else what waits for a decision.
  const category = categories.find((one) => one.id === route.value.category) ?? categories.find((one) => one.state === "judging") ?? categories.find((one) => one.state === "closed") ?? categories[0];
  return html`<${CategoryLinks} section="scores" current=${category.id} categories=${categories} /><${Category} key=${category.id} category=${category} />`;
}

/** The standings of a category, asked again (at most three times a second) when something in it changes. */
function useStandings(id) {
  const table = useSignal(null), problem = useSignal("");
  useEffect(() => {
    let clock = null, gone = false, asked = 0;
    const fetch = async () => {
      clock = null;
      const mine = ++asked;
      try {
        const answer = await ask(`/api/standings/${encodeURIComponent(id)}`);
        if (gone || mine !== asked) return;
        table.value = answer;
        problem.value = "";
      } catch (error) {
        if (!isOurs(error)) console.error(error);
        if (!gone && mine === asked) problem.value = say(error);
      }
    };
    const soon = () => { clock ??= setTimeout(fetch, 350); };
    const stops = [live.on("state", soon), live.on("message", (k, d) => { if (["sheet", "entry", "category", "judge", "decision", "gone"].some((kind) => kind in d)) soon(); })];
    fetch();
    return () => { gone = true; clearTimeout(clock); stops.forEach((stop) => stop()); };
  }, [id]);
  return { table: table.value, problem: problem.value };
}

function Category({ category }) {
  const now = store();
  const { table, problem } = useStandings(category.id);
  const cover = coverage(now, category);
  const deciding = ["closed", "decided"].includes(category.state);
  const open = useSignal(false);
  const wanted = route.value.more === "decide";
  useEffect(() => { open.value = wanted; }, [wanted, deciding]);
  return html`<${Head} gothic title=${category.name}>${!(open.value && deciding) && html`<${Next} category=${category} />`}<//>
    <p class="facts"><span><${StateChip} category=${category} /></span><span>${t("common.entries", { n: cover.entries })}</span><span>${t("admin.sheets-of", { done: cover.done, n: cover.due })}</span>
      ${cover.due > 0 && html`<span><strong>${t("admin.scored", { percent: cover.percent })}</strong></span>`}</p>
    ${problem && html`<p class="field-error" data-problem>${problem}</p>`}
    ${deciding && table && html`<${Decide} category=${category} table=${table} open=${open} />`}
    ${table ? html`<${Standings} category=${category} table=${table} cover=${cover} />` : !problem && html`<p class="muted">${t("common.loading")}</p>`}
    <${Matrix} category=${category} />`;
}

// --- Standings ---------------------------------------------------------------------

const decidedBy = (category, by) => {
  if (!by.startsWith("criterion:")) return has(`admin.by-${by}`) ? t(`admin.by-${by}`) : by;
  const id = by.slice("criterion:".length);
  return t("admin.by-criterion", { name: category.criteria.find((criterion) => criterion.id === id)?.name ?? id });
};

function Standings({ category, table, cover }) {
  const now = store();
  const judges = panel(now, category).length;
  const out = now.entriesOf(category.id).filter(isOut);
  return html`<section class="standings">
    <h2 id="standings-title">${t(table.provisional && table.rows.length ? "admin.standings-provisional" : "admin.standings")}</h2>
    ${table.provisional && cover.missing.length > 0 && html`<p><strong class="warn">${t("admin.provisional", { n: table.missing.length })}</strong> <span class="muted">${cover.missing.map(({ judge, n }) => t("admin.missing-one", { name: isolated(judge.name), n })).join(", ")}</span></p>`}
    ${!["decided", "announced"].includes(category.state) && table.unresolved.map((group) => html`<p class="warn" key=${group.join()}>${t("admin.unresolved", { entries: group.join(", "), place: place(table.rows.find((row) => row.entry === group[0])?.place) })}</p>`)}
    ${!table.rows.length ? html`<p class="muted">${t("admin.no-standings")}</p>` : html`<div class="scroll" tabindex="0" role="region" aria-labelledby="standings-title"><table class="table">
      <thead><tr><th scope="col">${t("admin.place")}</th><th scope="col">${t("admin.entry-word")}</th><th scope="col" class="figures">${t("common.score")}</th><th scope="col"><span class="visually-hidden">${t("admin.names")}</span></th>
        <th scope="col" class="figures">${t("admin.judges")}</th><th scope="col" class="figures">${t("admin.spread")}</th><th scope="col">${t("admin.decided-by")}</th></tr></thead>
      <tbody>${table.rows.map((row) => {
        const entry = now.entry(row.entry);
        return html`<tr key=${row.entry} class=${row.place <= category.places ? "awarded" : ""} data-row=${row.entry}>
          <td class="figure-large">${row.place}</td><th scope="row"><${EntryNumber} n=${row.entry} /></th><td class="figures figure-large">${number(row.score, 2)}</td>
          <td class="standing-names"><span>${entry && names(entry)}</span></td><td class="figures">${row.judges === judges ? row.judges : t("admin.of", { some: row.judges, all: judges })}</td>
          <td class="figures ${row.spread >= 3 ? "warn" : ""}">${number(row.spread, 2)}${row.spread >= 3 && html`<br />${t("admin.far-apart")}`}</td>
          <td>${row.tied_with.length ? t("admin.tied", { entries: row.tied_with.join(", ") }) : decidedBy(category, row.decided_by)}</td></tr>`;
      })}</tbody></table></div>`}
    ${table.unranked.length > 0 && html`<p class="muted">${t("admin.unranked", { entries: table.unranked.join(", ") })}</p>`}
    ${out.length > 0 && html`<p class="muted">${t("admin.out-list")} ${out.map((entry) => `${entry.number} (${t(`entry-state.${entry.state}`)})`).join(", ")}</p>`}
    ${table.flags.filter((flag) => !flag.startsWith("spread:")).map((flag) => html`<p class="warn" key=${flag}>${has(`admin.flag-${flag}`) ? t(`admin.flag-${flag}`) : flag}</p>`)}
  </section>`;
}

// --- The matrix ---------------------------------------------------------------------

function Matrix({ category }) {
  const now = store();
  const judges = panel(now, category), entries = pool(now, category);
  if (!judges.length) return html`<section><h2>${t("admin.matrix")}</h2><p class="warn">${t("admin.no-judges-yet")} <a href="#judges">${t("admin.invite")}</a></p></section>`;
  if (!entries.length) return html`<section><h2>${t("admin.matrix")}</h2><p class="muted">${t("admin.no-entries-yet")}</p></section>`;
  const cells = entries.map((entry) => judges.map((judge) => seat(category, now.sheet(entry.number, judge.id))));
  return html`<section><h2 id="matrix-title">${t("admin.matrix")}</h2>
    <div class="scroll matrix-scroll" tabindex="0" role="region" aria-labelledby="matrix-title"><table class="matrix">
      <thead><tr><th scope="col">${t("admin.entry-word")}</th>${judges.map((judge, at) => {
        const done = cells.filter((row) => row[at].look === "full").length, all = cells.filter((row) => row[at].look !== "recused").length;
        return html`<th scope="col" key=${judge.id}><span class="matrix-judge" dir="auto" title=${judge.name}>${judge.name}</span><span class="matrix-count">${judge.revoked ? t("admin.revoked") : t("admin.of", { some: done, all })}</span></th>`;
      })}</tr></thead>
      <tbody>${entries.map((entry, row) => html`<tr key=${entry.number}><th scope="row"><${EntryNumber} n=${entry.number} /></th>
        ${judges.map((judge, at) => html`<td key=${judge.id}><${Cell} category=${category} entry=${entry} judge=${judge} cell=${cells[row][at]} /></td>`)}</tr>`)}</tbody>
    </table></div>
    <ul class="legend muted"><li><span class="cell cell-empty">${DASH}</span> ${t("admin.cell-empty")}</li><li><span class="cell cell-started">${t("admin.of", { some: 2, all: category.criteria.length })}</span> ${t("admin.cell-started")}</li></ul></section>`;
}

const DASH = "\u2013";

/** One judge, one entry: the score, or in words why there is none. */
function Cell({ category, entry, judge, cell }) {
  const { look, given, of, late, counted, total } = cell;
  const who = `${t("common.entry", { number: entry.number })}, ${judge.name}`;
  if (look === "empty") return html`<span class="cell cell-empty" data-cell="empty"><span aria-hidden="true">${DASH}</span><span class="visually-hidden">${t("admin.cell-empty")}</span></span>`;
  if (look === "recused") return html`<span class="cell cell-recused" data-cell="recused">${t("admin.cell-recused")}</span>`;
  return html`<button type="button" class="cell cell-${look}" data-cell=${look} aria-label=${`${who}: ${look === "full" ? number(total, 2) : t("admin.cell-started-long", { some: given, all: of })}${late ? `, ${t(counted ? "admin.cell-late" : "admin.cell-not-counted")}` : ""}`}
      onClick=${() => show(SheetDialog, { entry: entry.number, judge: judge.id, category: category.id })}>
    <span>${look === "full" ? number(total, 2) : t("admin.of", { some: given, all: of })}</span>${late && html`<span class="cell-late">${t(counted ? "admin.cell-late" : "admin.cell-not-counted")}</span>`}</button>`;
}

/** One sheet: the marks by criterion, the note. */
function SheetDialog({ entry, judge, category: id }) {
  const now = store();
  const category = now.category(id), sheet = now.sheet(entry, judge);
  if (!category) return null;
  const { look, given, of, late, counted, total } = seat(category, sheet);
  return html`<${Dialog} title=${`${t("common.entry", { number: entry })}, ${now.judge(judge)?.name ?? judge}`}>
    ${sheet?.by?.startsWith("rescue:") && html`<p class="muted" data-rescued>${t("admin.rescued-text")}</p>`}
    ${late && html`<p class="warn">${t(counted ? "admin.late-text" : "admin.not-counted-text")}</p>`}
    <table class="table"><tbody>${category.criteria.map((criterion) => html`<tr key=${criterion.id}><th scope="row" dir="auto">${criterion.name}</th><td class="figures">${criterion.id in (sheet?.marks ?? {}) ? number(sheet.marks[criterion.id]) : html`<span class="muted">${t("admin.cell-empty")}</span>`}</td></tr>`)}
      <tr><th scope="row">${t("common.score")}</th><td class="figures figure-large">${look === "full" ? number(total, 2) : html`<span class="muted">${t("admin.cell-started-long", { some: given, all: of })}</span>`}</td></tr></tbody></table>
    ${sheet?.note && html`<p class="sheet-note" dir="auto">${sheet.note}</p>`}<//>`;
}
