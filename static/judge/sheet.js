// One entry's marks: a row per criterion, with minus, slider, plus and a value that can be typed.
import { html, useRef, useState, icon } from "/static/ui.js";
import { t, number as inWords } from "/static/words.js";
import { mark, recuse } from "/static/judge/marking.js";
import { mayLift, sheetOf } from "/static/judge/model.js";

const DRAG_PX = 6;      // less is a tap
const TYPING_MS = 1200; // "1" and "0" within this are a 10

const scaleOf = ({ lowest, highest, step }) => {
  const digits = (String(step).split(".")[1] ?? "").length;
  const snap = (x) => Number((lowest + Math.round((Math.min(highest, Math.max(lowest, x)) - lowest) / step) * step).toFixed(6));
  return {
    lowest, highest, step, snap,
    middle: snap((lowest + highest) / 2),
    say: (x) => inWords(x, digits),
    /** What was typed as a mark, or NaN where it is none. */
    read: (text) => {
      const x = Number(text.trim().replace(",", "."));
      return text.trim() && x >= lowest && x <= highest && Math.abs(snap(x) - x) < 1e-6 ? snap(x) : NaN;
    },
  };
};

export function Sheet({ entry, category, locked }) {
  const sheet = sheetOf(entry.number);
  if (sheet.recused) return html`<${Recused} entry=${entry} locked=${locked} />`;
  const scale = scaleOf(category);
  return html`
    <div class="rows" data-rows role="group" aria-label=${t("judge.marks-of", { number: entry.number })}>
      ${category.criteria.map((criterion) => html`
        <${Row} key=${`${entry.number} ${criterion.id}`} criterion=${criterion} scale=${scale} locked=${locked}
          value=${sheet.marks[criterion.id] ?? null} onMark=${(value) => mark(entry, criterion.id, value)} />`)}
    </div>`;
}

function Recused({ entry, locked }) {
  const own = mayLift(entry.number);
  return html`
    <div class="recused" data-recused=${own ? "own" : "organiser"}>
      <h3>${t(own ? "judge.recused" : "judge.recused-organiser")}</h3>
      <p>${t(own ? "judge.recused-text" : "judge.recused-organiser-text", { number: entry.number })}</p>
      ${!locked && own && html`<button type="button" class="button" data-unrecuse onClick=${() => recuse(entry, false)}>${t("judge.unrecuse")}</button>`}
    </div>`;
}

function Row({ criterion, scale, value, locked, onMark }) {
  const unmarked = value === null;
  const slider = useRef(null);
  const typed = useRef({ text: "", at: 0 });
  const at = value ?? scale.middle;
  const part = (at - scale.lowest) / (scale.highest - scale.lowest || 1);

  const set = (x) => { if (!locked && x !== value) onMark(x); };
  const drag = useDrag(slider, scale, { onMove: set, onBeside: () => { if (unmarked) set(scale.middle); } });
  const nudge = (by) => set(unmarked ? scale.middle : scale.snap(value + by * scale.step));

  // The first tap anywhere on the row sets it; the controls answer for themselves.
  const onRow = (e) => { if (unmarked && !drag.took() && !e.target.closest("button, [data-value]")) set(scale.middle); };

  const onKey = (e) => {
    if (locked) return;
    if (/^[0-9.,]$/.test(e.key)) {
      const now = Date.now();
      const text = now - typed.current.at < TYPING_MS ? typed.current.text + e.key : e.key;
      typed.current = { text, at: now };
      const x = scale.read(text);
      if (!Number.isNaN(x)) set(x);
      e.preventDefault();
    } else if (e.key === "Backspace" || e.key === "Delete") {
      typed.current = { text: "", at: 0 };
      set(null);
      e.preventDefault();
    } else if (unmarked && (e.key === "Enter" || e.key === " ")) {
      set(scale.middle);
      e.preventDefault();
    }
  };

  const button = (by, name, edge) => html`
    <button type="button" class="row-step" data-step=${by} aria-label=${t(name, { criterion: criterion.name })}
      aria-disabled=${locked || (!unmarked && value === edge)} onClick=${() => nudge(by)}>${icon(by < 0 ? "minus" : "plus")}</button>`;

  return html`
    <div class="row" data-row=${criterion.id} data-unmarked=${unmarked || undefined} data-locked=${locked || undefined}
      role="group" aria-label=${criterion.name} onClick=${onRow} onPointerDownCapture=${drag.begin}>
      <span class="row-label" dir="auto">${criterion.name}</span>
      <${Value} criterion=${criterion} scale=${scale} value=${value} locked=${locked} onMark=${set} />
      ${button(-1, "judge.less", scale.lowest)}
      <span class="row-track" data-track ...${locked ? {} : drag.on} style=${{ "--part": part }}>
        <input type="range" ref=${slider} min=${scale.lowest} max=${scale.highest} step=${scale.step} value=${at}
          disabled=${locked} aria-label=${criterion.name} onKeyDown=${onKey}
          aria-valuetext=${unmarked ? t("judge.unmarked") : t("judge.value-of", { value: scale.say(value), highest: inWords(scale.highest) })}
          onInput=${(e) => { if (drag.held()) e.currentTarget.value = at; else set(Number(e.currentTarget.value)); }} />
      </span>
      ${button(1, "judge.more", scale.highest)}
    </div>`;
}

/** The mark in figures, which can be typed. Nothing is cut to fit: what is no mark says so and stays to be mended. */
function Value({ criterion, scale, value, locked, onMark }) {
  const [draft, setDraft] = useState(null);
  const [wrong, setWrong] = useState(false);
  const commit = () => {
    if (draft === null) return;
    const x = draft.trim() === "" ? null : scale.read(draft);
    if (Number.isNaN(x)) { setWrong(true); return; }
    setDraft(null);
    setWrong(false);
    if (x !== value) onMark(x);
  };
  const onKey = (e) => {
    const input = e.currentTarget;
    if (e.key === "Enter") { commit(); requestAnimationFrame(() => { if (document.activeElement === input) input.select(); }); }
    if (e.key === "Escape") { setDraft(null); setWrong(false); }
  };
  const hint = t("judge.bounds", { lowest: inWords(scale.lowest), highest: inWords(scale.highest), step: inWords(scale.step) });
  return html`
    <span class="row-value">
      ${wrong && html`<span class="row-wrong" role="alert">${hint}</span>`}
      <input type="text" inputmode="decimal" autocomplete="off" enterkeyhint="done" data-value size="4" placeholder="-"
        aria-label=${t("judge.type", { criterion: criterion.name })} aria-invalid=${wrong || undefined} readonly=${locked}
        value=${draft ?? (value === null ? "" : scale.say(value))}
        onFocus=${(e) => e.currentTarget.select()} onInput=${(e) => setDraft(e.currentTarget.value)} onBlur=${commit} onKeyDown=${onKey} />
    </span>`;
}

// A finger that scrolls must not mark, and an iPhone's own slider ignores a tap on its track: so the track is followed by
// hand, and what the browser's slider makes of the same press is put back. A mouse marks where it presses, a finger where
// it is lifted or once it moves sideways. Browsers give the slider presses beside it too: those are the row's.
function useDrag(slider, { snap, lowest, highest }, { onMove, onBeside }) {
  const hold = useRef(null);
  const taken = useRef(false);
  const move = (track, x) => {
    const box = track.getBoundingClientRect(), thumb = 28;
    const left = (x - box.left - thumb / 2) / Math.max(1, box.width - thumb);
    const part = getComputedStyle(track).direction === "rtl" ? 1 - left : left;
    onMove(snap(lowest + part * (highest - lowest)));
  };
  return {
    held: () => hold.current !== null,
    /** Whether the track has answered the press that began last. */
    took: () => taken.current,
    begin: () => { taken.current = false; },
    on: {
      onPointerDown(e) {
        if (e.button) return;
        const track = e.currentTarget, box = track.getBoundingClientRect();
        const inside = e.clientY >= box.top && e.clientY <= box.bottom;
        taken.current = true;
        hold.current = { x: e.clientX, inside, dragging: inside && e.pointerType === "mouse" };
        if (!hold.current.dragging) return;
        track.setPointerCapture(e.pointerId);
        move(track, e.clientX);
      },
      onPointerMove(e) {
        const held = hold.current;
        if (!held) return;
        if (!held.dragging && Math.abs(e.clientX - held.x) > DRAG_PX) {
          held.dragging = true;
          e.currentTarget.setPointerCapture(e.pointerId);
        }
        if (held.dragging) move(e.currentTarget, e.clientX);
      },
      onPointerUp(e) {
        const held = hold.current;
        hold.current = null;
        if (!held || held.dragging) return;
        if (held.inside) move(e.currentTarget, e.clientX); else onBeside();
      },
      onPointerCancel() { hold.current = null; },
      onMouseDown(e) { e.preventDefault(); slider.current.focus({ preventScroll: true }); },
    },
  };
}
