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

/** What one judge said of one entry: {look: empty|started|full|recused, given, of, late, counted, total}. */
export function seat(category, sheet) {
  const of = category.criteria.length;
  if (!sheet) return { look: "empty", given: 0, of };
  const { recused, late, counted, marks } = sheet;
  const given = category.criteria.filter((criterion) => criterion.id in marks).length;
  if (recused) return { look: "recused", given, of };
  if (!given) return { look: "empty", given, of };
  if (given < of) return { look: "started", given, of, late, counted };
  return { look: "full", given, of, late, counted, total: total(category, marks) };
}

/** The weighted mean of a full sheet, as a number to show: places come from the server, which computes exactly. */
function total(category, marks) {
  const weight = category.criteria.reduce((sum, criterion) => sum + criterion.weight, 0);
  return category.criteria.reduce((sum, criterion) => sum + criterion.weight * marks[criterion.id], 0) / weight;
}

/**
 * How far the judging of a category is: {entries, out, judges, due, done, percent, missing: [{judge, n}]}.
 * A recused judge and one whose link was revoked owe nothing.
 */
export function coverage(store, category) {
  const entries = pool(store, category);
  const judges = panel(store, category);
  const missing = [];
  let due = 0, done = 0;
  for (const judge of judges) {
    let left = 0;
    for (const entry of entries) {
      const { look } = seat(category, store.sheet(entry.number, judge.id));
      if (look === "full") done++, due++;
      else if (look !== "recused" && !judge.revoked) left++, due++;
    }
    if (left) missing.push({ judge, n: left });
  }
  // 100 only when nothing is left, and not 0 once something was done.
  const percent = !due ? 0 : done === due ? 100 : Math.min(99, Math.max(done ? 1 : 0, Math.round(100 * done / due)));
  return { entries: entries.length, out: poolOf(store, category).length - entries.length, judges: judges.filter((judge) => !judge.revoked).length, due, done, percent, missing };
}

export const hasSheets = (store, category) => store.sheets.some((sheet) => store.entry(sheet.entry)?.category === category.id);

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

/** What somebody should look at before these win: [{key, entries, name, where}]. */
export function alerts(store, category, groups) {
  const found = [];
  const winners = groups.flat().map((number) => store.entry(number)).filter(Boolean);
  const some = (key, which) => { if (which.length) found.push({ key, entries: which.map((entry) => entry.number) }); };
  some("out", winners.filter(isOut));
  // Small contests check nobody in; then it says nothing.
  if (store.entriesOf(category.id).some((entry) => ["checked-in", "called", "on-stage"].includes(entry.state))) {
    some("not-checked-in", winners.filter((entry) => entry.state === "registered"));
  }
  for (const entry of winners) {
    for (const decision of store.decisions) {
      if (decision.category === category.id) continue;
      for (const other of decision.places.flat().map((n) => store.entry(n))) {
        const where = store.category(decision.category)?.name;
        for (const who of ["artist", "collector"]) {
          if (entry[who] && same(entry[who], other?.[who])) found.push({ key: "won", entries: [entry.number], name: entry[who], where });
        }
      }
    }
  }
  return found;
}
const same = (one, other) => one.trim().toLowerCase() === (other ?? "").trim().toLowerCase();

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
