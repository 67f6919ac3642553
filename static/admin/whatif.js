// /admin, Scores: what the places would be if strict and generous judges were evened out. It decides nothing, and says so wherever it stands.
import { html, icon, useEffect, useSignal } from "/static/ui.js";
import { t, number, say } from "/static/words.js";
import { ask, isOurs, store } from "/static/admin/contest.js";
import { EntryHead, isolated } from "/static/admin/parts.js";

const COLUMNS = ["judge_effect", "z_score"];

/** Behind a disclosure; asked for only while it is open, and again whenever the standings are. */
export function WhatIf({ category, table }) {
  const open = useSignal(false), found = useSignal(null), problem = useSignal("");
  useEffect(() => {
    let gone = false;
    if (open.value) {
      ask(`/api/standings/${encodeURIComponent(category.id)}?what_if=1`).then(
        (answer) => { if (!gone) { found.value = answer; problem.value = ""; } },
        (error) => { if (!isOurs(error)) console.error(error); if (!gone) problem.value = say(error); });
    }
    return () => { gone = true; };
  }, [table, open.value]);
  if (!["points", "trimmed"].includes(category.method) || !table.rows.length) return null;
  return html`<details class="what-if" data-what-if open=${open} onToggle=${(e) => { open.value = e.currentTarget.open; }}>
    <summary>${t("admin.what-if")}</summary>
    <p class="warn">${icon("triangle-alert")} ${t("admin.what-if-never")}</p>
    <p class="muted">${t("admin.what-if-text")}</p>
    ${problem.value && html`<p class="field-error">${problem}</p>`}
    ${found.value?.what_if && html`<${Evened} table=${found.value} />`}</details>`;
}

function Evened({ table }) {
  const now = store();
  const asked = COLUMNS.map((name) => [name, table.what_if[name]]), told = asked.filter(([, column]) => column);
  const row = (column, entry) => column.rows.find((one) => one.entry === entry);
  const judges = Object.keys(told[0]?.[1].judges ?? {});
  return html`${!table.what_if.judge_effect && html`<p>${t("admin.what-if-nothing")}</p>`}
    <div class="scroll" tabindex="0" role="region" aria-label=${t("admin.what-if")}><table class="table stuck" data-what-if-table>
      <thead><tr><th scope="col" class="stuck-cell">${t("admin.entry-word")}</th><th scope="col" class="figures">${t("admin.what-if-real")}</th>${told.map(([name]) => html`<th scope="col" class="figures" key=${name}>${t(`admin.what-if-${name}`)}</th>`)}</tr></thead>
      <tbody>${table.rows.map((real) => html`<tr key=${real.entry} data-if=${real.entry}><th scope="row" class="stuck-cell"><${EntryHead} entry=${now.entry(real.entry)} n=${real.entry} /></th><td class="figures"><strong>${real.place}</strong></td>
        ${told.map(([name, column]) => {
          const one = row(column, real.entry);
          return html`<td key=${name} class="figures ${one && one.place !== real.place ? "differs" : ""}">${one ? html`${one.place} <span class="muted">(${number(one.score, 2)})</span>` : "\u2013"}</td>`;
        })}</tr>`)}</tbody></table></div>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("admin.judges")}><table class="table stuck"><thead><tr><th scope="col" class="stuck-cell">${t("admin.role-judge")}</th>${told.map(([name]) => html`<th scope="col" class="figures" key=${name}>${t(`admin.what-if-${name}-judge`)}</th>`)}</tr></thead>
      <tbody>${judges.map((id) => html`<tr key=${id}><th scope="row" class="stuck-cell">${isolated(now.judge(id)?.name ?? id)}</th>${told.map(([name, { judges: all }]) => html`<td class="figures" key=${name}>${id in all ? signed(name, all[id]) : "\u2013"}</td>`)}</tr>`)}</tbody></table></div>`;
}

/** How far above or below the others carries its sign; a standard deviation has none. */
const signed = (name, value) => (name === "judge_effect" && value > 0 ? "+" : "") + number(value, 2);
