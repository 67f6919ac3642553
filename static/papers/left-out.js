// /papers, how this was decided: what was left out of the count, a sentence each, with who said so and why.
import { html } from "/static/ui.js";
import { moment, t } from "/static/words.js";
import { figure, isolated } from "/static/papers/model.js";
import { actor } from "/static/papers/story.js";

export function LeftOut({ told }) {
  const list = [...whoIsOut(told), ...recused(told), ...sheets(told), ...missing(told)];
  return html`<section data-part="left-out"><h3>${t("papers.left-out")}</h3>${list.length ? html`<ul class="decided-list">${list.map((line, at) => html`<li key=${at}>${line}</li>`)}</ul>` : html`<p>${t("papers.left-out-none")}</p>`}</section>`;
}

const because = (reason) => (reason ? ` ${t("papers.reason-is", { reason: isolated(reason) })}` : "");

const whoIsOut = ({ entries, standings }) => entries.filter((entry) => standings.out.includes(entry.number)).map((entry) => `${t("papers.out", { entry: entry.number, state: t(`entry-state.${entry.state}`) })}${because(entry.reason)}`);

const recused = (told) => told.recusals.map(({ entry, judge, because: who, at, by, reason }) => {
  const said = who === "studio" ? t("papers.recused-studio") : t("papers.recused-by", { name: by ? actor(told, by) : t("papers.organiser"), time: at ? moment(at) : "" });
  return `${t("papers.recused-is", { judge: actor(told, `judge:${judge}`), entry })} ${said}${because(reason)}`;
});

/** The sheets that were given and do not count, and the highest and lowest that were dropped. */
const sheets = (told) => [...told.sheets, ...told.hands].filter(({ part }) => ["incomplete", "late", "not-on-panel", "dropped-high", "dropped-low"].includes(part)).map(({ part, judge, entry, total }) =>
  t(entry ? `papers.left-${part}` : `papers.left-hand-${part}`, { judge: actor(told, `judge:${judge}`), entry, total: figure(total) }));

function missing(told) {
  const by = new Map();
  for (const { judge, entry } of told.standings.missing) by.set(judge, [...(by.get(judge) ?? []), entry]);
  return [...by].map(([judge, list]) => (list[0] === null ? t("papers.missing-tokens", { judge: actor(told, `judge:${judge}`) }) : t("papers.missing", { judge: actor(told, `judge:${judge}`), entries: list.join(", ") })));
}
