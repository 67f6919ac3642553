// /admin: what follows from the store. Pure: no network, no DOM. The server computes the standings; this only counts and shows.

const OUT = new Set(["no-show", "withdrawn", "disqualified"]);
export const isOut = (entry) => OUT.has(entry.state);
/** Every entry has a collector, until its person is erased. */
export const isErased = (entry) => !entry.collector;

/** The entries that compete in a category: its own, in a people's choice those of the categories it takes them from. */
export function poolOf(store, category) {
  if (category.method !== "choice") return store.entriesOf(category.id);
  const takes = (id) => (category.from.length ? category.from.includes(id) : !store.category(id)?.from.length);
  return store.entries.filter((entry) => takes(entry.category));
}

/** Those of them that are not out. */
export const pool = (store, category) => poolOf(store, category).filter((entry) => !isOut(entry));

/** The judges who sit on a category, also those whose link was revoked. */
export const panel = (store, category) =>
  store.judges.filter((judge) => category.method !== "choice" && judge.role === "judge" && (!judge.categories || judge.categories.includes(category.id)));

/** Marks on criteria are given, as against tokens, rankings and the people's votes. */
export const isMarked = (category) => category.method === "points" || category.method === "trimmed";

/** Tokens and rankings are given by the hand, for a whole category; marks by the sheet, for an entry. */
export const isByHand = (category) => category.method === "tokens" || category.method === "ranking";

/**
 * What one judge said of one entry: {look: empty|started|full|recused|none, given, of, late, counted, because}.
 *   full    points: + total; tokens: a token; ranking: + rank
 *   started half a sheet; ranking: + rank, of an order that lacks an entry
 *   none    no token, and the judge has none left to give
 * hand: that of `handOf`, where many of a judge's are asked for.
 */
export function seat(store, category, entry, judge, hand) {
  const sheet = store.sheet(entry.number, judge.id);
  if (sheet?.recused) return { look: "recused", given: 0, of: 0, because: sheet.because };
  return isByHand(category) ? dealt(category, entry, hand ?? handOf(store, category, judge)) : marked(category, sheet);
}

function marked(category, sheet) {
  const of = category.criteria.length;
  const { late, counted, marks = {} } = sheet ?? {};
  const given = category.criteria.filter((criterion) => criterion.id in marks).length;
  if (!given) return { look: "empty", given, of };
  if (given < of) return { look: "started", given, of, late, counted };
  return { look: "full", given, of, late, counted, total: total(category, marks) };
}

function dealt(category, entry, { order, due, late, counted }) {
  const at = order.indexOf(entry.number), common = { given: order.length, of: due, late, counted };
  if (category.method === "tokens") return { look: at >= 0 ? "full" : order.length < due ? "empty" : "none", ...common };
  return at < 0 ? { look: "empty", ...common } : { look: order.length < due ? "started" : "full", rank: at + 1, ...common };
}

/** The part of a judge's tokens or ranking that can count: {order, due, late, counted}. Who is out or recused is left out, ranks close up. */
export function handOf(store, category, judge) {
  const may = new Set(pool(store, category).map((entry) => entry.number).filter((n) => !store.sheet(n, judge.id)?.recused));
  const hand = store.hand(category.id, judge.id);
  return { order: (hand?.entries ?? []).filter((n) => may.has(n)), due: category.method === "tokens" ? Math.min(category.tokens, may.size) : may.size,
    late: hand?.late ?? false, counted: hand?.counted ?? true };
}

/** The weighted mean of a full sheet, as a number to show: places come from the server, which computes exactly. */
function total(category, marks) {
  const weight = category.criteria.reduce((sum, criterion) => sum + criterion.weight, 0);
  return category.criteria.reduce((sum, criterion) => sum + criterion.weight * marks[criterion.id], 0) / weight;
}

/**
 * How far the judging of a category is: {entries, out, judges, due, done, percent, missing: [{judge, n}]}.
 *   due, done, n   sheets; for tokens tokens; for rankings entries in order
 * A recused judge and one whose link was revoked owe nothing.
 */
export function coverage(store, category) {
  const entries = pool(store, category);
  const judges = panel(store, category);
  const missing = [];
  let due = 0, done = 0;
  for (const judge of judges) {
    const owed = isByHand(category) ? owedByHand(store, category, judge) : owedSheets(store, category, entries, judge);
    done += owed.done;
    due += judge.revoked ? owed.done : owed.due;
    if (owed.due > owed.done && !judge.revoked) missing.push({ judge, n: owed.due - owed.done });
  }
  // 100 only when nothing is left, and not 0 once something was done.
  const percent = !due ? 0 : done === due ? 100 : Math.min(99, Math.max(done ? 1 : 0, Math.round(100 * done / due)));
  return { entries: entries.length, out: poolOf(store, category).length - entries.length, judges: judges.filter((judge) => !judge.revoked).length, due, done, percent, missing };
}

function owedByHand(store, category, judge) {
  const { order, due } = handOf(store, category, judge);
  return { due, done: order.length };
}

function owedSheets(store, category, entries, judge) {
  const looks = entries.map((entry) => seat(store, category, entry, judge).look);
  return { due: looks.filter((look) => look !== "recused").length, done: looks.filter((look) => look === "full").length };
}

export const hasSheets = (store, category) => store.hands.some((hand) => hand.category === category.id) || store.sheets.some((sheet) => store.entry(sheet.entry)?.category === category.id);

/** What came after the decision and does not count: [{judge, entries: [number]}]; of a hand those it names. */
export function uncounted(store, category) {
  return panel(store, category).map((judge) => {
    const hand = store.hand(category.id, judge.id);
    const entries = isByHand(category) ? (hand && !hand.counted ? hand.entries : [])
      : store.entriesOf(category.id).map((entry) => entry.number).filter((n) => store.sheet(n, judge.id)?.counted === false);
    return { judge, entries, late: entries.length > 0 || hand?.counted === false };
  }).filter(({ late }) => late);
}

/** The judges who may vote between these entries, and those who are recused from one of them: {voters, recused}. */
export function electorate(store, category, entries) {
  const alive = panel(store, category).filter((judge) => !judge.revoked);
  const recused = alive.filter((judge) => entries.some((n) => store.sheet(n, judge.id)?.recused));
  return { voters: alive.filter((judge) => !recused.includes(judge)), recused };
}

// --- Groups of places, best first: [[118], [121, 130]] is 1, 2, 2 ------------------

export const placeOf = (groups, at) => 1 + groups.slice(0, at).reduce((sum, group) => sum + group.length, 0);

/** The groups that the standings put among the places. */
export function podium(rows, places) {
  const groups = new Map();
  for (const row of rows) if (row.place <= places) groups.set(row.place, [...(groups.get(row.place) ?? []), row.entry]);
  return [...groups.values()];
}

export const sameGroups = (one, other) => JSON.stringify(one.map(sorted)) === JSON.stringify(other.map(sorted));
const sorted = (group) => [...group].sort((a, b) => a - b);

export const swapped = (list, at, to) => list.with(at, list[to]).with(to, list[at]);
export const without = (groups, number) => groups.map((group) => group.filter((n) => n !== number)).filter((group) => group.length);
/** A group joined to the one above it: they share its place. */
export const joined = (groups, at) => [...groups.slice(0, at - 1), [...groups[at - 1], ...groups[at]], ...groups.slice(at + 1)];
/** A shared place taken apart: one after the other. */
export const parted = (groups, at) => [...groups.slice(0, at), ...groups[at].map((number) => [number]), ...groups.slice(at + 1)];
/** The first group that stands behind the last award, or -1. */
export const beyond = (groups, places) => groups.findIndex((_, at) => placeOf(groups, at) > places);

/** The entries that match what was typed and chosen, by number. */
export function found(entries, { words, category, state }) {
  const parts = words.toLowerCase().split(/\s+/).filter(Boolean);
  return entries.filter((entry) => {
    if (category && entry.category !== category) return false;
    if (state === "hidden" ? !entry.hidden : state && entry.state !== state) return false;
    const text = [entry.number, entry.title, entry.collector, entry.artist, entry.studio, entry.phone].join(" ").toLowerCase();
    return parts.every((part) => text.includes(part));
  });
}
