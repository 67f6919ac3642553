// Where the judge stands: in which category, at which entry, with the stage or away from it. The address and this browser remember it.
import { batch, computed, signal } from "/static/ui.js";
import { categories, category, categoryId, contest, entries, entry, isByHand, isOut, nextUnfinished, number, takesMarks } from "/static/judge/model.js";

const visited = signal([]);

/** Whether the judge has left the entry on stage by hand: then this phone does not follow the stage. */
export const away = signal(false);

/** The judge went to an entry by hand: away from the stage, or to it. While nobody stands there, nobody leaves it. */
const leaveStage = (n) => {
  const onStage = contest.value?.stage?.entry;
  if (onStage) away.value = onStage !== n;
};

export const canGoBack = computed(() => !isByHand(category.value) && (visited.value.length > 0 || entries.value.length > 1));

export function goTo(n, { remember = true, byHand = true } = {}) {
  batch(() => {
    if (byHand) leaveStage(n);
    if (remember && number.value !== null && number.value !== n) visited.value = [...visited.value.slice(-49), number.value];
    number.value = n;
  });
  history.replaceState(null, "", n === null ? location.pathname : `#${n}`);
}

/** Back to where the judge was; at the start, to the entry before this one. */
export function goBack() {
  const trail = visited.value.filter((n) => entries.value.some((e) => e.number === n));
  if (trail.length) {
    visited.value = trail.slice(0, -1);
    goTo(trail.at(-1), { remember: false });
    return;
  }
  const list = entries.value, here = list.findIndex((e) => e.number === number.value);
  if (list.length > 1) goTo(list.at(here - 1).number, { remember: false });
}

export function goToCategory(id, { byHand = true } = {}) {
  batch(() => {
    categoryId.value = id;
    visited.value = [];
    number.value = null;
    settle();
    if (byHand) leaveStage(number.value);
  });
  remember("category", id);
}

/** Go where the stage is, and stay with it. */
export function goToStage({ number: n, category: id }) {
  batch(() => {
    away.value = false;
    if (id !== categoryId.value) goToCategory(id, { byHand: false });
    goTo(n, { byHand: false });
  });
}

const key = (name) => `contest-judge-${contest.value?.me?.id}-${name}`;

function remember(name, value) {
  try { localStorage.setItem(key(name), value); } catch { /* a private window: the place is found anew */ }
}

function recall(name) {
  try { return localStorage.getItem(key(name)); } catch { return null; }
}

/** Find a place to stand after the contest changed: keep the one there is wherever it still exists. */
export function settle() {
  const all = categories.value;
  const wanted = Number(location.hash.slice(1));
  if (!category.value) {
    const linked = contest.value?.entries.find((e) => e.number === wanted)?.category;
    const pick = [linked, recall("category")].map((id) => all.find((c) => c.id === id && takesMarks(c))).find(Boolean)
      ?? all.find((c) => c.state === "judging") ?? all.find(takesMarks) ?? all[0];
    categoryId.value = pick?.id ?? null;
  }
  if (!entry.value) {
    const linked = entries.value.find((e) => e.number === wanted);
    const next = linked ?? nextUnfinished.value ?? entries.value.find((e) => !isOut(e)) ?? entries.value[0];
    goTo(next?.number ?? null, { remember: false, byHand: false });
  }
}
