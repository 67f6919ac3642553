// A category judged by a ranking: what is not placed yet, and under it the judge's order, best first. An order is moved by
// buttons, by typing a place, or by dragging a photo. It is a draft on this phone until every entry has its place.
import { html, icon, useEffect, useRef, useState } from "/static/ui.js";
import { t } from "/static/words.js";
import { Look, Thumb, isHere, whyNot } from "/static/judge/look.js";
import { StageChip } from "/static/judge/stage.js";
import * as model from "/static/judge/model.js";
import * as marking from "/static/judge/marking.js";
import * as place from "/static/judge/place.js";

const DRAG_PX = 8;      // less is a tap on the photo

/** A list with the one at `from` put to `to`. */
const moved = (list, from, to) => {
  const rest = list.filter((_, i) => i !== from);
  return [...rest.slice(0, to), list[from], ...rest.slice(to)];
};

export function Ranking({ category, wide, locked, onRecuse }) {
  const [looked, setLooked] = useState(null);
  const order = model.handOf(category);
  const pile = model.eligible(category).filter((e) => !order.includes(e.number));
  const apart = model.entries.value.filter((e) => whyNot(e, category));
  const put = (entries, number) => { if (!locked) marking.setHand(category, entries, t("judge.entry", { number })); };
  const onLook = (entry) => { if (wide) place.goTo(entry.number); else setLooked(entry.number); };
  const entry = model.entries.value.find((e) => e.number === looked);
  const before = model.handSent(category).length > 0;
  return html`
    <section class="hand-body" data-ranking aria-label=${t("judge.entries")}>
      <div class="hand-head">
        <${StageChip} />
        ${order.length === 0 && pile.length > 0 && html`<p class="hand-say">${t("judge.ranking-empty")}</p>`}
        ${order.length > 0 && pile.length > 0 && html`<p class="hand-say" data-draft>${t("judge.ranking-draft", { n: pile.length })} ${before && t("judge.ranking-old")}</p>`}
      </div>
      ${pile.length > 0 && html`
        <h2>${t("judge.pile")}</h2>
        <ul class="tiles pile">${pile.map((e) => html`
          <li key=${e.number} data-tile=${e.number} data-current=${isHere(e, wide) || undefined}>
            <${Thumb} entry=${e} onLook=${onLook} />
            <button type="button" class="token" data-place=${e.number} disabled=${locked} onClick=${() => put([...order, e.number], e.number)}>
              ${t("judge.place-next", { place: order.length + 1 })} <span class="visually-hidden">${t("judge.token-to", { number: e.number })}</span></button>
          </li>`)}</ul>`}
      ${order.length > 0 && html`<h2>${t("judge.order")}</h2>
        <${Order} order=${order} wide=${wide} locked=${locked} onLook=${onLook} onMove=${(from, to) => put(moved(order, from, to), order[from])} />`}
      ${apart.length > 0 && html`<ul class="tiles pile">${apart.map((e) => html`
        <li key=${e.number} data-tile=${e.number} data-away><${Thumb} entry=${e} onLook=${onLook} /><p class="tile-why">${whyNot(e, category)}</p></li>`)}</ul>`}
      ${entry && html`<${Look} entry=${entry} category=${category} onClose=${() => setLooked(null)} onRecuse=${() => { setLooked(null); onRecuse(entry); }} />`}
    </section>`;
}

function Order({ order, wide, locked, onLook, onMove }) {
  const list = useRef(null), focus = useRef(null);
  const drag = useDrag(list, locked, onMove);
  const shown = drag.held ? moved(order, drag.held.from, drag.held.to) : order;
  // A row that moves is taken out and put in again, which loses the focus that stood in it.
  useEffect(() => {
    const { number, what } = focus.current ?? {};
    focus.current = null;
    if (!number) return;
    const row = list.current?.querySelector(`[data-rank="${number}"]`);
    (row?.querySelector(`[data-move="${what}"]:not(:disabled)`) ?? row?.querySelector("[data-place-of]"))?.focus();
  });
  const move = (number, to, what) => {
    const from = order.indexOf(number), place = Math.min(order.length - 1, Math.max(0, to));
    focus.current = { number, what };
    if (from !== place) onMove(from, place);
  };
  const type = (number) => (e) => {
    const place = Number(e.currentTarget.value);
    if (Number.isInteger(place) && place > 0) move(number, place - 1, "place");
    e.currentTarget.value = order.indexOf(number) + 1;
  };
  const button = (e, i, by) => html`
    <button type="button" class="row-step" data-move=${by} disabled=${locked || (by < 0 ? i === 0 : i === order.length - 1)}
      aria-label=${t(by < 0 ? "judge.up" : "judge.down", { number: e.number, place: i + 1, all: order.length })}
      onClick=${() => move(e.number, i + by, by)}>${icon(by < 0 ? "arrow-up" : "arrow-down")}</button>`;
  return html`
    <ol class="order" ref=${list} ...${drag.on}>${shown.map((number, i) => {
      const e = model.entries.value.find((one) => one.number === number);
      return html`
        <li key=${number} data-rank=${number} data-current=${isHere(e, wide) || undefined} data-held=${drag.held?.number === number || undefined}>
          <input type="text" inputmode="numeric" class="order-place" data-place-of=${number} size="2" autocomplete="off" enterkeyhint="done" readonly=${locked}
            aria-label=${t("judge.place-of", { number })} value=${i + 1} onFocus=${(ev) => ev.currentTarget.select()}
            onKeyDown=${(ev) => { if (ev.key === "Enter") type(number)(ev); }} onBlur=${type(number)} />
          <${Thumb} entry=${e} onLook=${drag.tapped(onLook)} />
          ${button(e, i, -1)} ${button(e, i, 1)}
        </li>`;
    })}</ol>`;
}

/** Dragging a row by its photo: {held: {number, from, to}|null, on, tapped}. The list scrolls everywhere else. */
function useDrag(list, locked, onMove) {
  const [held, setHeld] = useState(null);
  const press = useRef(null), dragged = useRef(false);
  const at = (y) => {
    const rows = [...list.current.children].map((row) => row.getBoundingClientRect());
    const over = rows.findIndex((box) => y < box.bottom);
    return over < 0 ? rows.length - 1 : over;
  };
  const end = (commit) => () => {
    const from = press.current;
    press.current = null;
    if (held && from && commit && held.to !== held.from) onMove(held.from, held.to);
    setHeld(null);
  };
  return {
    held,
    tapped: (look) => (entry) => { if (!dragged.current) look(entry); },
    on: {
      onPointerDown(e) {
        dragged.current = false;
        if (locked || e.button || !e.target.closest(".thumb")) return;
        const row = e.target.closest("[data-rank]");
        press.current = { y: e.clientY, from: [...list.current.children].indexOf(row), number: Number(row.dataset.rank) };
      },
      onPointerMove(e) {
        const from = press.current;
        if (!from || (!held && Math.abs(e.clientY - from.y) < DRAG_PX)) return;
        if (!held) list.current.setPointerCapture(e.pointerId);
        dragged.current = true;
        const to = at(e.clientY);
        if (held?.to !== to) setHeld({ number: from.number, from: from.from, to });
      },
      onPointerUp: end(true),
      onPointerCancel: end(false),
    },
  };
}
