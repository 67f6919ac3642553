// /admin: the shell. The rail, the section that the address names, one dialog at a time.
import { html, icon, render, useEffect, useRef } from "/static/ui.js";
import { t, ready } from "/static/words.js";
import { SECTIONS, close, dialog, loaded, route, says, status, store } from "/static/admin/contest.js";
import Now from "/static/admin/now.js";
import Entries from "/static/admin/entries.js";
import Judges from "/static/admin/judges.js";
import Scores from "/static/admin/scores.js";
import Reveal from "/static/admin/reveal.js";
import Results from "/static/admin/results.js";
import Choice from "/static/admin/choice.js";
import Settings from "/static/admin/settings.js";
import Typing from "/static/admin/typing.js";

const SHOWN = { now: Now, entries: Entries, judges: Judges, scores: Scores, reveal: Reveal, results: Results, choice: Choice, settings: Settings, typing: Typing };
const ICONS = { now: "clock", entries: "image", judges: "users", scores: "list-checks", reveal: "monitor", results: "trophy", choice: "qr-code", settings: "settings" };

function Rail() {
  const { section } = route.value;
  const list = useRef(null);
  const dark = useRef(null);
  // theme.js keeps the switch right from here on; it looked before this button was drawn.
  useEffect(() => { dark.current.setAttribute("aria-pressed", String(getComputedStyle(document.documentElement).colorScheme.includes("dark"))); }, []);
  useEffect(() => { list.current.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }); }, [section]);
  return html`<header class="rail" data-no-print>
    <a class="rail-name gothic" href="#now"><span dir="auto">${store().contest.name || t("common.contest")}</span></a>
    <nav class="rail-nav" aria-label=${t("admin.title")}><ul ref=${list}>${SECTIONS.filter((one) => ICONS[one]).map((one) => html`<li key=${one}><a href="#${one}" aria-current=${one === section ? "page" : undefined}>${icon(ICONS[one])}<span>${t(`admin.${one}`)}</span></a></li>`)}</ul></nav>
    <div class="rail-foot"><p class="status" data-status=${status}>${t(`live.${says.value}`)}</p>
      <button type="button" class="button theme-switch" data-theme-switch ref=${dark}>${icon("moon")}<span class="rail-words">${t("nav.dark")}</span></button></div>
  </header>`;
}

function Shell() {
  const { section, category } = route.value;
  const first = useRef(true);
  const main = useRef(null);
  // Another section is another page: say so by the title, and let the focus begin there.
  useEffect(() => {
    document.title = `${t(`admin.${section}`)}, ${store().contest.name || t("common.contest")}`;
    if (!first.current) {
      scrollTo(0, 0);
      main.current.querySelector("h1")?.focus({ preventScroll: true });
    }
    first.current = false;
    close();
  }, [section]);
  const Section = SHOWN[section];
  const shown = dialog.value;
  return html`<a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); main.current.focus(); }}>${t("nav.skip")}</a><${Rail} />
    <main id="main" class="admin-main" tabindex="-1" ref=${main} data-section=${section} key=${section}>${loaded.value ? html`<${Section} />` : html`<p class="muted">${t("common.loading")}</p>`}</main>
    ${shown && html`<${shown.Component} key=${shown.n} ...${shown.props} />`}`;
}

await ready;
const place = document.querySelector("[data-admin]");
if (place) render(html`<${Shell} />`, place);
