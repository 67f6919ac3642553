// /submit: what the chosen category asks of an entry: fresh or healed, size, done at the show, an artist, a second photo; and
// until when it takes entries. The server has the last word; what it would refuse anyway is said before anything is sent.
import { t, number } from "/static/words.js";
import { dayOf, when, zoneOf } from "/static/moments.js";
import { make, put } from "/static/submit/parts.js";

/** The fields that only some categories ask for, in the order of the form. */
export const ASKED = ["age", "size_cm", "at_show"];

const field = (name) => document.querySelector(`[data-field="${name}"]`);
const written = (length) => number(length);
/** "12,5" and "12.5" are the same length; NaN of what is none. */
export const length = (text) => (/^\s*\d{1,3}([.,]\d{1,2})?\s*$/.test(text) ? Number(text.trim().replace(",", ".")) : NaN);

/** What a category takes, as sentences: its day, closing time, size, most of an artist. */
export function said(category, contest, now = Date.now()) {
  const { size_cm, max_per_artist, closes_at, day, age, at_show } = category;
  return [
    day && t("rule.day", { day: dayOf(day) }),
    closes_at && t(now > closes_at ? "rule.closed" : "rule.closes", { time: when(closes_at, zoneOf(contest)) }),
    age !== "either" && t(`age.${age}-only`),
    at_show && t("rule.at-show"),
    size_cm && t("rule.size", { from: written(size_cm[0]), to: written(size_cm[1]) }),
    max_per_artist > 0 && t("rule.max", { n: max_per_artist }),
  ].filter(Boolean);
}

/** Shows the fields that the category asks for, and hides the others. */
export function drawAsks(category, contest) {
  const asked = category ?? { age: "either" };
  const lines = category ? said(category, contest) : [];
  const box = document.querySelector("[data-asks]");
  box.hidden = !lines.length;
  if (box.dataset.lines !== lines.join("\n")) box.replaceChildren(...lines.map((text) => make("li", { text })));
  box.dataset.lines = lines.join("\n");
  field("age").hidden = asked.age === "either";
  field("size_cm").hidden = !asked.size_cm;
  field("at_show").hidden = !asked.at_show;
  field("second").hidden = !asked.needs;
  if (asked.needs) put(document.querySelector("[data-second-label]"), t(`needs.${asked.needs}`));
  document.querySelector("[data-artist-optional]").hidden = Boolean(asked.max_per_artist);
}

/** {field: what is wrong} of what the form says, by the rules of the category. */
export function broken(category, values) {
  const found = {};
  if (!category) return found;
  const { age, size_cm, at_show, max_per_artist } = category;
  if (age !== "either" && values.age !== age) found.age = t(values.age ? "submit.wrong-age" : "submit.choose-age");
  if (size_cm) {
    const size = length(values.size_cm);
    const [from, to] = size_cm.map(written);
    if (Number.isNaN(size)) found.size_cm = t("submit.size-missing");
    else if (size < size_cm[0] || size > size_cm[1]) found.size_cm = t("submit.wrong-size", { from, to });
  }
  if (at_show && !values.at_show) found.at_show = t("error.not_at_show");
  if (max_per_artist > 0 && !values.artist) found.artist = t("submit.artist-missing");
  return found;
}

/** The asked-for values that go with an entry: only what its category asks for. */
export function asksOf(category, form) {
  const values = { age: form.querySelector("[name=age]:checked")?.value ?? "", size_cm: form.elements.size_cm.value.trim(), at_show: form.elements.at_show.checked ? "yes" : "" };
  const wanted = { age: category?.age !== "either", size_cm: Boolean(category?.size_cm), at_show: Boolean(category?.at_show) };
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => wanted[name] && value));
}
