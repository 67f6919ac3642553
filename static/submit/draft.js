// What is typed, kept in this tab's storage: a page that is loaded again has it. Also the entry that was made last, until another is begun.
import { chosen, form, TEXTS } from "/static/submit/form.js";

export const DRAFT = "contest-submit-draft", DONE = "contest-submit-done";

export function kept(key) {
  try { return JSON.parse(sessionStorage.getItem(key)) ?? {}; } catch { return {}; }
}

export function keep(key, value) {
  try { value ? sessionStorage.setItem(key, JSON.stringify(value)) : sessionStorage.removeItem(key); } catch { /* private mode: this page only */ }
}

export const draft = () => kept(DRAFT);

/** `id`: under which the entry goes out, so that a try from before a reload that has arrived does not count twice. */
export function saveDraft(id) {
  const texts = Object.fromEntries(TEXTS.map((name) => [name, form.elements[name].value]));
  const { age = "", size_cm = "", at_show = "" } = { age: form.querySelector("[name=age]:checked")?.value, size_cm: form.elements.size_cm.value, at_show: form.elements.at_show.checked };
  keep(DRAFT, { ...texts, age, size_cm, at_show, category: chosen() || draft().category, id });
}

/** Puts the draft into the form; the id it was tried under, if it was. */
export function loadDraft() {
  const found = draft();
  for (const name of TEXTS) if (found[name]) form.elements[name].value = found[name];
  if (found.size_cm) form.elements.size_cm.value = found.size_cm;
  if (found.age) form.querySelector(`[name=age][value="${CSS.escape(found.age)}"]`)?.click();
  form.elements.at_show.checked = found.at_show === true;
  return found.id;
}
