// /papers: the contest at one moment, and what follows from it. Pure: no network, no DOM.
import { has, number, t } from "/static/words.js";

const OUT = new Set(["no-show", "withdrawn", "disqualified"]);
export const isOut = (entry) => OUT.has(entry.state);
/** A criterion's letter in the table of marks, which has no room for names. */
export const letter = (at) => String.fromCharCode(65 + at);

/** What GET /api/state said, with its time (ms). */
export class Contest {
  constructor(state, at) {
    Object.assign(this, { at, seq: state.s, hash: state.h, role: state.me.role, name: state.contest.name || t("common.contest"), contest: state.contest,
      categories: state.categories, judges: state.judges ?? [], sheets: state.sheets ?? [], decisions: state.decisions ?? [], winners: state.winners ?? [] });
    this.entries = new Map(state.entries.map((entry) => [entry.number, entry]));
  }

  category(id) { return this.categories.find((one) => one.id === id); }
  /** The categories that judges mark: a people's choice has no sheets. */
  get judged() { return this.categories.filter((category) => category.method !== "choice"); }
  decision(id) { return this.decisions.find((one) => one.category === id); }
  entriesOf(id) { return [...this.entries.values()].filter((entry) => entry.category === id).sort((a, b) => a.number - b.number); }
  /** Who judges a category, and may still. */
  panel(id) { return this.judges.filter((judge) => judge.role === "judge" && !judge.revoked && (!judge.categories || judge.categories.includes(id))); }
  isRecused(number, judge) { return this.sheets.some((sheet) => sheet.entry === number && sheet.judge === judge && sheet.recused); }

  /** The awards of a category, best first: [{place, shared, entry, shown}]; null before it is decided. */
  awards(id) {
    const decision = this.decision(id);
    if (!decision) return null;
    let before = 0;
    return decision.places.flatMap((group, at) => {
      const place = before + 1;
      before += group.length;
      const shown = at >= decision.places.length - decision.revealed;
      return group.map((n) => ({ place, shared: group.length > 1, entry: this.entries.get(n), shown })).filter(({ entry }) => entry);
    });
  }
}

export const placeWords = ({ place, shared }) => {
  const words = has(`place.${place}`) ? t(`place.${place}`) : t("place.n", { place });
  return shared ? t("winners.shared", { place: words }) : words;
};
export const wearer = (entry) => entry.collector || t("common.entry", { number: entry.number });
export const isolated = (name) => (name ? `\u2068${name}\u2069` : "");

/** An exact number as the server writes it, "8.725" or "26/3", for reading: two places and, where those are not all of it, the whole. */
export function figure(exact) {
  if (exact === null || exact === undefined) return "";
  const [over, under] = exact.split("/").map(Number);
  const rounded = number(under ? Math.floor(over * 100 / under + 0.5) / 100 : Math.floor(over * 100 + 0.5 + 1e-9) / 100);
  if (under) return `${rounded} (${over}/${under})`;
  const digits = (exact.split(".")[1] ?? "").length;
  return digits > 2 ? number(over, Math.min(digits, 20)) : number(over);
}

/** "101 before 102 and 103, level": an order of groups, best first. */
export const orderWords = (groups) => groups.map((group) => group.join(" = ")).join(" › ");
