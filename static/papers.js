// /papers: what is printed, and the files to take away. A paper is of one moment, which it names; "Load again" asks anew.
import { html, icon, render, signal, useEffect } from "/static/ui.js";
import { call } from "/static/api.js";
import { moment, ready, say, t } from "/static/words.js";
import { Contest } from "/static/papers/model.js";
import Sheets from "/static/papers/sheets.js";
import Decided from "/static/papers/decided.js";
import Certificates from "/static/papers/certificates.js";
import { Awards, Script } from "/static/papers/script.js";
import Files from "/static/papers/files.js";

const PAPERS = { sheets: Sheets, decided: Decided, certificates: Certificates, script: Script, awards: Awards, files: Files };
const OF_ADMIN = ["sheets", "decided", "certificates", "script", "awards", "files"], OF_HOST = ["script", "awards", "certificates"];

const parse = () => decodeURIComponent(location.hash.slice(1)).split("/");
const route = signal(parse());
addEventListener("hashchange", () => { route.value = parse(); });
const contest = signal(null), problem = signal("");

async function load() {
  try {
    contest.value = new Contest(await call("GET", "/api/state"), Date.now());
    problem.value = "";
  } catch (error) {
    problem.value = say(error);
  }
  document.querySelector("[data-announce]").textContent = problem.value || t("papers.loaded", { time: moment(contest.value.at) });
}

function Bar({ now, list, paper }) {
  return html`<header class="papers-bar" data-no-print>
    <p class="papers-back"><a href=${now.role === "admin" ? "/admin#results" : "/host"}>${t(now.role === "admin" ? "title.admin" : "title.host")}</a></p>
    <nav aria-label=${t("title.papers")}><ul class="papers-nav">${list.map((one) => html`<li key=${one}><a href="#${one}" aria-current=${one === paper ? "page" : undefined}>${t(`papers.${one}`)}</a></li>`)}</ul></nav>
    <p class="buttons papers-do"><button type="button" class="button" data-do="load" onClick=${load}>${icon("refresh-cw")}${t("papers.load")}</button>
      ${paper !== "files" && html`<button type="button" class="button button-primary" data-do="print" onClick=${() => print()}>${icon("printer")}${t("common.print")}</button>`}</p>
    <p class="muted papers-moment">${t("papers.as-of", { time: moment(now.at), seq: now.seq })}${problem.value && html` <span class="field-error">${problem}</span>`}</p>
  </header>`;
}

function Page() {
  const now = contest.value;
  const list = now?.role === "admin" ? OF_ADMIN : OF_HOST;
  const [wanted, category = "", more = ""] = route.value;
  const paper = list.includes(wanted) ? wanted : list[0];
  useEffect(() => { if (now) document.title = `${t(`papers.${paper}`)}, ${now.name}`; }, [paper, now]);
  if (!now) return html`<main class="frame-main"><p class=${problem.value ? "field-error" : "muted"}>${problem.value || t("common.loading")}</p>${problem.value && html`<p><button type="button" class="button" onClick=${load}>${t("common.again")}</button></p>`}</main>`;
  return html`<${Bar} now=${now} list=${list} paper=${paper} /><main class="papers" data-paper=${paper} tabindex="-1"><${PAPERS[paper]} key=${paper} now=${now} category=${category} more=${more} /></main>`;
}

const place = document.querySelector("[data-papers]");
await ready;
place.replaceChildren();
render(html`<${Page} />`, place);
await load();
