// What the judge does: marks, tokens, orders, votes, recusals, and taking them back. All of it goes through the outbox, which is this module's alone.
import { batch, computed, signal } from "/static/ui.js";
import { newId } from "/static/api.js";
import { Outbox } from "/static/outbox.js";
import { box, categories, category, categoryId, contest, eligible, entriesOf, handOf, isByHand, isUnfinished, records, sheetOf, takesMarks } from "/static/judge/model.js";
import { goTo } from "/static/judge/place.js";
import { handKey, progress, shown, voteKey } from "/static/judge/rules.js";

const UNDO_MS = 10_000;

/** {key, what, label, restore}: the last change, while it can be taken back. */
export const undo = signal(null);

let outbox = null;
let undoTimer = 0;

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

/** How far the newest of a record is: "unkept" (in this tab only), or what `progress` says. */
export function wayOf(key) {
  const way = progress(records.value.get(key));
  return ["unsent", "draft"].includes(way) && !outbox.kept(key) ? "unkept" : way;
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

// --- Tokens and rankings -------------------------------------------------------

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

// --- Run-offs ------------------------------------------------------------------

/** Run-offs that are open, with the judge's choice on this phone: {...run-off, mine: number|null, way}. */
export const runOffs = computed(() => (contest.value?.runOffs ?? []).filter((r) => !r.closed).map((r) => {
  const key = voteKey(r.id), record = records.value.get(key);
  return { ...r, mine: shown(record, "vote").choice ?? r.choice, way: wayOf(key) };
}));

export function vote(runOff, choice) {
  outbox.remember(contest.value);      // without the run-off a page that is loaded again could not say what the vote is for
  return outbox.vote(runOff, contest.value.entries.filter((e) => runOff.entries.includes(e.number)), choice);
}

// --- What is not settled ---------------------------------------------------------

export const choose = (key, mine) => outbox.choose(key, mine);
export const dismiss = (key) => outbox.dismiss(key);
export const tryAgain = (key) => outbox.again(key);

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
