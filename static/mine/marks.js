// /mine: what the judges gave, where the organiser opened it and it is announced. No names: the columns only count the sheets.
import { number as figure, t } from "/static/words.js";
import { make } from "/static/submit/parts.js";

export function drawMarks(box, list, { marks, category }) {
  box.hidden = !marks;
  if (!marks) return;
  if ("tokens" in marks) return list.replaceChildren(make("p", { text: t("mine.marks-tokens", marks) }));
  if ("ranks" in marks) return list.replaceChildren(make("p", { text: t("mine.marks-ranks", { ...marks, ranks: marks.ranks.join(", ") }) }));
  const head = make("tr", {}, make("th", { scope: "col", text: t("mine.criterion") }), ...marks.sheets.map((_, at) => make("th", { scope: "col", class: "figures", text: t("mine.judge-n", { number: at + 1 }) })));
  const rows = category.criteria.map(({ id, name }) => make("tr", {}, make("th", { scope: "row", dir: "auto", text: name }), ...marks.sheets.map((sheet) => make("td", { class: "figures", text: figure(sheet[id]) }))));
  list.replaceChildren(make("p", { class: "muted", text: t("mine.marks-text") }),
    make("div", { class: "scroll", tabindex: "0", role: "group", "aria-labelledby": "marks-title" }, make("table", { class: "table" }, make("thead", {}, head), make("tbody", {}, ...rows))));
}
