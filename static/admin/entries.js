// /admin, Entries: find one, see where it stands, put it right.
import { html, icon, useMemo, useSignal } from "/static/ui.js";
import { t, moment } from "/static/words.js";
import { LONG, close, route, send, show, store } from "/static/admin/contest.js";
import { Act, Ask, Dialog, Head, EntryNumber, Problem, Thumb, isolated, names, photoOf, useAction } from "/static/admin/parts.js";
import { found, isErased, isOut } from "/static/admin/model.js";

const STATES = ["registered", "checked-in", "called", "on-stage", "no-show", "withdrawn", "disqualified"];
const PAGE = 60;      // drawn at once; the rest on demand

const path = (entry, verb = "") => `/api/entries/${entry.number}${verb && `/${verb}`}`;

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
      <p class="muted">${entry.title ? names(entry) : entry.artist && t("common.by", { artist: isolated(entry.artist) })}</p>${entry.studio && html`<p class="muted" dir="auto">${entry.studio}</p>`}</div>
    <p class="entry-category" dir="auto">${category?.name ?? entry.category}</p>
    <p class="entry-state"><span class="chip ${isOut(entry) ? "chip-bad" : entry.state === "registered" ? "" : "chip-good"}">${t(`entry-state.${entry.state}`)}</span>
      ${entry.hidden && !isErased(entry) && html` <span class="chip">${t("entry-state.hidden")}</span>`}</p>
    <div class="entry-do"><${Step} entry=${entry} />${!isErased(entry) && html`<${Hide} entry=${entry} />`}
      <button type="button" class="button button-quiet" data-do="change-entry" onClick=${() => show(EntryDialog, { number: entry.number })}>${icon("pencil")}<span class="visually-hidden">${t("admin.change-of", { name: t("common.entry", { number: entry.number }) })}</span></button></div>
  </li>`;
}

/** The step most entries take next. */
function Step({ entry }) {
  const verb = { registered: "check-in", "checked-in": "call", called: "no-show" }[entry.state] ?? (isOut(entry) ? "reinstate" : null);
  return verb && html`<${SetState} key="step" entry=${entry} verb=${verb} />`;
}

/** A change of state. What takes an entry out of the contest asks first. */
function SetState({ entry, verb, look = "" }) {
  const words = t(verb === "reinstate" && !isOut(entry) ? "admin.back-to-registered" : `admin.${verb}`), number = t("common.entry", { number: entry.number });
  const asks = { "no-show": {}, withdraw: {}, disqualify: { reason: "needed" } }[verb];
  if (!asks) return html`<${Act} look=${look} data=${verb} path=${path(entry, verb)} label=${words} hidden=${number} done=${t(`admin.said-${verb}`, { number: entry.number })} />`;
  return html`<span class="act"><button type="button" class="button ${look}" data-do=${verb} onClick=${() => show(Ask, {
    ...asks, stop: true, title: t(`admin.${verb}-title`, { number: entry.number }), text: t(`admin.${verb}-text`), action: words,
    run: (reason) => send("POST", path(entry, verb), asks.reason ? { reason } : {}), done: t(`admin.said-${verb}`, { number: entry.number }),
  })}><span>${words}<span class="visually-hidden"> ${number}</span></span></button></span>`;
}

const Hide = ({ entry }) => html`<${Act} look="button-quiet" data=${entry.hidden ? "show" : "hide"} glyph=${entry.hidden ? "eye" : "eye-off"} path=${path(entry, entry.hidden ? "show" : "hide")}
  label=${entry.hidden ? t("admin.show-photo") : t("admin.hide-photo")} hidden=${t("common.entry", { number: entry.number })} done=${t(entry.hidden ? "admin.said-show" : "admin.said-hide", { number: entry.number })} />`;

// --- One entry ------------------------------------------------------------------

const FIELDS = ["title", "collector", "artist", "studio", "phone"];

export function EntryDialog({ number }) {
  const now = store(), { categories } = now;
  const entry = now.entry(number);
  const saving = useAction();
  const typed = useSignal({ ...Object.fromEntries(FIELDS.map((name) => [name, entry?.[name] ?? ""])), category: entry?.category });
  if (!entry) return html`<${Dialog} title=${t("common.entry", { number })}><p>${t("error.no_such_entry")}</p><//>`;
  const set = (name) => (e) => { typed.value = { ...typed.value, [name]: e.target.value }; };
  const save = async (e) => {
    e.preventDefault();
    const changes = Object.fromEntries(Object.entries(typed.value).map(([k, v]) => [k, v.trim()]).filter(([k, v]) => v !== (entry[k] ?? "")));
    if (!Object.keys(changes).length) return close();
    if (await saving.run(() => send("PATCH", path(entry), changes), t("admin.said-saved"))) close();
  };
  // Only where the server would take it: a category that has been decided is left alone.
  const open = categories.filter((one) => one.id === entry.category || ["open", "judging"].includes(one.state));
  const verbs = { registered: ["check-in", "call"], "checked-in": ["call", "reinstate"], called: ["check-in", "no-show"], "on-stage": ["check-in", "no-show"] }[entry.state] ?? ["reinstate"];
  const photo = photoOf(entry, "large");
  return html`<${Dialog} wide title=${t("common.entry", { number })}>
    <div class="entry-sheet">
      <div class="entry-photo">
        <div class="photo">${photo ? html`<img src=${photo} alt=${t("common.photo-of", { number })} />` : html`<span class="thumb-none">${t("common.no-photo")}</span>`}<span class="number">${number}</span></div>
        <p class="entry-state"><span class="chip">${t(`entry-state.${entry.state}`)}</span>${entry.hidden && !isErased(entry) && html` <span class="chip">${t("entry-state.hidden")}</span>`}</p>
        <div class="buttons">${verbs.map((verb) => html`<${SetState} key=${verb} entry=${entry} verb=${verb} />`)}${!isErased(entry) && html`<${Hide} entry=${entry} />`}
          ${verbs[0] !== "reinstate" && html`<${SetState} entry=${entry} verb="withdraw" look="button-stop" /><${SetState} entry=${entry} verb="disqualify" look="button-stop" />`}</div>
      </div>
      ${isErased(entry) ? html`<p class="muted">${t("admin.erased-text")}</p>` : html`<form onSubmit=${save}>
        <div class="field"><label for="edit-category">${t("admin.category")}</label><select id="edit-category" disabled=${open.length < 2} value=${typed.value.category} onChange=${set("category")}>
          ${open.map((one) => html`<option key=${one.id} value=${one.id}>${one.name}</option>`)}</select></div>
        ${FIELDS.map((name) => html`<div class="field" key=${name}><label for="edit-${name}">${t(`admin.field-${name}`)}${name !== "collector" ? ` (${t("common.optional")})` : ""}</label>
          <input id="edit-${name}" type=${name === "phone" ? "tel" : "text"} dir="auto" autocomplete="off" required=${name === "collector"} maxlength=${name === "phone" ? 60 : 300} value=${typed.value[name]} onInput=${set(name)} /></div>`)}
        <${Problem} of=${saving.problem} />
        <div class="dialog-foot"><button type="button" class="button button-stop dialog-left" data-do="erase" onClick=${() => askErase(number)}>${icon("trash")}${t("admin.erase")}</button>
          <button type="button" class="button button-quiet" onClick=${close}>${t("common.cancel")}</button>
          <button class="button button-primary" data-do="save-entry" aria-busy=${saving.busy}>${t("common.save")}</button></div>
      </form>`}
    </div><//>`;
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
