// What stands under the sheet: how far it is sent, what can be taken back, and the way on.
import { html, icon, useEffect } from "/static/ui.js";
import { t } from "/static/words.js";
import { photoUrl, photosOf } from "/static/judge/photo.js";
import { throughReloads } from "/static/judge/shell.js";
import * as model from "/static/judge/model.js";
import * as marking from "/static/judge/marking.js";
import * as place from "/static/judge/place.js";

const WANTED_MS = 6000;             // how long a row with a missing mark stands out

export function Slot() {
  const key = model.keyHere.value;
  const way = marking.wayOf(key);
  const change = marking.undo.value, isHere = typeof change?.key === typeof key && (typeof key === "number" || change.key === key);
  const last = isHere && model.takesMarks(model.category.value) ? change : null;
  const mode = t(throughReloads.value ? "judge.mode-offline" : "judge.mode");
  const seen = model.records.value.get(key)?.seen;
  const words = { unkept: "judge.unkept", draft: "judge.draft", unsent: "judge.saved", refused: "judge.not-taken-short",
    sent: !seen?.late ? "judge.sent" : seen.counted ? "judge.sent-late" : "judge.sent-uncounted" }[way];
  return html`
    <div class="judge-slot">
      <p class="judge-way" data-way=${way || "none"}>${words ? t(words) : mode}</p>
      ${last ? html`
        <button type="button" class="judge-undo" data-undo onClick=${() => marking.takeBack()}>${icon("undo-2")}
          <span>${t("judge.undo")}</span> ${last.label && html`<small dir="auto">${last.label}</small>`}</button>`
      : words && html`<p class="judge-mode">${mode}</p>`}
    </div>`;
}

export function Foot({ open }) {
  const next = model.nextUnfinished.value, lacks = model.missing.value, other = model.nextCategory.value, c = model.category.value;
  const { judged, all } = c ? model.tally(c) : {};
  const byHand = model.isByHand(c), left = all - judged;
  const toOther = other && [t("judge.next-category", { category: other.name }), () => step(() => place.goToCategory(other.id))];
  const done = !byHand ? "judge.all-judged" : c.method === "tokens" ? "judge.all-tokens" : "judge.all-placed";
  const [words, act] = !c || !model.takesMarks(c) ? toOther ?? [null]
    : byHand && left > 0 ? [t(c.method === "tokens" ? "judge.tokens-left" : "judge.to-place", { n: left }), null]
    : next ? [t("judge.next", { number: next.number }), () => step(() => place.goTo(next.number))]
    : lacks ? [t("judge.missing", { n: lacks }), toMissing]
    : toOther ? toOther
    : [t(done, { n: judged }), null];
  const finished = Boolean(c) && left <= 0;
  return html`
    <div class="judge-foot">
      <button type="button" class="judge-back" data-back aria-label=${t("judge.back")} disabled=${!place.canGoBack.value}
        onClick=${() => step(() => place.goBack())}>${icon("arrow-left")}</button>
      ${act ? html`<button type="button" class="judge-next button button-primary" data-next=${next?.number ?? ""} onClick=${act}>${words}</button>`
      : html`<p class="judge-next judge-done" data-done=${finished ? "" : undefined} data-left=${finished ? undefined : left}>${words}</p>`}
      <button type="button" class="judge-list" data-list aria-label=${t("judge.list")} aria-haspopup="dialog" onClick=${() => { open.value = "menu"; }}>${icon("list")}</button>
    </div>`;
}

/** Go elsewhere: the page begins at its top, and whoever cannot see it is told the entry's number. */
export function step(go) {
  go();
  requestAnimationFrame(() => {
    document.querySelector("[data-scroller]")?.scrollTo({ top: 0, behavior: "instant" });
    document.querySelector("[data-number]")?.focus({ preventScroll: true });
  });
}

function toMissing() {
  const row = document.querySelector("[data-row][data-unmarked]");
  if (!row) return;
  row.scrollIntoView({ block: "center" });
  // After a tap no browser draws a focus ring, and where all rows stand in sight nothing scrolls: so the row itself says "here".
  for (const other of document.querySelectorAll("[data-wanted]")) delete other.dataset.wanted;
  row.dataset.wanted = "";
  setTimeout(() => { delete row.dataset.wanted; }, WANTED_MS);
  row.querySelector("[data-track] input").focus({ preventScroll: true });
}

/** The thumbnails beside the criteria, on a tablet held across. */
export function Rail() {
  const c = model.category.value, here = model.number.value;
  useEffect(() => {
    document.querySelector(".rail [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [here]);
  return html`
    <nav class="rail" aria-label=${t("judge.entries")}>
      <ul>${model.entries.value.map((e) => {
        const judged = model.judgement(e, c), photo = photosOf(e)[0];
        return html`
          <li key=${e.number}><button type="button" data-entry=${e.number} data-judgement=${judged} aria-current=${e.number === here ? "true" : undefined}
            aria-label=${t("judge.rail", { number: e.number, state: judged === "out" ? t(`entry-state.${e.state}`) : t(`judge.is-${judged}`) })}
            onClick=${() => step(() => place.goTo(e.number))}>
            ${photo ? html`<img src=${photoUrl(photo.thumb)} alt="" loading="lazy" />` : html`<span></span>`}
            <span class="rail-number">${e.number}</span></button></li>`;
      })}</ul>
    </nav>`;
}
