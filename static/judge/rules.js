// What happens to a record of the outbox: pure functions on it, each run once on the copy in memory and once on the one on disk.
// A record is about a sheet (one entry), a hand (the tokens or the ranking of a whole category) or a vote (a run-off); KINDS says
// in what they differ.
const PAST = 24;            // things of one record that are remembered; each tap may have made one

/** The keys of records: a sheet's is its entry's number. */
export const handKey = (category) => `hand/${category}`;
export const voteKey = (runOff) => `vote/${runOff}`;
export const keyOf = (record) => record.key ?? record.entry;
/** What a record that is no sheet's is about: a category's id, or a run-off's. */
export const aboutOf = (key) => key.slice(key.indexOf("/") + 1);

const sameMarks = (a, b) => {
  const left = Object.entries(a?.marks ?? {}), right = b?.marks ?? {};
  return left.length === Object.keys(right).length && left.every(([k, v]) => right[k] === v) && (a?.note ?? "") === (b?.note ?? "");
};

const sameList = (a, b) => a.length === b.length && a.every((one, i) => b[i] === one);

/**
 * plain     what the judge wants, or the server has: the wish
 * same      whether two say the same
 * typed     whether it says anything that only the organiser may have said
 * command   {kind, path, body, leaves} for what waits; leaves: another command has to follow for the same wish
 * thing     the server's thing in an answer or a conflict
 */
const KINDS = {
  sheet: {
    plain: (sheet) => ({ marks: { ...sheet?.marks }, note: sheet?.note ?? "", recused: Boolean(sheet?.recused) }),
    // A recused judge's marks do not count, so they are not compared.
    same: (a, b) => Boolean(a?.recused) === Boolean(b?.recused) && (Boolean(a?.recused) || sameMarks(a, b)),
    typed: (sheet) => !sheet.recused && Object.keys(sheet.marks).length > 0,
    command: (r, waiting, seen) => {
      // A server refuses marks for an entry that was left to the others: they go before the recusal, and after its end.
      const recusal = Boolean(seen?.recused) || sameMarks(waiting, seen);
      return recusal
        ? { kind: "recusal", path: `/api/recusals/${r.entry}`, body: { recused: waiting.recused }, leaves: !waiting.recused && !sameMarks(waiting, seen) }
        : { kind: "sheet", path: `/api/sheets/${r.entry}`, body: { marks: waiting.marks, note: waiting.note, base: waiting.base }, leaves: waiting.recused };
    },
    thing: (answer) => answer?.sheet,
    took: (sent, sheet) => (sent.kind === "recusal" ? Boolean(sheet.recused) === sent.wish.recused : !sheet.recused && sameMarks(sent.wish, sheet)),
  },
  hand: {
    plain: (hand) => ({ entries: [...(hand?.entries ?? [])] }),
    same: (a, b) => sameList(a?.entries ?? [], b?.entries ?? []),
    typed: (hand) => hand.entries.length > 0,
    command: (r, { entries, base }) => (r.method === "ranking"
      ? { kind: "ranking", path: `/api/rankings/${aboutOf(r.key)}`, body: { order: entries, base } }
      : { kind: "tokens", path: `/api/tokens/${aboutOf(r.key)}`, body: { entries, base } }),
    thing: (answer) => answer?.hand,
    took: (sent, hand) => sameList(sent.wish.entries, hand.entries),
  },
  vote: {
    plain: (vote) => ({ choice: vote?.choice ?? null }),
    same: (a, b) => (a?.choice ?? null) === (b?.choice ?? null),
    typed: () => false,
    command: (r, { choice }) => ({ kind: "vote", path: `/api/run-offs/${aboutOf(r.key)}`, body: { choice } }),
    thing: (answer) => answer?.run_off,
    took: (sent, vote) => sent.wish.choice === vote.choice,
  },
};

const kindOf = (r) => KINDS[r.kind ?? "sheet"];

export const blank = (key) => {
  const empty = { at: null, epoch: null, seen: null, sent: null, waiting: null, conflict: false, refused: null };
  return typeof key === "number" ? { entry: key, ...empty } : { key, kind: key.slice(0, key.indexOf("/")), method: null, ...empty };
};

/** Whether a record holds nothing: it is not kept. */
export const isBlank = (r) => !r?.seen && !r?.sent && !r?.waiting && !r?.refused;

export const cursor = (seen) => (seen ? `${seen.epoch}:${seen.seq}` : null);

export const plain = (r, thing) => kindOf(r).plain(thing);

export const thingOf = (r, answer) => kindOf(r).thing(answer);

const same = (r, a, b) => kindOf(r).same(a, b);

/** Take a thing as the server's newest. `own`: what this phone knows of it as its author. */
const adopt = (r, thing, epoch, own = {}) => {
  if (r.seen) r.past = [...(r.past ?? []), { ...plain(r, r.seen), seq: r.seen.seq }].slice(-PAST);
  const { late, counted, by, seq, because } = thing;
  r.seen = { ...plain(r, thing), late, counted, by, seq, because, epoch, ...own };
};

/** Whether a thing is not older than the one seen. A vote has no seq: the server's is the newest. */
const isNews = (r, thing, epoch) => !r.seen || r.seen.epoch !== epoch || thing.seq === undefined || r.seen.seq <= thing.seq;

/** What a record knows of the command that made a thing. */
const authorship = ({ id, kind, made }) => ({ id, kind, made });

/** Whether this phone has had that very thing before its eyes. */
const knew = (r, thing) => (r.past ?? []).some((one) => one.seq === thing.seq && same(r, one, thing));

/** What the organiser typed in: the judge chooses before it is replaced. */
const isTyped = (r) => (r.seen?.typed ?? /^admin\b/.test(r.seen?.by)) && kindOf(r).typed(r.seen);

/** What to show for a record: what this phone wants, else what the server has. */
export const shown = (record, kind = "sheet") =>
  KINDS[kind].plain(record?.waiting ?? record?.sent?.wish ?? record?.refused?.wish ?? record?.seen);

/** "draft" (not whole yet, so it is not sent), "unsent", "refused", "sent", or "" where there is nothing to send. */
export const progress = (record) =>
  record?.waiting?.draft ? "draft" : record?.waiting || record?.sent ? "unsent" : record?.refused ? "refused" : record?.seen ? "sent" : "";

/** Whether a command is to be made of what waits. */
export const isDue = (r) => Boolean(r.sent || (r.waiting && !r.conflict && !r.waiting.draft));

/** Whether a recusal, or its end, has yet to reach the server: a ranking without that entry would be refused before it. */
export const recusalWaits = (r) => {
  const wish = r.waiting ?? r.sent?.wish;
  return !r.kind && !r.conflict && Boolean(wish) && Boolean(wish.recused) !== Boolean(r.seen?.recused);
};

export const rules = {
  /**
   * The judge wants this. The base stays that of the first change: what came in between from elsewhere is then a conflict.
   *   wish   a sheet's, hand's or vote's; of a ranking with `draft` while it is not whole
   *   about  {at, method}: when the entry, or each of the entries, was handed in; how the category is judged
   */
  edit: (wish, { at, method }, epoch, now) => (r) => {
    const base = r.waiting ? r.waiting.base : r.sent ? r.sent.base : cursor(r.seen);
    if (!r.waiting && !r.sent && isTyped(r)) r.conflict = !wish.recused;
    if (r.conflict && same(r, wish, r.seen)) r.conflict = false;
    r.waiting = { ...plain(r, wish), base, changed: now, made: now, ...(wish.draft && { draft: true }) };
    if (wish.draft && !r.sent && same(r, wish, r.seen)) r.waiting = null;
    if (r.kind) r.method = method ?? r.method;
    if (r.refused && r.kind) r.refused = null;      // the judge has answered it by another choice
    r.at = at ?? r.at;
    r.epoch = epoch ?? r.epoch;
  },

  /** Make the next command of what waits, if there is one, and give it back. */
  take: (id) => (r) => {
    if (r.sent) return r.sent;
    const { waiting, seen } = r;
    if (!waiting || !isDue(r)) return null;
    if (same(r, waiting, seen)) { r.waiting = null; return null; }
    const { kind, path, body, leaves } = kindOf(r).command(r, waiting, seen);
    r.sent = { id: waiting.kind === kind ? waiting.id : id, kind, path, body, wish: plain(r, waiting), base: waiting.base, made: waiting.made };
    if (!leaves) r.waiting = null;
    return r.sent;
  },

  /** The server took it. */
  answered: (id, thing, epoch) => (r) => {
    const { sent } = r;
    if (sent?.id !== id) return;
    r.sent = null;
    r.refused = null;
    const ours = kindOf(r).took(sent, thing);
    if (isNews(r, thing, epoch)) adopt(r, thing, epoch, ours ? { id, kind: sent.kind, made: sent.made } : {});
    // Where the answer differs from what was sent, somebody else has written since: the old base makes that a conflict.
    if (r.waiting && ours) r.waiting.base = `${epoch}:${thing.seq}`;
    if (r.waiting && same(r, r.waiting, r.seen)) r.waiting = null;
  },

  /** Another device of this judge, or the organiser, wrote it: keep both and ask. */
  conflicted: (id, thing, epoch) => (r) => {
    const { sent } = r;
    if (sent?.id !== id) return;
    r.sent = null;
    if (isNews(r, thing, epoch)) adopt(r, thing, epoch);
    const wish = r.waiting ?? { ...sent.wish, changed: 0, made: sent.made };
    r.waiting = same(r, wish, r.seen) ? null : { ...wish, base: cursor(r.seen) };
    r.conflict = Boolean(r.waiting);
  },

  chosen: (mine) => (r) => {
    r.conflict = false;
    r.waiting = mine && r.waiting ? { ...r.waiting, base: cursor(r.seen), changed: 0 } : null;
  },

  refused: (id, error, now) => (r) => {
    if (r.sent?.id !== id) return;
    const { kind, wish, made, base } = r.sent;
    r.sent = null;
    // Entries came or went meanwhile: the order is a draft again, and the page says what it lacks.
    if (error.code === "bad_ranking") { r.waiting ??= { ...wish, base, changed: now, made, draft: true }; return; }
    r.refused = { ...error, wish, at: now, made };
    if (r.kind || !r.waiting || r.waiting.recused !== wish.recused || !sameMarks(r.waiting, wish)) return;
    // What was left of the same wish: a recusal still goes; anything else would be refused again and again.
    r.waiting = kind === "sheet" && wish.recused ? { ...r.waiting, marks: { ...r.seen?.marks }, note: r.seen?.note ?? "" } : null;
  },

  /** The id was used with another body (a restored server): the same wish under a new id. */
  renamed: (id) => (r) => {
    if (r.sent?.id !== id) return;
    r.waiting ??= { ...r.sent.wish, base: r.sent.base, changed: 0, made: r.sent.made };
    r.sent = null;
    delete r.waiting.id;
    delete r.waiting.kind;
  },

  again: (now) => (r) => {
    if (!r.refused) return;
    if (!r.waiting && !r.sent) r.waiting = { ...r.refused.wish, base: cursor(r.seen), changed: now, made: r.refused.made };
    r.refused = null;
  },

  dismissed: () => (r) => { r.refused = null; },

  /** The server's thing came over the live channel. */
  see: (thing, epoch) => (r) => {
    if (r.seen && r.seen.epoch === epoch && thing.seq <= r.seen.seq) return;
    adopt(r, thing, epoch, r.seen?.id && same(r, r.seen, thing) ? authorship(r.seen) : {});
    if (r.waiting && !r.sent && same(r, r.waiting, r.seen)) { r.waiting = null; r.conflict = false; }
    if (r.conflict) r.waiting.base = cursor(r.seen);
  },

  /** The whole state came. In a new epoch (a backup was restored) what this phone wrote and the state lacks is sent again. */
  meet: (thing, epoch) => (r) => {
    if (r.seen && r.seen.epoch !== epoch) rules.moved(thing, epoch)(r);
    if (thing) rules.see(thing, epoch)(r);
  },

  /**
   * From one epoch to another. The state holds what was seen last (go on), or an older one or none (send again what was
   * lost), or one that was never seen here: written elsewhere, perhaps since the restore and without knowledge of ours. Then
   * both are kept, and the judge chooses.
   */
  moved: (thing, epoch) => (r) => {
    const { seen, sent } = r, base = thing ? `${epoch}:${thing.seq}` : null;
    const wish = r.waiting ?? (sent && { ...sent.wish, base: sent.base, changed: 0, ...authorship(sent) });
    if (thing && same(r, seen, thing)) {
      r.waiting = wish && { ...wish, base: wish.base === cursor(seen) ? base : wish.base };
      r.sent = null;
      return;
    }
    const known = !thing || knew(r, thing);
    const lost = wish ?? (seen.id ? { ...plain(r, seen), changed: 0, ...authorship(seen) } : null);
    r.waiting = lost && { ...lost, base };
    r.conflict = Boolean(lost) && !known && !same(r, lost, thing);
    r.sent = null;
    r.seen = null;
  },
};
