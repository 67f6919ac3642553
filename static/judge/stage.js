// Following the stage: while the organiser wants it and the judge has not moved away by hand, this phone goes to the entry that
// stands there. Never under a finger, over a dialog, or away from an entry that is half marked.
import { computed, effect, html } from "/static/ui.js";
import { t } from "/static/words.js";
import * as model from "/static/judge/model.js";
import * as place from "/static/judge/place.js";

const CALM_MS = 2500;       // after the last tap: the next one must not land on another entry
const AGAIN_MS = 300;
const AWAY = "contest-judge-away";

let touched = 0, touching = false;

/** The entry on stage, where it is the judge's to judge now; null else. */
const staged = computed(() => {
  const n = model.contest.value?.stage?.entry;
  const e = n && model.contest.value.entries.find((one) => one.number === n);
  return e && model.takesMarks(model.categories.value.find((c) => c.id === e.category)) ? e : null;
});

/** Whether a finger is on the page. */
export const isTouched = () => touching;

/** Whether the judge is in the middle of something. */
function isBusy() {
  const c = model.category.value, e = model.entry.value, focus = document.activeElement;
  return touching || Date.now() - touched < CALM_MS || Boolean(document.querySelector("dialog[open]")) || focus?.matches("textarea, input[type=text]")
    || Boolean(c && e && !model.isByHand(c) && model.judgement(e, c) === "started");
}

/** Follow from now on. `arrived` is called after each step that the stage made, with the entry's number. */
export function followStage(arrived) {
  const watch = (down) => () => { touching = down; touched = Date.now(); };
  for (const [name, down] of [["pointerdown", true], ["pointerup", false], ["pointercancel", false]]) addEventListener(name, watch(down), true);
  addEventListener("keydown", () => { touched = Date.now(); }, true);
  keepAway();
  let timer = 0;
  const follow = () => {
    clearTimeout(timer);
    const e = staged.peek(), here = model.number.peek();
    if (!e || !model.contest.peek().stage.follow || place.away.peek() || e.number === here) return;
    if (isBusy()) { timer = setTimeout(follow, AGAIN_MS); return; }
    place.goToStage(e);
    arrived(e.number);
  };
  effect(() => {
    void [staged.value, place.away.value, model.number.value, model.contest.value];
    queueMicrotask(follow);
  });
}

/** A judge who had moved away is still away after a reload. */
function keepAway() {
  try {
    place.away.value = sessionStorage.getItem(AWAY) === "yes";
    effect(() => { sessionStorage.setItem(AWAY, place.away.value ? "yes" : "no"); });
  } catch { /* a private window: the phone follows again */ }
}

/** Says who is on stage, and leads there and back to following. */
export function StageChip() {
  const e = staged.value;
  if (!e) return null;
  if (e.number === model.number.value) return html`<p class="on-stage" data-on-stage=${e.number}>${t("judge.on-stage", { number: e.number })}</p>`;
  return html`
    <button type="button" class="on-stage" data-stage=${e.number} onClick=${() => place.goToStage(e)}>
      ${t("judge.on-stage", { number: e.number })} ${model.contest.value.stage.follow && html`<small>${t("judge.follow")}</small>`}</button>`;
}
