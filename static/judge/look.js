// One entry of a category that is judged by hand: its tile, and its photo as large as the screen with what can be done to it.
import { html, icon } from "/static/ui.js";
import { t } from "/static/words.js";
import { Dialog } from "/static/judge/dialog.js";
import { photoUrl, photosOf } from "/static/judge/photo.js";
import * as model from "/static/judge/model.js";

/** The thumb with the number on yellow; a tap shows it large. */
export function Thumb({ entry, onLook, children }) {
  const photo = photosOf(entry)[0];
  return html`
    <button type="button" class="thumb" data-look=${entry.number} onClick=${() => onLook(entry)}>
      ${photo ? html`<img src=${photoUrl(photo.thumb)} alt="" draggable=${false} />` : html`<span class="thumb-none">${t(model.isOut(entry) ? "common.no-photo" : "judge.no-photo-short")}</span>`}
      <span class="visually-hidden">${t("judge.look", { number: entry.number })}</span>
      <span class="number thumb-number" aria-hidden="true">${entry.number}</span>${children}
    </button>`;
}

/** Whether an entry is pointed out: it is shown large beside the others, or stands on stage. */
export const isHere = (entry, wide) => entry.number === (wide ? model.number.value : model.contest.value.stage?.entry);

/** Why an entry takes part no more for this judge, in words; "" where it does. */
export const whyNot = (entry, category) => {
  const state = model.judgement(entry, category);
  return state === "out" ? t(`entry-state.${entry.state}`) : state === "recused" ? t("judge.is-recused") : "";
};

/** The photo on the whole screen; `children`: what can be done to the entry there. */
export function Look({ entry, category, onRecuse, onClose, children }) {
  const photos = photosOf(entry);
  const alt = (i) => (photos.length > 1 ? t("judge.photo-of", { number: entry.number, i: i + 1, n: photos.length }) : t("judge.photo", { number: entry.number }));
  const locked = !model.takesMarks(category) || model.isOut(entry);
  const recused = model.sheetOf(entry.number).recused;
  return html`
    <${Dialog} class="look" labelledby="look-title" onClose=${onClose}>
      <div class="look-photos" tabindex="0" role="group" aria-label=${t("judge.photos", { n: photos.length })}>
        ${photos.length === 0 && html`<p class="photo-none">${t(model.isOut(entry) ? "common.no-photo" : "judge.no-photo")}</p>`}
        ${photos.map((photo, i) => html`<img key=${photo.large} src=${photoUrl(photo.large)} alt=${alt(i)} onError=${(e) => {
          if (!e.currentTarget.src.endsWith(photo.thumb)) e.currentTarget.src = photoUrl(photo.thumb); }} />`)}
      </div>
      <h2 class="number photo-number" id="look-title"><span class="visually-hidden">${t("judge.entry-word")} </span>${entry.number}</h2>
      <div class="look-buttons">
        ${!locked && !recused && children}
        ${!locked && !recused && html`<button type="button" class="button" data-recuse onClick=${onRecuse}>${icon("user-x")} ${t("judge.recuse")}</button>`}
        ${recused && html`<p>${t("judge.is-recused")}</p>`}
        <button type="button" class="photo-zoom" data-close aria-label=${t("common.close")} onClick=${onClose}>${icon("x")}</button>
      </div>
    <//>`;
}
