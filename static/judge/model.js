// What /judge knows: the contest as the live channel or the last visit left it, the outbox, and where the judge stands.
import { signal, computed, batch } from "/static/ui.js";
import { t } from "/static/words.js";
import { newId } from "/static/api.js";
import { Outbox } from "/static/outbox.js";
import { aboutOf, handKey, keyOf, progress, shown, voteKey } from "/static/judge/rules.js";

const UNDO_MS = 10_000;

/** {me, contest, categories, entries, stage, runOffs, epoch} */
export const contest = signal(null);
export const records = signal(new Map());
export const status = signal("connecting");
/** The status in finer words, a key of live.* */
export const says = signal("connecting");
/** {count, aside, unreachable, fragile, problem} of the outbox. */
export const box = signal({ count: 0, aside: 0, unreachable: false, fragile: false, problem: null });
export const categoryId = signal(null);
export const number = signal(null);
/** {key, what, label, restore}: the last change, while it can be taken back. */
export const undo = signal(null);

const visited = signal([]);
let outbox = null;
let undoTimer = 0;

// --- The contest ---------------------------------------------------------------

const OUT = new Set(["withdrawn", "disqualified", "no-show"]);

/** The judge's own categories, in order. */
export const categories = computed(() => {
  const { me, categories: all } = contest.value ?? { categories: [] };
  return all.filter((c) => c.method !== "choice" && (!me?.categories || me.categories.includes(c.id)));
});

export const category = computed(() => categories.value.find((c) => c.id === categoryId.value) ?? null);

export const entriesOf = (id) => (contest.value?.entries ?? []).filter((e) => e.category === id);

export const entries = computed(() => (category.value ? entriesOf(category.value.id) : []));

export const entry = computed(() => entries.value.find((e) => e.number === number.value) ?? null);

export const isOut = (e) => OUT.has(e.state);

/** Marks can be given: while it is judged, and after the close, when they are sent as late. */
export const takesMarks = (c) => c?.state === "judging" || c?.state === "closed";

/** Tokens and rankings are given to a category as a whole, by one hand. */
export const isByHand = (c) => c?.method === "tokens" || c?.method === "ranking";

export const sheetOf = (n) => shown(records.value.get(n));

/** The record of what the page shows: the entry's, or where the category is judged by hand, the category's. */
export const keyHere = computed(() => (isByHand(category.value) ? handKey(category.value.id) : number.value));

/** How far the newest of a record is: "unkept" (in this tab only), or what `progress` says. */
export function wayOf(key) {
  const way = progress(records.value.get(key));
  return ["unsent", "draft"].includes(way) && !outbox.kept(key) ? "unkept" : way;
}

/** Whether the judge may take back an own recusal: one that the organiser or the studio made, only the organiser lifts. */
export const mayLift = (n) => {
  const seen = records.value.get(n)?.seen;
  return !(seen?.recused && seen.because === "organiser");
};

/** "out", "recused", "judged", "started" or "unjudged"; by hand: "chosen" or "unchosen". */
export function judgement(e, c) {
  if (isOut(e)) return "out";
  const sheet = sheetOf(e.number);
  if (sheet.recused) return "recused";
  if (isByHand(c)) return handOf(c).includes(e.number) ? "chosen" : "unchosen";
  const marked = c.criteria.filter((criterion) => criterion.id in sheet.marks).length;
  return marked === 0 ? "unjudged" : marked < c.criteria.length ? "started" : "judged";
}

const unfinished = (e, c) => ["unjudged", "started"].includes(judgement(e, c));

/** The entries that this judge judges: none that are out or left to the others. */
export const eligible = (c) => entriesOf(c.id).filter((e) => !isOut(e) && !sheetOf(e.number).recused);

/** What the judge has done of what is to be done: entries judged, tokens given, entries placed. */
export function tally(c) {
  const all = eligible(c);
  if (c.method === "tokens") return { judged: handOf(c).length, all: Math.min(c.tokens, all.length) };
  if (c.method === "ranking") return { judged: handOf(c).length, all: all.length };
  return { judged: all.filter((e) => judgement(e, c) === "judged").length, all: all.length };
}

const COUNTS = { tokens: "judge.count-tokens", ranking: "judge.count-ranking" };

/** The same in words: "12 of 30 judged". */
export function countOf(c) {
  const { judged, all } = tally(c);
  return t(COUNTS[c.method] ?? "judge.count", { judged, n: all, all });
}

const isUnfinished = (c) => {
  const { judged, all } = tally(c);
  return judged < all;
};

// --- Tokens and rankings -------------------------------------------------------

/** The entries that the judge gave a token, or ranked, best first; without those that are out, left to the others, or not of the category. */
export function handOf(c) {
  const given = shown(records.value.get(handKey(c.id)), "hand").entries;
  const valid = new Set(eligible(c).map((e) => e.number));
  return given.filter((n) => valid.has(n));
}

/** What the server has of that hand. */
export const handSent = (c) => records.value.get(handKey(c.id))?.seen?.entries ?? [];

const giveHand = (c, entries) => {
  const all = entriesOf(c.id);
  const draft = c.method === "ranking" && entries.length > 0 && eligible(c).some((e) => !entries.includes(e.number));
  return outbox.editHand(c, all, { entries, draft });
};

/** Give these tokens, or this order. `label`: what can be taken back, in a word. */
export function setHand(c, entries, label) {
  const before = handOf(c);
  const given = c.method === "tokens" ? [...entries].sort((a, b) => a - b) : entries;
  if (given.length === before.length && given.every((n, i) => before[i] === n)) return;
  canUndo({ key: handKey(c.id), what: "hand", label, restore: () => giveHand(c, before) });
  giveHand(c, given);
}

/**
 * The contest changed: an order that is whole by now is sent; tokens that were refused for an entry that is out go without it.
 */
export function mendHands() {
  for (const c of categories.value.filter((one) => isByHand(one) && takesMarks(one))) {
    const key = handKey(c.id), record = records.value.get(key), fits = eligible(c).map((e) => e.number).join();
    if (mended.get(key) !== fits) mended.delete(key);
    const whole = record?.waiting?.draft && !isUnfinished(c) && handOf(c).length > 0;
    const lost = record?.refused?.code === "withdrawn" && !record.waiting && !record.sent && handOf(c).length < record.refused.wish.entries.length;
    if (!(whole || lost) || record.conflict || mended.has(key)) continue;
    mended.set(key, fits);
    giveHand(c, handOf(c));
  }
}

/** By key, the entries for which a hand was mended: what the server refuses all the same is not sent again until this phone knows better. */
const mended = new Map();

// --- Going on ------------------------------------------------------------------

/** The next entry that is not finished, after this one and round again; never this one. */
export const nextUnfinished = computed(() => {
  const c = category.value, list = entries.value;
  if (!c || isByHand(c)) return null;
  const from = list.findIndex((e) => e.number === number.value);
  const round = [...list.slice(from + 1), ...list.slice(0, Math.max(from, 0))];
  return round.find((e) => unfinished(e, c)) ?? null;
});

/** Another category that is being judged and not finished. */
export const nextCategory = computed(() =>
  categories.value.find((c) => c.id !== categoryId.value && c.state === "judging" && isUnfinished(c)) ?? null);

/** How many marks this entry still lacks. */
export const missing = computed(() => {
  const c = category.value, e = entry.value;
  if (!c || !e || !unfinished(e, c)) return 0;
  const { marks } = sheetOf(e.number);
  return c.criteria.filter((criterion) => !(criterion.id in marks)).length;
});

/** Run-offs that are open, with the judge's choice on this phone: {...run-off, mine: number|null, way}. */
export const runOffs = computed(() => (contest.value?.runOffs ?? []).filter((r) => !r.closed).map((r) => {
  const key = voteKey(r.id), record = records.value.get(key);
  return { ...r, mine: shown(record, "vote").choice ?? r.choice, way: wayOf(key) };
}));

export function vote(runOff, choice) {
  outbox.remember(contest.value);      // without the run-off a page that is loaded again could not say what the vote is for
  return outbox.vote(runOff, contest.value.entries.filter((e) => runOff.entries.includes(e.number)), choice);
}

export const conflicts = computed(() => [...records.value.values()].filter((r) => r.conflict));
export const refusals = computed(() => [...records.value.values()].filter((r) => r.refused));

/** Why nothing new is heard though there is a network: a key of live.*, or "". Marks may arrive all the same. */
export const deaf = computed(() => (status.value === "offline" && says.value !== "offline" ? says.value : ""));

/** Offline, as far as the judge cares: nothing would arrive now. */
export const offline = computed(() => (status.value === "offline" && (!deaf.value || deaf.value === "foreign")) || (box.value.unreachable && box.value.count > 0));

// --- Where the judge stands ----------------------------------------------------

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

/** Offer to take a change back, for a while. */
function canUndo(change) {
  undo.value = change;
  clearTimeout(undoTimer);
  undoTimer = setTimeout(() => { undo.value = null; }, UNDO_MS);
}

/** Write a changed sheet and offer to take it back. Taps on one criterion in a row are taken back together. */
function write(e, wish, what, label) {
  const before = sheetOf(e.number);
  const last = undo.value;
  const streak = last && last.key === e.number && last.what === what && what !== "recused";
  const restore = () => {
    outbox.edit(e, { ...before, note: sheetOf(e.number).note });
    if (e.category === categoryId.value) goTo(e.number);
  };
  canUndo({ key: e.number, what, label, restore: streak ? last.restore : restore });
  outbox.edit(e, wish);
}

/** Set or, with null, take away the mark for one criterion. */
export function mark(e, criterion, value) {
  const sheet = sheetOf(e.number);
  if ((sheet.marks[criterion] ?? null) === value) return;
  const marks = { ...sheet.marks };
  if (value === null) delete marks[criterion]; else marks[criterion] = value;
  write(e, { ...sheet, marks }, criterion, category.value?.criteria.find((one) => one.id === criterion)?.name);
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
  if (typeof last.key === "string" || contest.value.entries.some((x) => x.number === last.key)) last.restore();
}

export const choose = (key, mine) => outbox.choose(key, mine);
export const dismiss = (key) => outbox.dismiss(key);
export const tryAgain = (key) => outbox.again(key);

/** The category that a record is about. */
export function categoryOf(record) {
  const about = record.kind === "vote" ? contest.value.runOffs?.find((r) => voteKey(r.id) === keyOf(record))?.category
    : record.kind ? aboutOf(record.key) : contest.value.entries.find((e) => e.number === record.entry)?.category;
  return categories.value.find((c) => c.id === about) ?? null;
}

/** Save what this phone knows as a file that the organiser can load, also while nothing can be reached. */
export async function rescue() {
  const { me, contest: about, epoch } = contest.value ?? {};
  const file = { what: "contest judge rescue", version: 1, made: new Date().toISOString(), contest: { name: about?.name ?? "", epoch: epoch ?? null },
    judge: { id: outbox.judge, name: me?.name ?? "" }, ...await outbox.rescue() };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(file, null, 1)], { type: "application/json" }));
  link.download = `contest-judge-${outbox.judge}-${file.made.slice(0, 16).replace(":", "")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
