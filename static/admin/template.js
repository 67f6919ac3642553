// /admin: the categories that organisers really use, to be ticked and added together, each with the rules that usually go with it.
import { html, useSignal } from "/static/ui.js";
import { t, say } from "/static/words.js";
import { announce, close, isOurs, send, store } from "/static/admin/contest.js";
import { Dialog } from "/static/admin/parts.js";

const TEMPLATE = ["small-colour", "medium-colour", "large-colour", "small-black-grey", "medium-black-grey", "large-black-grey",
  "realism-colour", "realism-black-grey", "portrait", "traditional", "neo-traditional", "new-school", "japanese", "blackwork", "tribal",
  "geometric", "lettering", "chicano", "fineline", "micro-realism", "watercolour", "comic", "horror", "cover-up", "sleeve", "back-piece",
  "full-body", "collaboration", "freehand", "best-healed", "beginner", "best-of-day", "best-of-show"];
const RULES = { portrait: { needs: "reference" }, "cover-up": { needs: "before" }, "best-healed": { age: "healed" } };
const BEST = ["best-of-day", "best-of-show"];

/** What a ticked one is asked with. The best of all take the winners of every category that has entries of its own. */
const fieldsOf = (key) => ({
  name: t(`template.${key}`), ...RULES[key],
  ...(BEST.includes(key) && { from: store().categories.filter((one) => !one.from?.length && one.method !== "choice").map((one) => one.id) }),
});

/** What comes with it, in words. */
const withIt = (key) => {
  const { needs, age } = RULES[key] ?? {};
  return needs ? t(`needs.${needs}`) : age ? t(`age.${age}-only`) : BEST.includes(key) ? t("admin.from-short") : "";
};

export function TemplateDialog() {
  const there = new Set(store().categories.map((category) => category.name.toLowerCase()));
  const ticked = useSignal(new Set());
  const busy = useSignal(""), problem = useSignal("");
  const tick = (key, on) => {
    const next = new Set(ticked.value);
    on ? next.add(key) : next.delete(key);
    ticked.value = next;
    problem.value = "";
  };
  // One after the other, so that they stand in the list's order; what was added is unticked, and a second try adds the rest.
  const add = async (e) => {
    e.preventDefault();
    if (busy.value) return;
    problem.value = "";
    const wanted = TEMPLATE.filter((key) => ticked.value.has(key));
    if (!wanted.length) return;
    try {
      for (const [at, key] of wanted.entries()) {
        busy.value = t("admin.template-adding", { at: at + 1, n: wanted.length });
        const { category } = await send("POST", "/api/categories", fieldsOf(key));
        if (BEST.some((best) => ticked.value.has(best))) await known(category.id);
        tick(key, false);
      }
      announce(t("admin.template-added", { n: wanted.length }));
      close();
    } catch (error) {
      if (!isOurs(error)) console.error(error);
      problem.value = say(error);
      announce(problem.value);
    } finally {
      busy.value = "";
    }
  };
  const n = ticked.value.size;
  return html`<${Dialog} wide title=${t("admin.template")}><form onSubmit=${add}>
    <p class="muted">${t("admin.template-text")}</p>
    <div class="template">${TEMPLATE.map((key) => {
      const has = there.has(t(`template.${key}`).toLowerCase()), more = withIt(key);
      return html`<label class="choice" key=${key}><input type="checkbox" value=${key} disabled=${has} checked=${has || ticked.value.has(key)} onChange=${(e) => tick(key, e.target.checked)} />
        <span>${t(`template.${key}`)}${has && html` <span class="muted">(${t("admin.template-there")})</span>`}${more && html` <span class="muted template-with">${more}</span>`}</span></label>`;
    })}</div>
    <div class="dialog-foot dialog-foot-stuck"><p class="field-error dialog-left" data-problem hidden=${!problem.value}>${problem}</p><button type="button" class="button button-quiet" onClick=${close}>${t("common.cancel")}</button>
      <button class="button button-primary" data-do="add-template" disabled=${!n && !busy.value} aria-busy=${Boolean(busy.value)}>${busy.value || (n ? t("admin.template-add", { n }) : t("admin.add"))}</button></div>
  </form><//>`;
}

/** Settles once the page has heard of a category, or after three seconds: a best of all names those that were added just before it. */
async function known(id) {
  for (let tries = 0; tries < 30 && !store().category(id); tries++) await new Promise((done) => { setTimeout(done, 100); });
}
