// /admin, Entries: find one, see where it stands, put it right.
import { html, icon, useMemo, useSignal } from "/static/ui.js";
import { t, moment } from "/static/words.js";
import { LONG, close, route, send, show, store } from "/static/admin/contest.js";
import { Ask, Dialog, Head, EntryNumber, Thumb, isolated, names } from "/static/admin/parts.js";
import { EntryDialog, Hide, Remarks, SetState, path } from "/static/admin/entry.js";
import { found, isErased, isOut } from "/static/admin/model.js";

const STATES = ["registered", "checked-in", "called", "on-stage", "no-show", "withdrawn", "disqualified"];
const PAGE = 60;      // drawn at once; the rest on demand

export default function Entries() {
  const { entries, categories } = store();
  const words = useSignal(""), category = useSignal(route.value.category), state = useSignal(""), shown = useSignal(PAGE);
  const chosen = { words: words.value, category: category.value, state: state.value };
  const list = useMemo(() => found(entries, chosen), [entries, words.value, category.value, state.value]);
  const narrow = (which) => (e) => { which.value = e.target.value; shown.value = PAGE; };
  return html`<${Head} title=${t("admin.entries")}><a class="button" href="/submit">${icon("plus")}${t("admin.add-entry")}</a><//>
    <form class="filters" role="search" onSubmit=${(e) => e.preventDefault()}>
      <div class="field"><label for="entry-words">${t("common.search")}</label><input id="entry-words" type="search" dir="auto" autocomplete="off" placeholder=${t("admin.search-hint")} value=${words} onInput=${narrow(words)} /></div>
      <div class="field"><label for="entry-category">${t("admin.category")}</label><select id="entry-category" value=${category} onChange=${narrow(category)}>
        <option value="">${t("common.all")}</option>${categories.map((one) => html`<option key=${one.id} value=${one.id}>${one.name}</option>`)}</select></div>
      <div class="field"><label for="entry-state">${t("admin.state")}</label><select id="entry-state" value=${state} onChange=${narrow(state)}>
        <option value="">${t("common.all")}</option>${STATES.map((one) => html`<option key=${one} value=${one}>${t(`entry-state.${one}`)}</option>`)}<option value="hidden">${t("entry-state.hidden")}</option></select></div>
    </form>
    <p class="muted" data-count>${list.length === entries.length ? t("common.entries", { n: list.length }) : t("admin.found", { n: list.length, all: entries.length })}</p>
    ${entries.length === 0 && html`<p class="empty">${t("admin.no-entries-text")} <a href="/submit">${t("nav.submit")}</a></p>`}
    <ul class="entries" hidden=${!list.length}>${list.slice(0, shown.value).map((entry) => html`<${Row} key=${entry.number} entry=${entry} />`)}</ul>
    ${list.length > shown.value && html`<button type="button" class="button button-wide" onClick=${() => { shown.value += PAGE; }}>${t("admin.more", { n: Math.min(PAGE, list.length - shown.value) })}</button>`}`;
}

function Row({ entry }) {
  const category = store().category(entry.category);
  return html`<li class="entry ${entry.hidden ? "entry-hidden" : ""}" data-entry=${entry.number}>
    <${Thumb} entry=${entry} />
    <h2 class="entry-number"><${EntryNumber} n=${entry.number} /></h2>
    <div class="entry-names"><p class="entry-title" dir="auto">${isErased(entry) ? html`<span class="muted">${t("admin.erased")}</span>` : entry.title || entry.collector}</p>
      <p class="muted">${entry.title ? names(entry) : entry.artist && t("common.by", { artist: isolated(entry.artist) })}</p>${entry.studio && html`<p class="muted" dir="auto">${entry.studio}</p>`}<${Remarks} entry=${entry} /></div>
    <p class="entry-category" dir="auto">${category?.name ?? entry.category}</p>
    <p class="entry-state"><span class="chip ${isOut(entry) ? "chip-bad" : entry.state === "registered" ? "" : "chip-good"}">${t(`entry-state.${entry.state}`)}</span>
      ${entry.hidden && !isErased(entry) && html` <span class="chip">${t("entry-state.hidden")}</span>`}</p>
    <div class="entry-do"><${Step} entry=${entry} />${!isErased(entry) && html`<${Hide} entry=${entry} />`}
      <button type="button" class="button button-quiet" data-do="change-entry" onClick=${() => show(EntryDialog, { number: entry.number, erase: askErase })}>${icon("pencil")}<span class="visually-hidden">${t("admin.change-of", { name: t("common.entry", { number: entry.number }) })}</span></button></div>
  </li>`;
}

/** The step most entries take next. */
function Step({ entry }) {
  const verb = { registered: "check-in", "checked-in": "call", called: "no-show" }[entry.state] ?? (isOut(entry) ? "reinstate" : null);
  return verb && html`<${SetState} key="step" entry=${entry} verb=${verb} />`;
}

// --- A person who wants to be forgotten ------------------------------------------------

function askErase(number) {
  let copies = [];
  show(Ask, { stop: true, title: t("admin.erase-title", { number }), text: t("admin.erase-text"), list: ["names", "photos", "notes"].map((what) => t(`admin.erase-${what}`)), action: t("admin.erase"),
    run: async () => { ({ copies } = await send("DELETE", `${path({ number })}/person`, {}, { timeout: LONG })); }, done: t("admin.said-erased", { number }),
    then: () => show(Erased, { number, copies }) });
}

/** Done, and the copies that the server cannot reach: somebody has to go and erase those by hand. */
function Erased({ number, copies }) {
  return html`<${Dialog} title=${t("admin.erased-title", { number })}>
    ${copies.length > 0 ? html`<p>${t("admin.copies")}</p>
      <ul class="ask-list copies" data-copies>${copies.map((copy) => html`<li><strong><bdi>${copy.where}</bdi></strong><br /><span class="muted">${moment(copy.at)}</span></li>`)}</ul>`
    : html`<p>${t("admin.no-copies")}</p>`}
    <div class="dialog-foot"><button type="button" class="button" data-first onClick=${close}>${t("common.done")}</button></div><//>`;
}
