// What stands behind the list button: the categories, this entry (recusal, note), all entries, and this phone.
import { html, useState, icon } from "/static/ui.js";
import { number, t, say } from "/static/words.js";
import { Dialog } from "/static/judge/dialog.js";
import { photoUrl, photosOf } from "/static/judge/photo.js";
import { keyOf } from "/static/judge/rules.js";
import { throughReloads } from "/static/judge/shell.js";
import * as model from "/static/judge/model.js";
import * as marking from "/static/judge/marking.js";
import * as place from "/static/judge/place.js";

/** A name inside a sentence, which keeps its own direction. */
const isolated = (name) => `\u2068${name}\u2069`;

const MARKS = { judged: "check", chosen: "check", started: "ellipsis", unjudged: "square", unchosen: "square", recused: "user-x", out: "ban" };

const CLEAR = { tokens: "judge.clear-tokens", ranking: "judge.clear-ranking" };

export function Menu({ onClose, onRecuse }) {
  const c = model.category.value, e = model.entry.value;
  const locked = !model.takesMarks(c);
  return html`
    <${Dialog} class="menu" labelledby="menu-title" onClose=${onClose}>
      <header class="menu-head">
        <div><h2 id="menu-title" dir="auto">${c ? c.name : t("judge.title")}</h2>
          <p class="menu-me" data-me>${t("judge.me", { name: isolated(model.contest.value.me.name ?? "") })}</p></div>
        <button type="button" class="menu-close" data-close aria-label=${t("common.close")} onClick=${onClose}>${icon("x")}</button>
      </header>
      <div class="menu-body">
        ${e && html`<${ThisEntry} key=${e.number} entry=${e} locked=${locked} onRecuse=${onRecuse} />`}
        <${Categories} onClose=${onClose} />
        ${c && html`<${List} category=${c} here=${e} onClose=${onClose} />`}
        <${ThisPhone} />
      </div>
    <//>`;
}

function Categories({ onClose }) {
  const all = model.categories.value;
  if (all.length < 2) return null;
  return html`
    <section aria-labelledby="menu-categories">
      <h3 id="menu-categories">${t("judge.categories")}</h3>
      <ul class="menu-categories">
        ${all.map((c) => {
          return html`
            <li key=${c.id}><button type="button" data-category=${c.id} aria-current=${c.id === model.categoryId.value ? "true" : undefined}
              onClick=${() => { place.goToCategory(c.id); onClose(); }}>
              <span dir="auto">${c.name}</span>
              <small>${c.state === "judging" ? model.countOf(c) : t(`judge.state-${c.state}`)}</small>
            </button></li>`;
        })}
      </ul>
    </section>`;
}

function ThisEntry({ entry, locked, onRecuse }) {
  const sheet = model.sheetOf(entry.number);
  const closed = locked || model.isOut(entry);
  const [note, setNote] = useState(sheet.note);
  const marked = Object.keys(sheet.marks).length > 0;
  const category = model.category.value, byHand = model.isByHand(category);
  return html`
    <section aria-labelledby="menu-entry">
      <h3 id="menu-entry">${t("judge.entry", { number: entry.number })}</h3>
      ${!closed && html`
        <div class="menu-actions">
          ${sheet.recused && !model.mayLift(entry.number) ? html`<p>${t("judge.recused-organiser-text", { number: entry.number })}</p>`
            : sheet.recused ? html`<button type="button" class="button" data-unrecuse onClick=${() => marking.recuse(entry, false)}>${t("judge.unrecuse")}</button>`
            : html`<button type="button" class="button" data-recuse onClick=${onRecuse}>${icon("user-x")} ${t("judge.recuse")}</button>`}
          ${byHand && model.handOf(category).length > 0 && html`<button type="button" class="button button-quiet" data-clear onClick=${() => marking.setHand(category, [], t(CLEAR[category.method]))}>${t(CLEAR[category.method])}</button>`}
          ${marked && !byHand && !sheet.recused && html`<button type="button" class="button button-quiet" data-clear onClick=${() => marking.clearMarks(entry)}>${t("judge.clear")}</button>`}
        </div>`}
      ${!sheet.recused && !byHand && html`
        <label class="menu-note"><span>${t("judge.note")}</span>
          <textarea class="input" data-note rows="2" maxlength="1000" dir="auto" readonly=${closed} value=${note} aria-describedby="menu-note-hint"
            onInput=${(e) => { setNote(e.currentTarget.value); marking.setNote(entry, e.currentTarget.value); }}></textarea>
          <small id="menu-note-hint">${t("judge.note-hint")}</small>
        </label>`}
    </section>`;
}

function List({ category, here, onClose }) {
  return html`
    <section aria-labelledby="menu-list">
      <h3 id="menu-list">${t("judge.entries")}</h3>
      <ul class="menu-list">
        ${model.entries.value.map((e) => {
          const judged = model.judgement(e, category);
          const photo = photosOf(e)[0];
          const way = marking.wayOf(e.number);
          return html`
            <li key=${e.number}><button type="button" data-entry=${e.number} data-judgement=${judged} aria-current=${e === here ? "true" : undefined}
              onClick=${() => { place.goTo(e.number); onClose(); }}>
              ${photo ? html`<img src=${photoUrl(photo.thumb)} alt="" loading="lazy" width="44" height="44" />` : html`<span class="menu-blank"></span>`}
              <span class="number">${e.number}</span>
              <span class="menu-state">${icon(MARKS[judged])} ${judged === "out" ? t(`entry-state.${e.state}`) : t(judged === "chosen" ? `judge.is-${category.method}` : judged === "unchosen" ? `judge.is-no-${category.method}` : `judge.is-${judged}`)}
                ${["unkept", "unsent"].includes(way) && html`<small data-unsent>${t(way === "unsent" ? "judge.saved" : "judge.unkept")}</small>`}
                ${way === "refused" && html`<small data-refused>${t("judge.not-taken-short")}</small>`}</span>
            </button></li>`;
        })}
      </ul>
    </section>`;
}

function ThisPhone() {
  const { count, aside } = model.box.value;
  const refusals = model.refusals.value;
  return html`
    <section aria-labelledby="menu-phone">
      <h3 id="menu-phone">${t("judge.phone")}</h3>
      <p data-mode=${throughReloads.value ? "reloads" : "tab"}>${t(throughReloads.value ? "judge.mode-offline-long" : "judge.mode-long")}</p>
      <p>${count ? t("judge.on-phone-long", { n: count }) : !aside && t("judge.all-sent-long")} ${aside > 0 && t("judge.aside", { n: aside })}</p>
      <ul class="menu-refused">${refusals.map((r) => html`<${NotTaken} key=${keyOf(r)} record=${r} />`)}</ul>
      <div class="menu-actions">
        <button type="button" class="button" data-theme-switch aria-pressed=${String(document.documentElement.dataset.theme === "dark")}>${icon("moon")} ${t("nav.dark")}</button>
        <button type="button" class="button" data-rescue onClick=${() => marking.rescue()}>${icon("download")} ${t("judge.rescue")}</button>
      </div>
      <p><small>${t("judge.rescue-hint")}</small></p>
    </section>`;
}

/** A refusal, with its reason, until it is dismissed or tried again. */
export function NotTaken({ record }) {
  const key = keyOf(record), reason = say(record.refused), category = record.kind && isolated(model.categoryOf(record)?.name ?? "");
  const words = record.kind === "vote" ? t("judge.not-taken-vote", { category, reason })
    : record.kind ? t("judge.not-taken-hand", { category, reason }) : t("judge.not-taken", { number: record.entry, reason });
  return html`
    <li class="not-taken" data-not-taken=${key}>
      <p>${words}</p>
      <span><button type="button" class="button button-quiet" data-again onClick=${() => marking.tryAgain(key)}>${t("judge.again")}</button>
      <button type="button" class="button button-quiet" data-dismiss onClick=${() => marking.dismiss(key)}>${t("judge.dismiss")}</button></span>
    </li>`;
}

export function Recusal({ entry, onClose }) {
  return html`
    <${Dialog} class="ask" labelledby="ask-title" onClose=${onClose}>
      <h2 id="ask-title">${t("judge.recuse")}</h2>
      <p>${t("judge.recuse-ask", { number: entry.number })}</p>
      <div class="ask-buttons">
        <button type="button" class="button" onClick=${onClose}>${t("common.cancel")}</button>
        <button type="button" class="button button-primary" data-recuse-confirm onClick=${() => { marking.recuse(entry, true); onClose(); }}>${t("judge.recuse-do")}</button>
      </div>
    <//>`;
}

/** Two sheets for one entry, two hands for one category: the judge chooses; until then nothing is lost and nothing is sent. */
export function Conflict({ record, onClose }) {
  const category = model.categoryOf(record), name = isolated(category?.name ?? "");
  const side = (thing, title, mine) => html`
    <section>
      <h3>${title}</h3>
      ${record.kind ? html`<${HandSide} hand=${thing} ranked=${record.method === "ranking"} />` : html`<${SheetSide} sheet=${thing} category=${category} />`}
      <button type="button" class=${mine ? "button button-primary" : "button"} data-choose=${mine ? "mine" : "theirs"}
        onClick=${() => { marking.choose(keyOf(record), mine); onClose(); }}>${t(mine ? "judge.choose-mine" : "judge.choose-theirs")}</button>
    </section>`;
  return html`
    <${Dialog} class="ask conflict" labelledby="ask-title" onClose=${onClose}>
      <h2 id="ask-title">${record.kind ? t("judge.conflict-hand-title", { category: name }) : t("judge.conflict-title", { number: record.entry })}</h2>
      <p>${t(record.kind ? "judge.conflict-hand-text" : "judge.conflict-text")}</p>
      <div class="conflict-sides">
        ${side(record.waiting ?? record.sent?.wish ?? {}, t("judge.mine"), true)}
        ${side(record.seen ?? {}, t(/^admin\b/.test(record.seen?.by) ? "judge.theirs-typed" : "judge.theirs"), false)}
      </div>
      <button type="button" class="button button-quiet" onClick=${onClose}>${t("judge.later")}</button>
    <//>`;
}

function SheetSide({ sheet, category }) {
  if (sheet.recused) return html`<p>${t("judge.is-recused")}</p>`;
  return html`
    <dl>${(category?.criteria ?? []).map((criterion) => html`
      <div key=${criterion.id}><dt dir="auto">${criterion.name}</dt><dd>${criterion.id in (sheet.marks ?? {}) ? number(sheet.marks[criterion.id]) : "-"}</dd></div>`)}</dl>
    ${sheet.note && html`<p dir="auto">${sheet.note}</p>`}`;
}

/** The entries with a token, or the order with its places. */
function HandSide({ hand, ranked }) {
  const entries = hand.entries ?? [];
  if (!entries.length) return html`<p>${t("judge.nothing-given")}</p>`;
  const items = entries.map((n) => html`<li key=${n}><span class="number">${n}</span></li>`);
  return ranked ? html`<ol class="hand-side">${items}</ol>` : html`<ul class="hand-side">${items}</ul>`;
}
