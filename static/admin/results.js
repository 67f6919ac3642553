// /admin, Results: what is decided and what is announced, for the organiser's own eyes; also on paper.
import { html, icon, useEffect } from "/static/ui.js";
import { t } from "/static/words.js";
import { go, route, send, show, store } from "/static/admin/contest.js";
import { Ask, Head, Next, StateChip } from "/static/admin/parts.js";
import { Places } from "/static/admin/places.js";

export default function Results() {
  const now = store();
  const list = now.categories.filter((category) => now.decision(category.id));
  const wait = now.categories.filter((category) => !now.decision(category.id));
  const wanted = route.value.category;
  useEffect(() => { if (wanted) document.querySelector(`[data-result="${CSS.escape(wanted)}"]`)?.scrollIntoView({ block: "start" }); }, [wanted]);
  return html`<${Head} title=${t("admin.results")}>
      <a class="button" href="/winners" target="_blank" rel="noopener">${icon("external-link")}${t("admin.public-results")}</a>
      <a class="button" href="/papers" data-do="papers">${icon("printer")}${t("admin.papers")}</a>
      ${list.length > 0 && html`<button type="button" class="button" data-do="print" onClick=${() => window.print()}>${icon("printer")}${t("common.print")}</button>`}<//>
    ${!list.length && html`<p class="empty">${t("admin.no-results")}</p>`}
    ${list.map((category) => html`<${Result} key=${category.id} category=${category} />`)}
    ${list.length > 0 && wait.length > 0 && html`<section data-no-print><h2>${t("admin.not-decided")}</h2><ul class="undecided">${wait.map((category) => html`<li key=${category.id}><span dir="auto">${category.name}</span> <${StateChip} category=${category} /></li>`)}</ul></section>`}`;
}

/** The way to the page that tells how a category was decided. */
const Why = ({ category }) => html`<a class="button button-quiet" href=${`/papers#decided/${encodeURIComponent(category.id)}`} data-do="decided">${icon("printer")}${t("papers.decided")}<span class="visually-hidden">: ${category.name}</span></a>`;

function Result({ category }) {
  const decision = store().decision(category.id);
  const announce = () => show(Ask, { title: t("admin.announce-title", { category: category.name }), text: t("admin.announce-text"), action: t("admin.announce"),
    run: () => send("POST", `/api/categories/${encodeURIComponent(category.id)}/announce`), done: t("admin.said-announced", { category: category.name }) });
  return html`<section class="result" data-result=${category.id} aria-labelledby=${`result-${category.id}`}>
    <div class="result-head"><h2 class="gothic" id=${`result-${category.id}`} dir="auto">${category.name}</h2><${StateChip} category=${category} /></div>
    <${Places} category=${category} decision=${decision} live />
    ${category.state === "decided" && html`<div class="buttons" data-no-print><${Next} category=${category} /><button type="button" class="button button-quiet" data-do="announce" onClick=${announce}>${t("admin.announce")}<span class="visually-hidden">: ${category.name}</span></button><${Why} category=${category} /></div>`}
    ${category.state === "announced" && html`<div class="buttons" data-no-print><button type="button" class="button button-quiet" data-do="correct" onClick=${() => go("scores", category.id, "correct")}>${icon("pencil")}${t("admin.correct")}<span class="visually-hidden">: ${category.name}</span></button><${Why} category=${category} /></div>`}
  </section>`;
}
