// /papers, the host's script and the list of awards: names before they are revealed, for those who may know them.
import { html } from "/static/ui.js";
import { t } from "/static/words.js";
import { isolated, placeWords, wearer } from "/static/papers/model.js";
import { Empty, EntryNumber, Wide } from "/static/papers/parts.js";

const Waiting = ({ now }) => {
  const open = now.categories.filter((category) => !now.decision(category.id));
  return open.length > 0 && html`<p class="papers-waiting">${t("papers.not-decided", { categories: open.map((category) => isolated(category.name)).join(", ") })}</p>`;
};

/** Category by category as they are shown, the last place first: what is said on stage, large enough to read there. */
export function Script({ now }) {
  const decided = now.categories.filter((category) => now.decision(category.id));
  return html`<div class="papers-tools" data-no-print><h1>${t("papers.script")}</h1><p class="muted">${t("papers.script-text")}</p></div>
    <article class="paper script"><header class="script-head"><p class="gothic" dir="auto">${now.name}</p><h2>${t("papers.script")}</h2></header>
      ${!decided.length && html`<${Empty}>${t("papers.none-decided")}<//>`}
      ${decided.map((category, at) => html`<${Chapter} key=${category.id} now=${now} category=${category} at=${at + 1} />`)}<${Waiting} now=${now} /></article>`;
}

function Chapter({ now, category, at }) {
  const awards = now.awards(category.id).reverse();
  const { absent = [] } = now.decision(category.id);
  return html`<section class="script-category" data-category=${category.id}><h3><span class="script-order">${at}</span> <span class="gothic" dir="auto">${category.name}</span> <span class="chip">${t(`category-state.${category.state}`)}</span></h3>
    ${!awards.length && html`<p><strong>${t("place.none")}</strong></p>`}
    <ol class="script-places">${awards.map((award) => html`<li key=${award.entry.number} class="script-place" data-script=${award.entry.number}>
      <p class="script-tag script-tag-${award.place}">${placeWords(award)}</p><div class="script-say"><p class="script-name" dir="auto">${wearer(award.entry)} <${EntryNumber} n=${award.entry.number} /></p>
        ${award.entry.title && html`<p dir="auto">${award.entry.title}</p>`}${award.entry.artist && html`<p dir="auto">${t("common.by", { artist: isolated(award.entry.artist) })}</p>`}${award.entry.studio && html`<p class="muted" dir="auto">${award.entry.studio}</p>`}
        <p class="script-sound">${t("papers.said-as")}${award.entry.say ? html`: <b dir="auto">${award.entry.say}</b>` : html`<i></i>`}</p></div>
      <p class="script-shown ${award.shown ? "script-done" : ""}">${t(award.shown ? "papers.shown" : "papers.secret")}</p></li>`)}</ol>
    ${absent.length > 0 && html`<p class="muted">${t("papers.absent", { entries: absent.join(", ") })}</p>`}</section>`;
}

/** One table of all awards, to hand trophies out by. */
export function Awards({ now }) {
  const rows = now.categories.flatMap((category) => (now.awards(category.id) ?? []).map((award, at) => ({ category, first: at === 0, ...award })));
  return html`<div class="papers-tools" data-no-print><h1>${t("papers.awards")}</h1></div>
    <article class="paper awards"><header class="script-head"><p class="gothic" dir="auto">${now.name}</p><h2>${t("papers.awards")}</h2></header>
      ${!rows.length ? html`<${Empty}>${t("papers.none-decided")}<//>` : html`<${Wide} label=${t("papers.awards")}><table class="table"><thead><tr>${["category", "place", "entry", "collector", "artist", "handed"].map((name) => html`<th key=${name} scope="col">${t(["category", "handed"].includes(name) ? `papers.${name}` : `winners.${name}`)}</th>`)}</tr></thead>
        <tbody>${rows.map(({ category, entry, first, ...award }) => html`<tr key=${entry.number} class=${first ? "awards-first" : ""} data-award=${entry.number}><td dir="auto">${category.name}</td><td>${placeWords(award)}</td><th scope="row">${entry.number}</th>
          <td dir="auto">${wearer(entry)}</td><td dir="auto">${[entry.artist, entry.studio].filter(Boolean).join(", ")}</td><td><span class="awards-box"></span></td></tr>`)}</tbody></table><//>`}<${Waiting} now=${now} /></article>`;
}
