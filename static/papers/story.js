// /papers, how this was decided: who did what when, the lines of the log that concern the category.
import { html } from "/static/ui.js";
import { has, moment, number, t } from "/static/words.js";
import { isolated, orderWords } from "/static/papers/model.js";

/** Who did it, out of the log's "judge:j1". */
export function actor({ judges, keys = [] }, by) {
  const [role, id] = by.split(":");
  if (role === "public") return t("papers.public");
  const known = judges.find((one) => one.id === id)?.name ?? keys.find((one) => one.id === id)?.name;
  if (role === "admin") return known ? t("papers.organiser-script", { name: isolated(known) }) : t("papers.organiser");
  return isolated(known ?? id ?? role);
}

export function Story({ told }) {
  return html`<section data-part="story"><h3>${t("papers.story")}</h3><table class="decided-table decided-story"><thead><tr><th scope="col">${t("papers.when")}</th><th scope="col">${t("papers.who")}</th><th scope="col">${t("papers.what")}</th><th scope="col" class="figures">${t("papers.line")}</th></tr></thead>
    <tbody>${told.trail.map((one, at) => html`<tr key=${at} data-what=${one.what}><td><time datetime=${new Date(one.at).toISOString()}>${moment(one.at)}</time></td><td dir="auto">${who(told, one)}</td><td dir="auto">${sentence(told, one)}</td><td class="figures">${one.seq}</td></tr>`)}</tbody></table></section>`;
}

function who(told, { by }) {
  const [role] = by.split(":");
  return ["desk", "host", "rescue"].includes(role) ? `${actor(told, by)} (${t(`papers.role-${role}`)})` : actor(told, by);
}

function sentence(told, one) {
  const key = `papers.event-${one.what}`;
  const words = has(key) ? t(key, params(told, one)) : one.what.replaceAll("_", " ");
  const more = [one.late && t(one.counted === false ? "papers.part-late" : "papers.late"), one.times > 1 && t("papers.saved-times", { count: one.times, time: moment(one.since) }), one.reason && t("papers.reason-is", { reason: isolated(one.reason) }), one.note && `“${isolated(one.note)}”`];
  return [words, ...more].filter(Boolean).join(". ").replaceAll("..", ".");
}

function params(told, one) {
  const { category } = told;
  const groups = one.places ?? one.order;
  const order = Array.isArray(groups?.[0]) ? groups : groups?.map((n) => [n]);
  return {
    ...one, judge: one.judge ? actor(told, `judge:${one.judge}`) : isolated(one.name), entries: (one.entries ?? []).join(", ") || t("common.none"),
    order: order?.length ? orderWords(order) : t("place.none"), state: one.state ? t(`entry-state.${one.state}`) : "", fields: Object.keys(one.fields ?? one.changes ?? {}).length ? (Array.isArray(one.changes) ? one.changes : Object.keys(one.fields ?? one.changes)).join(", ") : "",
    rules: (one.rules ?? []).map((code) => (has(`error.${code}`) ? t(`error.${code}`) : code)).join(" "),
    marks: category.criteria.filter((criterion) => criterion.id in (one.marks ?? {})).map((criterion) => `${isolated(criterion.name)} ${number(one.marks[criterion.id])}`).join(", ") || t("common.none"),
    into: isolated(one.into), category: isolated(one.category === category.id ? category.name : one.category ?? ""),
  };
}
