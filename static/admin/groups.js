// /admin: groups of entries in order, best first, to be moved, joined and parted: the winners, and the head judge's order of a tie.
import { html, icon } from "/static/ui.js";
import { t } from "/static/words.js";
import { store } from "/static/admin/contest.js";
import { EntryHead, names, place } from "/static/admin/parts.js";
import { joined, parted, placeOf, swapped, without } from "/static/admin/model.js";

/**
 *   groups   [[118], [121, 130]]
 *   set      (groups, what to say of it): takes the new ones
 *   from     the place of the first group
 *   over     the first group behind the last award, or -1
 *   scores   {entry: what stands beside it}; absent: nothing does
 *   takeOut  whether an entry can be taken out
 */
export const Groups = ({ groups, set, from = 1, over = -1, scores, takeOut = false }) => html`<ol class="places" data-places tabindex="-1">${groups.map((group, at) => html`
  <${Group} key=${group.join()} groups=${groups} at=${at} set=${set} from=${from} over=${over >= 0 && at >= over} scores=${scores} takeOut=${takeOut} />`)}</ol>`;

function Group({ groups, at, set, from, over, scores, takeOut }) {
  const now = store();
  const group = groups[at], named = (list, i) => place(from - 1 + placeOf(list, i)), label = named(groups, at);
  const say = (list, i) => t("admin.said-place", { entries: list[i].join(", "), place: named(list, i) });
  /** After what a tap moved is drawn anew, the focus belongs on it, wherever it then is. */
  const focus = (e, entries, ...wanted) => {
    const list = e.currentTarget.closest("[data-places]");
    requestAnimationFrame(() => {
      const row = list.querySelector(`[data-group="${entries.join()}"]`);
      (wanted.map((one) => row?.querySelector(one)).find(Boolean) ?? list).focus();
    });
  };
  const move = (e, to) => {
    const next = swapped(groups, at, to);
    set(next, say(next, to));
    focus(e, group, `[data-${to < at ? "up" : "down"}]:not(:disabled)`, `[data-${to < at ? "down" : "up"}]`);
  };
  const share = (e) => {
    const next = joined(groups, at);
    set(next, say(next, at - 1));
    focus(e, next[at - 1], "[data-do=part]");
  };
  const part = (e) => {
    const next = parted(groups, at);
    set(next, group.map((_, i) => say(next, at + i)).join(". "));
    focus(e, next[at], "[data-down]:not(:disabled)", "[data-up]");
  };
  const drop = (e, n) => {
    focus(e, []);
    set(without(groups, n), t("admin.said-taken-out", { number: n }));
  };
  return html`<li class="place ${over ? "place-over" : ""}" data-group=${group.join()}>
    <p class="place-name">${label}${group.length > 1 && html` <span class="muted">${t("place.shared")}</span>`}</p>
    <ul class="place-entries">${group.map((n) => html`<li key=${n}><${EntryHead} entry=${now.entry(n)} n=${n} /><span>${now.entry(n) && names(now.entry(n))}</span>
      <span class="place-score">${scores?.get(n) && html`<span class="visually-hidden">${t("common.score")} </span>${scores.get(n)}`}</span>
      ${takeOut && html`<button type="button" class="button button-quiet" data-do="take-out" aria-label=${t("admin.take-out", { number: n })} onClick=${(e) => drop(e, n)}>${icon("x")}</button>`}</li>`)}</ul>
    <div class="buttons moves">
      <button type="button" class="button button-quiet" data-up disabled=${at === 0} aria-label=${t("admin.up", { name: label })} onClick=${(e) => move(e, at - 1)}>${icon("arrow-up")}</button>
      <button type="button" class="button button-quiet" data-down disabled=${at === groups.length - 1} aria-label=${t("admin.down", { name: label })} onClick=${(e) => move(e, at + 1)}>${icon("arrow-down")}</button>
      ${group.length > 1 ? html`<button type="button" class="button button-quiet" data-do="part" onClick=${part}>${t("admin.part")}</button>`
        : at > 0 && html`<button type="button" class="button button-quiet" data-do="join" onClick=${share}>${t("admin.join", { place: named(groups, at - 1) })}</button>`}</div></li>`;
}
