// Every sentence of the pages, from static/words/<language>.json, which is whole (docs/words.md); English where it does not come.
const language = document.documentElement.lang || "en";
const words = new Map();
const plural = new Intl.PluralRules(language);
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });

async function load(name) {
  const answer = await fetch(`/static/words/${encodeURIComponent(name)}.json`);
  if (!answer.ok) throw new Error(`no words in ${name}`);
  for (const [key, text] of Object.entries(await answer.json())) words.set(key, text);
}

/** Settles once `t` can speak; never rejects, because a page with keys for words is better than none. */
export const ready = load(language).catch((problem) => {
  console.error(problem);
  return language === "en" ? undefined : load("en").catch(console.error);
});

/** Whether a key, or a plural form of it, has words. */
export const has = (key) => words.has(key) || words.has(`${key}.other`);

/**
 * The words of a key, with {name} filled in from `params`. With `n` the form of that number is taken (key.one, key.other).
 * t("judge.next", { number: 121 }) -> "Next: entry 121"
 */
export function t(key, params = {}) {
  const form = "n" in params ? `${key}.${plural.select(Number(params.n))}` : key;
  const text = words.get(form) ?? words.get(key) ?? words.get(`${key}.other`);
  if (text === undefined) {
    console.error(`no words for ${key}`);
    return key;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in params ? String(params[name]) : whole));
}

/** A time of day, "18:30". */
export const time = (ms) => clock.format(new Date(ms));

/** A day and a time of day. */
export const moment = (ms) => new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(ms));

/** A number as the language writes it; `digits` after the point. Not for entry numbers, which are names. */
export const number = (x, digits) =>
  new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits ?? 2 }).format(x);

/** An error of api.js as a plain sentence; the server's English where there are no words for its code. */
export function say(error) {
  const key = `error.${error?.code}`;
  if (error?.code && has(key)) return t(key, { message: error.message, ...error.params });
  return error?.message || t("error.unknown");
}
