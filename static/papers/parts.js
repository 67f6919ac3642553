// /papers: what several papers share: the choice of a category, an entry's number and thumb.
import { html } from "/static/ui.js";
import { t } from "/static/words.js";

/** A list of categories to choose from, as links are shared: the address says what is chosen. `all` adds "All". */
export function Choice({ paper, categories, category, all }) {
  if (categories.length < 2) return null;
  const choose = (e) => { location.hash = `#${paper}/${encodeURIComponent(e.target.value)}`; };
  return html`<label class="papers-choice" data-no-print><span>${t("papers.category")}</span><select class="input" data-choose="category" value=${category} onChange=${choose}>
    ${all && html`<option value="">${t("common.all")}</option>`}${categories.map((one) => html`<option key=${one.id} value=${one.id}>${one.name}</option>`)}</select></label>`;
}

export const Empty = ({ children }) => html`<p class="papers-empty">${children}</p>`;

/** What may be wider than a phone: it scrolls in its own frame, by keyboard too. */
export const Wide = ({ label, children }) => html`<div class="scroll" tabindex="0" role="group" aria-label=${label}>${children}</div>`;

export const EntryNumber = ({ n }) => html`<span class="number number-small">${n}</span>`;

export function Thumb({ entry, size = "thumb" }) {
  return html`<span class="paper-thumb">${entry?.photo ? html`<img src="/photos/${entry.photo[size] ?? entry.photo}" alt=${t("common.photo-of", { number: entry.number })} />` : html`<span class="muted">${t("common.no-photo")}</span>`}</span>`;
}
