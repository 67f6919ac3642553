// /papers, how this was decided: all that a category's places rest on, from GET /api/decided/ID. It computes nothing but how to say it.
import { html, useEffect, useSignal } from "/static/ui.js";
import { call } from "/static/api.js";
import { has, moment, number, say, t } from "/static/words.js";
import { figure, isolated, letter, orderWords, placeWords } from "/static/papers/model.js";
import { Choice, Empty, Wide } from "/static/papers/parts.js";
import { Story, actor } from "/static/papers/story.js";
import { LeftOut } from "/static/papers/left-out.js";
import { Marks } from "/static/papers/marks.js";

export default function Decided({ now, category: wanted }) {
  const category = now.category(wanted) ?? now.categories.find((one) => now.decision(one.id)) ?? now.categories[0];
  const told = useSignal(null), problem = useSignal("");
  useEffect(() => {
    if (!category) return undefined;
    let gone = false;
    told.value = null;
    problem.value = "";
    call("GET", `/api/decided/${encodeURIComponent(category.id)}`).then((answer) => { if (!gone) told.value = answer; }, (error) => { if (!gone) problem.value = say(error); });
    return () => { gone = true; };
  }, [category?.id, now]);
  if (!category) return html`<${Empty}>${t("papers.no-categories")}<//>`;
  return html`<div class="papers-tools" data-no-print><h1>${t("papers.decided")}</h1><${Choice} paper="decided" categories=${now.categories} category=${category.id} /></div>
    ${problem.value && html`<p class="field-error">${problem}</p>`}
    ${told.value ? html`<${Paper} now=${now} told=${told.value} />` : !problem.value && html`<p class="muted papers-empty">${t("common.loading")}</p>`}`;
}

/** The step that decided a place, in words. */
export function stepWords(category, step) {
  const [kind, id] = step.split(":");
  if (kind === "criterion") return t("papers.step-criterion", { name: isolated(category.criteria.find((one) => one.id === id)?.name ?? id) });
  return has(`papers.step-${step}`) ? t(`papers.step-${step}`) : step;
}

function Paper({ now, told }) {
  const { category, head } = told;
  return html`<article class="paper decided" data-decided=${category.id}>
    <header class="decided-head"><p class="decided-event" dir="auto">${now.name}</p><h2 class="gothic" dir="auto">${category.name}</h2><p>${t("papers.decided")}. ${t(`category-state.${category.state}`)}.</p>
      <p>${t(`papers.method-${category.method}`, { count: category.tokens })}${["points", "trimmed"].includes(category.method) && ` ${t("papers.criteria", { list: criteria(category) })}`} ${t("papers.awards-are", { count: category.places })}</p>
      <p class="decided-seal">${t("papers.head", { seq: head.seq, hash: head.hash })}<br />${category.state !== "announced" && t("papers.head-short")}</p></header>
    <${Winners} told=${told} /><${Standings} told=${told} />${category.method !== "choice" && html`<${Marks} told=${told} />`}<${LeftOut} told=${told} /><${Chain} told=${told} /><${RunOffs} told=${told} /><${Story} told=${told} /></article>`;
}

const criteria = (category) => {
  const equal = new Set(category.criteria.map((one) => one.weight)).size < 2;
  return category.criteria.map((one, at) => `${letter(at)} ${isolated(one.name)}${equal ? "" : ` × ${number(one.weight)}`}`).join(", ");
};

/** The decision: its places, why it differs, who was not there, what was corrected. */
function Winners({ told }) {
  const { decision, entries, category, standings } = told;
  if (!decision) return html`<section><h3>${t("papers.decision")}</h3><p>${t("papers.decision-none")}</p></section>`;
  const of = new Map(entries.map((entry) => [entry.number, entry]));
  const own = standings.rows.filter((row) => row.place <= category.places).map((row) => `${row.place}:${row.entry}`).sort().join();
  let before = 0;
  const rows = decision.places.flatMap((group) => {
    const place = before + 1;
    before += group.length;
    return group.map((n) => ({ place, shared: group.length > 1, n, row: standings.rows.find((one) => one.entry === n) }));
  });
  const same = rows.map(({ place, n }) => `${place}:${n}`).sort().join() === own;
  return html`<section data-part="decision"><h3>${t("papers.decision")}</h3>
    ${!rows.length ? html`<p><strong>${t("place.none")}</strong></p>` : html`<${Wide} label=${t("papers.decision")}><table class="decided-table"><thead><tr><th scope="col">${t("winners.place")}</th><th scope="col">${t("winners.entry")}</th><th scope="col">${t("winners.collector")}</th><th scope="col">${t("winners.artist")}</th><th scope="col">${t("papers.decided-by")}</th></tr></thead>
    <tbody>${rows.map(({ n, row, ...award }) => html`<tr key=${n}><td>${placeWords(award)}</td><th scope="row">${n}</th><td dir="auto">${of.get(n)?.collector}</td><td dir="auto">${[of.get(n)?.artist, of.get(n)?.studio].filter(Boolean).join(", ")}</td><td>${row ? stepWords(category, row.decided_by) : ""}</td></tr>`)}</tbody></table><//>`}
    <p>${t(same ? "papers.as-standings" : "papers.not-as-standings")}</p>
    ${decision.reason && html`<p>${t("papers.reason-is", { reason: isolated(decision.reason) })}</p>`}
    ${decision.absent?.length > 0 && html`<p>${t("papers.absent", { entries: decision.absent.join(", ") })}</p>`}
    ${decision.corrected && html`<p data-corrected>${t("papers.corrected", { time: moment(decision.corrected.at), reason: isolated(decision.corrected.reason) })}</p>`}</section>`;
}

const flagKey = (flag) => `papers.flag-${flag.replaceAll(":", "-")}`;

function Standings({ told }) {
  const { standings: table, category, judges } = told;
  const panel = judges.filter((judge) => judge.on_panel).length, ranks = category.method === "ranking";
  return html`<section data-part="standings"><h3>${t("papers.standings")}</h3>
    ${table.provisional && html`<p><strong>${t("papers.provisional", { count: table.missing.length })}</strong></p>`}
    ${!table.rows.length ? html`<p>${t("papers.no-rows")}</p>` : html`<${Wide} label=${t("papers.standings")}><table class="decided-table"><thead><tr><th scope="col">${t("winners.place")}</th><th scope="col">${t("winners.entry")}</th><th scope="col" class="figures">${t(ranks ? "papers.ranks" : "common.score")}</th><th scope="col" class="figures">${t("papers.judges")}</th><th scope="col">${t("papers.decided-by")}</th></tr></thead>
    <tbody>${table.rows.map((row) => html`<tr key=${row.entry} data-row=${row.entry}><td>${row.place}</td><th scope="row">${row.entry}</th><td class="figures">${ranks ? Object.values(row.ranks).sort((a, b) => a - b).join(" ") : figure(row.exact)}</td><td class="figures">${category.method === "choice" ? "" : `${row.judges} / ${panel}`}</td>
      <td>${stepWords(category, row.decided_by)}${row.tied_with.length > 0 && ` (${row.tied_with.join(", ")})`}</td></tr>`)}</tbody></table><//>`}
    ${table.flags.filter((flag) => has(flagKey(flag))).map((flag) => html`<p key=${flag}>${t(flagKey(flag))}</p>`)}</section>`;
}

function Chain({ told }) {
  const { chain, category } = told;
  if (!chain.length) return null;
  return html`<section data-part="chain"><h3>${t("papers.chain")}</h3><p class="muted">${t("papers.chain-text")}</p><ol class="decided-chain">${chain.map((step, at) => html`<li key=${at} data-step=${step.step}>
    <p><strong>${stepWords(category, step.step)}</strong>: ${t("papers.between", { entries: step.entries.join(", ") })}</p>
    ${Object.keys(step.values).length > 0 && html`<p class="decided-values">${step.entries.map((n) => html`<span key=${n}><b>${n}</b> ${(step.values[n] ?? []).map(figure).join(" · ")}</span>`)}</p>`}
    ${step.duels?.length > 0 && html`<p class="decided-values">${step.duels.map(({ entries: [a, b], judges: [m, n] }) => html`<span key=${`${a}-${b}`}><b>${a}</b> : <b>${b}</b> = ${m} : ${n}</span>`)}</p>`}
    ${step.reason && html`<p>${t("papers.reason-is", { reason: isolated(step.reason) })}</p>`}
    <p>${step.void ? t("papers.step-void") : t(step.into.length > 1 ? "papers.step-order" : "papers.step-level", { order: orderWords(step.into) })}</p></li>`)}</ol></section>`;
}

function RunOffs({ told }) {
  if (!told.run_offs.length) return null;
  return html`<section data-part="run-offs"><h3>${t("papers.run-offs")}</h3>${told.run_offs.map((one) => html`<div key=${one.id}><p>${t("papers.between", { entries: one.entries.join(", ") })}${!one.closed && ` (${t("papers.still-open")})`}</p>
    <ul class="decided-list">${Object.entries(one.votes).map(([judge, choice]) => html`<li key=${judge}>${t("papers.voted", { judge: actor(told, `judge:${judge}`), entry: choice })}</li>`)}${!Object.keys(one.votes).length && html`<li>${t("papers.no-votes")}</li>`}</ul></div>`)}</section>`;
}
