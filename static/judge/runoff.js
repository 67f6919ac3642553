// A run-off on this phone: it opens over whatever is shown, takes one vote, and goes when the run-off is closed.
import { effect, html, signal, useState } from "/static/ui.js";
import { t } from "/static/words.js";
import { Dialog } from "/static/judge/dialog.js";
import { photoUrl, photosOf } from "/static/judge/photo.js";
import { isTouched } from "/static/judge/stage.js";
import * as model from "/static/judge/model.js";
import * as marking from "/static/judge/marking.js";

const AGAIN_MS = 200;

/** The id of the run-off whose card is open; null. */
export const card = signal(null);
const offered = new Set();      // each opens by itself once

/** Open each run-off by itself when it is called; tell by `closed` when one is over that was on show here. */
export function openRunOffs(closed) {
  let timer = 0, known = new Map();
  const look = () => {
    clearTimeout(timer);
    const next = marking.runOffs.peek().find((r) => r.may_vote && r.mine === null && !offered.has(r.id));
    if (!next || card.peek()) return;
    if (isTouched()) { timer = setTimeout(look, AGAIN_MS); return; }      // a slider is being dragged
    offered.add(next.id);
    card.value = next.id;
  };
  effect(() => {
    const now = new Map(marking.runOffs.value.map((r) => [r.id, r]));
    for (const [id, gone] of known) if (!now.has(id) && gone.may_vote) closed(nameOf(gone));
    known = now;
    if (card.value && !now.has(card.value)) card.value = null;
    queueMicrotask(look);
  });
}

const nameOf = (runOff) => model.categories.value.find((c) => c.id === runOff.category)?.name ?? "";

/** What a run-off is waiting for, as notices: the judge's vote, the others', or nothing of this judge. */
export function RunOffNotices() {
  return marking.runOffs.value.filter((r) => r.id !== card.value).map((r) => html`
    <div key=${r.id} class=${r.may_vote && r.mine === null ? "notice" : "notice notice-plain"} data-run-off-notice=${r.id}>
      <p dir="auto">${!r.may_vote ? t("judge.run-off-recused", { category: nameOf(r), numbers: r.entries.join(", ") })
        : r.mine === null ? t("judge.run-off-notice", { category: nameOf(r) })
        : `${t("judge.run-off-title", { category: nameOf(r) })}. ${stateOf(r)}`}</p>
      ${r.may_vote && html`<button type="button" class="button button-quiet" data-run-off-open onClick=${() => { card.value = r.id; }}>
        ${t(r.mine === null ? "judge.run-off-open" : "judge.run-off-change")}</button>`}
    </div>`);
}

/** What has become of the own vote, and for how many others it waits: never who, never for whom. */
function stateOf(r) {
  if (r.mine === null) return "";
  if (r.way !== "sent" && r.choice !== r.mine) return t("judge.run-off-unsent", { number: r.mine });
  return `${t("judge.run-off-mine", { number: r.mine })} ${r.waiting > 0 ? t("judge.run-off-waiting", { n: r.waiting }) : ""}`;
}

export function RunOffCard() {
  const runOff = marking.runOffs.value.find((r) => r.id === card.value);
  return runOff?.may_vote ? html`<${Ballot} key=${runOff.id} runOff=${runOff} />` : null;
}

function Ballot({ runOff }) {
  const [choice, setChoice] = useState(runOff.mine);
  const close = () => { card.value = null; };
  const pick = (number) => {
    const photo = photosOf(model.contest.value.entries.find((e) => e.number === number) ?? {})[0];
    return html`
      <label key=${number} class="pick" data-pick=${number} data-mine=${runOff.mine === number ? (runOff.choice === number ? "sent" : "here") : undefined}>
        <input type="radio" name="choice" value=${number} checked=${choice === number} onChange=${() => setChoice(number)} />
        ${photo && html`<img src=${photoUrl(photo.large)} alt=${t("judge.photo", { number })} onError=${(e) => {
          if (!e.currentTarget.src.endsWith(photo.thumb)) e.currentTarget.src = photoUrl(photo.thumb); }} />`}
        <span class="number">${number}</span>
      </label>`;
  };
  const state = stateOf(runOff), voted = choice !== null && choice === runOff.mine;
  return html`
    <${Dialog} class="ask run-off" labelledby="run-off-title" onClose=${close}>
      <h2 id="run-off-title" dir="auto">${t("judge.run-off-title", { category: nameOf(runOff) })}</h2>
      <p>${t("judge.run-off-text")}</p>
      <fieldset class="picks"><legend class="visually-hidden">${t("judge.run-off-text")}</legend>${runOff.entries.map(pick)}</fieldset>
      <p class="run-off-state" role="status" data-run-off-state=${runOff.mine === null ? "none" : runOff.choice === runOff.mine ? "sent" : "here"}>${state}</p>
      <div class="ask-buttons">
        <button type="button" class=${voted ? "button button-primary" : "button button-quiet"} data-close onClick=${close}>${t(runOff.mine === null ? "judge.later" : "judge.run-off-back")}</button>
        ${!voted && html`<button type="button" class="button button-primary" data-vote disabled=${choice === null}
          onClick=${() => marking.vote(runOff, choice)}>${choice === null ? t("judge.run-off-none") : t("judge.run-off-vote", { number: choice })}</button>`}
      </div>
    <//>`;
}
