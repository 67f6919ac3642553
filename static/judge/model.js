// What /judge knows: the contest as the live channel or the last visit left it, what the outbox holds, and what follows from them. Nothing is
// changed here: the judge goes to and fro in place.js, and marks in marking.js.
import { signal, computed } from "/static/ui.js";
import { t } from "/static/words.js";
import { aboutOf, handKey, keyOf, shown, voteKey } from "/static/judge/rules.js";

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

export const isUnfinished = (c) => {
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

export const conflicts = computed(() => [...records.value.values()].filter((r) => r.conflict));
export const refusals = computed(() => [...records.value.values()].filter((r) => r.refused));

/** Why nothing new is heard though there is a network: a key of live.*, or "". Marks may arrive all the same. */
export const deaf = computed(() => (status.value === "offline" && says.value !== "offline" ? says.value : ""));

/** Offline, as far as the judge cares: nothing would arrive now. */
export const offline = computed(() => (status.value === "offline" && (!deaf.value || deaf.value === "foreign")) || (box.value.unreachable && box.value.count > 0));

/** The category that a record is about. */
export function categoryOf(record) {
  const about = record.kind === "vote" ? contest.value.runOffs?.find((r) => voteKey(r.id) === keyOf(record))?.category
    : record.kind ? aboutOf(record.key) : contest.value.entries.find((e) => e.number === record.entry)?.category;
  return categories.value.find((c) => c.id === about) ?? null;
}
