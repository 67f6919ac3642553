// The rows of a rescue file (docs/offline.md), from the records of the outbox. Pure but for the ids that it mints.
import { newId } from "/static/api.js";
import { aboutOf, cursor, plain, rules } from "/static/judge/rules.js";

/** All rows of these records: {sheets, hands}. Votes are not in it: a run-off is over before a file is loaded. */
export const rowsOf = (records) => ({ sheets: records.filter((r) => !r.kind).flatMap(sheetRows), hands: records.filter((r) => r.kind === "hand").flatMap(handRows) });

/**
 * The rows of a record in a rescue file, in the order in which they count: what the server has acknowledged, what is on its
 * way, what waits. Each has the id under which this phone sends it, so that loaded and sent it is one command.
 */
function sheetRows(record) {
  const r = structuredClone(record), rows = [];
  const over = [...new Set([...(r.past ?? []), ...(r.seen ? [r.seen] : [])].map((one) => one.seq))];
  const add = (sheet, { id = newId(), kind = "sheet", made: when = null }, base, more) =>
    rows.push({ entry: r.entry, at: r.at, kind, id, when, base, over, ...plain(r, sheet), ...more });
  if (r.seen?.id) add(r.seen, r.seen, cursor(r.seen), { answered: true });
  if (r.refused && !r.waiting && !r.sent) add(r.refused.wish, { kind: r.refused.wish.recused ? "recusal" : "sheet", made: r.refused.made }, cursor(r.seen));
  if (r.conflict) add(r.waiting, { made: r.waiting.made }, r.waiting.base, { conflict: true });
  for (let command = rules.take(newId())(r), after; command; command = rules.take(newId())(r)) {
    const { id, kind, wish, base } = command;
    add(wish, command, after ? null : base, after && { after });
    after = id;
    rules.answered(id, kind === "recusal" ? { ...plain(r, r.seen), recused: wish.recused, seq: 0 } : { ...wish, recused: false, seq: 0 }, "")(r);
  }
  return rows;
}

/** The rows of a record of tokens or of a ranking, in the same order; a draft stands there too, for the organiser to read. */
function handRows(record) {
  const rows = [], over = [...new Set([...(record.past ?? []), ...(record.seen ? [record.seen] : [])].map((one) => one.seq))];
  const add = ({ entries }, { id = newId(), made: when = null }, base, more) =>
    rows.push({ category: aboutOf(record.key), method: record.method, at: record.at, id, when, base, over, entries, ...more });
  const { seen, sent, waiting, conflict } = record;
  if (seen?.id) add(seen, seen, cursor(seen), { answered: true });
  if (sent) add(sent.wish, sent, sent.base);
  if (waiting) add(waiting, { made: waiting.made }, sent ? null : waiting.base, { ...(sent && { after: sent.id }), ...(waiting.draft && { draft: true }), ...(conflict && { conflict }) });
  return rows;
}
