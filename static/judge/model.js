// What /judge knows: the contest as the live channel or the last visit left it, the outbox, and where the judge stands.
import { signal, computed, batch } from "/static/ui.js";
import { newId } from "/static/api.js";
import { Outbox, progress, shown } from "/static/outbox.js";

const UNDO_MS = 10_000;

/** {me, contest, categories, entries, stage, epoch} */
export const contest = signal(null);
export const records = signal(new Map());
export const status = signal("connecting");
/** The status in finer words, a key of live.* */
export const says = signal("connecting");
/** {count, aside, unreachable, fragile, problem} of the outbox. */
export const box = signal({ count: 0, aside: 0, unreachable: false, fragile: false, problem: null });
export const categoryId = signal(null);
export const number = signal(null);
/** {entry, before, criterion, until}: the last change, while it can be taken back. */
export const undo = signal(null);

const visited = signal([]);
let outbox = null;
let undoTimer = 0;

// --- The contest ---------------------------------------------------------------

const OUT = new Set(["withdrawn", "disqualified", "no-show"]);

/** The judge's own categories, in order. */
export const categories = computed(() => {
  const { me, categories: all } = contest.value ?? { categories: [] };
  return all.filter((c) => !me?.categories || me.categories.includes(c.id));
});

export const category = computed(() => categories.value.find((c) => c.id === categoryId.value) ?? null);

export const entriesOf = (id) => (contest.value?.entries ?? []).filter((e) => e.category === id);

export const entries = computed(() => (category.value ? entriesOf(category.value.id) : []));

export const entry = computed(() => entries.value.find((e) => e.number === number.value) ?? null);

export const isOut = (e) => OUT.has(e.state);

/** Marks can be given: while it is judged, and after the close, when they are sent as late. */
export const takesMarks = (c) => c?.state === "judging" || c?.state === "closed";

export const sheetOf = (n) => shown(records.value.get(n));

/** How far the newest marks of an entry are: "unkept" (in this tab only), or what `progress` says. */
export function wayOf(n) {
  const way = progress(records.value.get(n));
  return way === "unsent" && !outbox.kept(n) ? "unkept" : way;
}

/** "out", "recused", "judged", "started" or "unjudged". */
export function judgement(e, c) {
  if (isOut(e)) return "out";
  const sheet = sheetOf(e.number);
  if (sheet.recused) return "recused";
  const marked = c.criteria.filter((criterion) => criterion.id in sheet.marks).length;
  return marked === 0 ? "unjudged" : marked < c.criteria.length ? "started" : "judged";
}

const unfinished = (e, c) => ["unjudged", "started"].includes(judgement(e, c));

export function tally(c) {
  const all = entriesOf(c.id).map((e) => judgement(e, c)).filter((j) => j !== "out" && j !== "recused");
  return { judged: all.filter((j) => j === "judged").length, all: all.length };
}

/** The next entry that is not finished, after this one and round again; never this one. */
export const nextUnfinished = computed(() => {
  const c = category.value, list = entries.value;
  if (!c) return null;
  const from = list.findIndex((e) => e.number === number.value);
  const round = [...list.slice(from + 1), ...list.slice(0, Math.max(from, 0))];
  return round.find((e) => unfinished(e, c)) ?? null;
});

/** Another category that is being judged and not finished. */
export const nextCategory = computed(() =>
  categories.value.find((c) => c.id !== categoryId.value && c.state === "judging" && entriesOf(c.id).some((e) => unfinished(e, c))) ?? null);

/** How many marks this entry still lacks. */
export const missing = computed(() => {
  const c = category.value, e = entry.value;
  if (!c || !e || !unfinished(e, c)) return 0;
  const { marks } = sheetOf(e.number);
  return c.criteria.filter((criterion) => !(criterion.id in marks)).length;
});

export const conflicts = computed(() => [...records.value.values()].filter((r) => r.conflict));
export const refusals = computed(() => [...records.value.values()].filter((r) => r.refused));

/** Why nothing new is heard though there is a network: a key of live.*, or "". Marks may arrive all the same. */
export const deaf = computed(() => (status.value === "offline" && says.value !== "offline" ? says.value : ""));

/** Offline, as far as the judge cares: nothing would arrive now. */
export const offline = computed(() => (status.value === "offline" && (!deaf.value || deaf.value === "foreign")) || (box.value.unreachable && box.value.count > 0));

// --- Where the judge stands ----------------------------------------------------

export const canGoBack = computed(() => visited.value.length > 0 || entries.value.length > 1);

export function goTo(n, { remember = true } = {}) {
  batch(() => {
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

export function goToCategory(id) {
  batch(() => {
    categoryId.value = id;
    visited.value = [];
    number.value = null;
    settle();
  });
  remember("category", id);
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
    goTo(next?.number ?? null, { remember: false });
  }
}

/** This browser's own name, the same through reloads: so that the organiser sees one phone as one. */
export function device() {
  try {
    const found = localStorage.getItem("contest-device") ?? newId();
    localStorage.setItem("contest-device", found);
    return found;
  } catch {
    return undefined;
  }
}

// --- Marks ---------------------------------------------------------------------

export function openOutbox(judge, epoch) {
  outbox = new Outbox(judge, { epoch, changed: () => publish() });
  return outbox.open();
}

function publish() {
  batch(() => {
    records.value = new Map(outbox.records);
    const { count, aside, unreachable, fragile, problem } = outbox;
    const now = { count, aside, unreachable, fragile, problem }, was = box.peek();
    if (Object.keys(now).some((name) => now[name] !== was[name])) box.value = now;
  });
}

/** Write a changed sheet and offer to take it back. Taps on one criterion in a row are taken back together. */
function write(e, wish, what) {
  const before = sheetOf(e.number);
  const last = undo.value;
  const streak = last && last.entry === e.number && last.what === what && what !== "recused";
  undo.value = { entry: e.number, what, before: streak ? last.before : before };
  clearTimeout(undoTimer);
  undoTimer = setTimeout(() => { undo.value = null; }, UNDO_MS);
  outbox.edit(e, wish);
}

/** Set or, with null, take away the mark for one criterion. */
export function mark(e, criterion, value) {
  const sheet = sheetOf(e.number);
  if ((sheet.marks[criterion] ?? null) === value) return;
  const marks = { ...sheet.marks };
  if (value === null) delete marks[criterion]; else marks[criterion] = value;
  write(e, { ...sheet, marks }, criterion);
}

export function clearMarks(e) { write(e, { ...sheetOf(e.number), marks: {} }, "cleared"); }

export function setNote(e, note) {
  const sheet = sheetOf(e.number);
  if (sheet.note !== note) outbox.edit(e, { ...sheet, note });
}

export function recuse(e, recused) { write(e, { ...sheetOf(e.number), recused }, "recused"); }

export function takeBack() {
  const last = undo.value;
  if (!last) return;
  undo.value = null;
  clearTimeout(undoTimer);
  const e = contest.value.entries.find((x) => x.number === last.entry);
  if (!e) return;
  outbox.edit(e, { ...last.before, note: sheetOf(e.number).note });
  if (e.category === categoryId.value) goTo(e.number);
}

export const choose = (n, mine) => outbox.choose(n, mine);
export const dismiss = (n) => outbox.dismiss(n);
export const tryAgain = (n) => outbox.again(n);

/** Save what this phone knows as a file that the organiser can load, also while nothing can be reached. */
export async function rescue() {
  const { me, contest: about, epoch } = contest.value ?? {};
  const file = { what: "contest judge rescue", version: 1, made: new Date().toISOString(), contest: { name: about?.name ?? "", epoch: epoch ?? null },
    judge: { id: outbox.judge, name: me?.name ?? "" }, sheets: await outbox.rescue() };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(file, null, 1)], { type: "application/json" }));
  link.download = `contest-judge-${outbox.judge}-${file.made.slice(0, 16).replace(":", "")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
