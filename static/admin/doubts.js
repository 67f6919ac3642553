// /admin, Scores: what speaks against the winners, in words with numbers. It forbids nothing; what can be done about it stands beside it.
import { html, icon } from "/static/ui.js";
import { t, time } from "/static/words.js";
import { show, store } from "/static/admin/contest.js";
import { MergeDialog, canMerge } from "/static/admin/merge.js";
import { isolated, place } from "/static/admin/parts.js";
import { panel } from "/static/admin/model.js";
import { marksOnPhones, usePresence } from "/static/admin/presence.js";

/** What is worth saying before anything is decided, and while it is judged: the rest would be noise until the last sheet. */
const EARLY = { open: ["below_minimum"], judging: ["below_minimum", "tied", "not_first", "first_missing"] };
const timely = (category, { code }) => EARLY[category.state]?.includes(code) ?? (category.state !== "announced" || ["withdrawn", "disqualified", "no-show", "already_placed"].includes(code));

const INCOMPLETE = { tokens: "admin.warning-incomplete-tokens", ranking: "admin.warning-incomplete-ranks" };

/** One warning of the standings (docs/http.md) as a sentence. */
function sentence(category, table, warning) {
  const { code, entries, missing, minimum, who, category: where, entry } = warning;
  const now = store(), list = entries.join(", ");
  return {
    tied: () => t("admin.warning-tied", { entries: list, place: place(table.rows.find((row) => row.entry === entries[0])?.place) }),
    incomplete: () => t(INCOMPLETE[category.method] ?? "admin.warning-incomplete", { n: missing, entries: list }),
    below_minimum: () => t("admin.warning-below-minimum", { n: entries.length, minimum }),
    already_placed: () => t(`admin.warning-already-${who}`, { number: entries[0], name: isolated(now.entry(entries[0])?.[who]), other: entry, where: isolated(now.category(where)?.name ?? where) }),
  }[code]?.() ?? t(`admin.warning-${code}`, { entries: list });
}

/** The warnings of a category that fit its state; `all`: whatever it is, for the one who decides right now. */
export function Warnings({ category, table, all, level }) {
  const title = t(category.state === "announced" ? "admin.warnings-after" : "admin.warnings");
  usePresence();
  const { holding } = marksOnPhones(panel(store(), category));
  const told = table.warnings.filter((warning) => all || timely(category, warning));
  const phones = category.state === "closed" || category.state === "decided" ? holding : [];
  if (!told.length && !phones.length) return null;
  return html`<section class="warnings" aria-labelledby="warnings-title" data-warnings>${level ? html`<h3 id="warnings-title">${title}</h3>` : html`<h2 id="warnings-title">${title}</h2>`}
    <ul class="warning-list">${told.map((warning) => html`<li key=${JSON.stringify(warning)} data-warning=${warning.code}>${icon("triangle-alert")}<span>${sentence(category, table, warning)}</span>
        ${warning.code === "below_minimum" && canMerge(store(), category) && html`<button type="button" class="button" data-do="merge" onClick=${() => show(MergeDialog, { id: category.id })}>${t("admin.merge")}</button>`}</li>`)}
      ${phones.map(({ judge, device, waiting, here, at }) => html`<li key=${device} data-warning="phone">${icon("triangle-alert")}<span>${t("admin.warning-phone")} ${t(here ? "admin.close-holds" : "admin.close-held", { name: isolated(judge.name), n: waiting, time: time(at) })}</span></li>`)}</ul></section>`;
}
