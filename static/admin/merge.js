// /admin: all entries of one category go to another, in one step and with a reason.
import { html, useRef, useSignal } from "/static/ui.js";
import { t } from "/static/words.js";
import { close, send, store } from "/static/admin/contest.js";
import { Dialog, Problem, useAction } from "/static/admin/parts.js";

const takes = (category) => !category.from?.length && category.method !== "choice" && ["open", "judging"].includes(category.state);

/** Whether a category can go into another at all: it has entries of its own that are not decided, and there is one to go to. */
export const canMerge = (now, category) => !category.from?.length && category.method !== "choice" && ["open", "judging", "closed"].includes(category.state)
  && now.entriesOf(category.id).length > 0 && now.categories.some((one) => one.id !== category.id && takes(one));

export function MergeDialog({ id }) {
  const now = store(), category = now.category(id);
  const merging = useAction();
  const into = useSignal(""), why = useSignal(""), wrong = useSignal({});
  const form = useRef(null);
  if (!category) return html`<${Dialog} title=${t("admin.merge")}><p>${t("error.no_such_category")}</p><//>`;
  const n = now.entriesOf(id).length;
  const others = now.categories.filter((one) => one.id !== id && takes(one));
  const merge = async (e) => {
    e.preventDefault();
    wrong.value = { ...(!into.value && { into: t("submit.choose-category") }), ...(!why.value.trim() && { reason: t("error.reason_needed") }) };
    const [first] = Object.keys(wrong.value);
    if (first) return form.current.querySelector(`[name=${first}]`)?.focus();
    const run = () => send("POST", `/api/categories/${encodeURIComponent(id)}/merge`, { into: into.value, reason: why.value.trim() });
    if (await merging.run(run, t("admin.said-merged", { category: category.name, into: now.category(into.value)?.name ?? "" }))) close();
  };
  return html`<${Dialog} title=${t("admin.merge-title", { category: category.name })}><form ref=${form} onSubmit=${merge} noValidate>
    <p>${t("admin.merge-text", { n })}</p>
    <fieldset class="field" aria-describedby="merge-into"><legend class="field-label">${t("admin.merge-into")}</legend>
      ${others.map((one) => html`<label class="choice" key=${one.id}><input type="radio" name="into" value=${one.id} checked=${into.value === one.id} onChange=${() => { into.value = one.id; wrong.value = {}; }} />
        <span><bdi>${one.name}</bdi> <span class="muted">${t("common.entries", { n: now.entriesOf(one.id).length })}</span></span></label>`)}
      <p class="field-error" id="merge-into">${wrong.value.into}</p></fieldset>
    <div class="field"><label for="merge-reason">${t("common.reason")}</label>
      <textarea id="merge-reason" name="reason" maxlength="1000" aria-invalid=${Boolean(wrong.value.reason)} aria-describedby="merge-missing" onInput=${(e) => { why.value = e.target.value; wrong.value = {}; }}></textarea>
      <p class="field-error" id="merge-missing">${wrong.value.reason}</p></div>
    <${Problem} of=${merging.problem} />
    <div class="dialog-foot"><button type="button" class="button button-quiet" onClick=${close}>${t("common.cancel")}</button>
      <button class="button button-primary" data-do="merge-now" aria-busy=${merging.busy}>${t("admin.merge-do")}</button></div>
  </form><//>`;
}
