// /admin: one entry: every field of it, its state, its photos, and what it was let in although.
import { html, icon, useEffect, useRef, useSignal } from "/static/ui.js";
import { Refused } from "/static/api.js";
import { t, say } from "/static/words.js";
import { close, send, show, store } from "/static/admin/contest.js";
import { Act, Ask, Dialog, Problem, isolated, photoOf, useAction } from "/static/admin/parts.js";
import { isErased, isOut } from "/static/admin/model.js";
import { lacksPhoto } from "/static/submit/desk.js";
import { OVERRIDABLE } from "/static/submit/edit.js";
import { overriddenWords } from "/static/submit/parts.js";
import { SecondPhoto } from "/static/submit/second.js";

export const path = (entry, verb = "") => `/api/entries/${entry.number}${verb && `/${verb}`}`;

/** What an entry was let in although, and which photo it lacks: a line each, or nothing. */
export function Remarks({ entry }) {
  const category = store().category(entry.category), words = overriddenWords(entry);
  return html`${words && html`<p class="entry-remark" data-overridden>${words}</p>`}${lacksPhoto(entry, category) && html`<p class="entry-remark">${t(`submit.second-${category.needs}`)}</p>`}`;
}

// --- Its state ---------------------------------------------------------------------

/** A change of state. What takes an entry out of the contest asks first; a check-in that a rule forbids asks for a reason. */
export function SetState({ entry, verb, look = "" }) {
  const words = t(verb === "reinstate" && !isOut(entry) ? "admin.back-to-registered" : `admin.${verb}`), number = t("common.entry", { number: entry.number });
  const said = t(`admin.said-${verb}`, { number: entry.number });
  const asks = { "no-show": {}, withdraw: {}, disqualify: { reason: "needed" } }[verb];
  if (verb === "check-in") return html`<${CheckIn} entry=${entry} look=${look} words=${words} number=${number} said=${said} />`;
  if (!asks) return html`<${Act} look=${look} data=${verb} path=${path(entry, verb)} label=${words} hidden=${number} done=${said} />`;
  return html`<span class="act"><button type="button" class="button ${look}" data-do=${verb} onClick=${() => show(Ask, {
    ...asks, stop: true, title: t(`admin.${verb}-title`, { number: entry.number }), text: t(`admin.${verb}-text`), action: words,
    run: (reason) => send("POST", path(entry, verb), asks.reason ? { reason } : {}), done: said,
  })}><span>${words}<span class="visually-hidden"> ${number}</span></span></button></span>`;
}

function CheckIn({ entry, look, words, number, said }) {
  const action = useAction();
  const run = () => send("POST", path(entry, "check-in")).catch((problem) => {
    if (!(problem instanceof Refused) || problem.code !== "second_photo_missing") throw problem;
    show(Ask, { title: t("admin.check-in-title", { number: entry.number }), text: say(problem), reason: "needed", action: words, done: said,
      run: (reason) => send("POST", path(entry, "check-in"), { reason }) });
  });
  return html`<span class="act"><button type="button" class="button ${look}" data-do="check-in" aria-busy=${action.busy} onClick=${() => action.run(run)}><span>${words} <span class="visually-hidden">${number}</span></span></button>
    <${Problem} of=${action.problem} /></span>`;
}

export const Hide = ({ entry }) => html`<${Act} look="button-quiet" data=${entry.hidden ? "show" : "hide"} glyph=${entry.hidden ? "eye" : "eye-off"} path=${path(entry, entry.hidden ? "show" : "hide")}
  label=${entry.hidden ? t("admin.show-photo") : t("admin.hide-photo")} hidden=${t("common.entry", { number: entry.number })} done=${t(entry.hidden ? "admin.said-show" : "admin.said-hide", { number: entry.number })} />`;

// --- Its photos --------------------------------------------------------------------

function Photos({ entry, number }) {
  const place = useRef(null);
  const photo = photoOf(entry, "large");
  const more = entry.photos.slice(1);
  useEffect(() => {
    if (isErased(entry)) return;
    place.current.replaceChildren(new SecondPhoto({ path: path({ number }, "photos"), words: t("submit.second-add") }).element);
  }, []);
  return html`<div class="photo">${photo ? html`<img src=${photo} alt=${t("common.photo-of", { number })} />` : html`<span class="thumb-none">${t("common.no-photo")}</span>`}<span class="number">${number}</span></div>
    ${more.length > 0 && html`<div class="entry-more">${more.map((one) => html`<a key=${one.thumb} href="/photos/${one.large}" target="_blank" rel="noopener"><img src="/photos/${one.thumb}" alt=${t("common.photo-of", { number })} width="96" height="96" /></a>`)}</div>`}
    <div ref=${place} hidden=${isErased(entry) || entry.photos.length >= 4}></div>`;
}

// --- The dialog --------------------------------------------------------------------

const TEXTS = ["title", "collector", "artist", "studio", "say", "phone"];

export function EntryDialog({ number, erase }) {
  const now = store(), { categories } = now;
  const entry = now.entry(number);
  const saving = useAction();
  const typed = useSignal({ ...Object.fromEntries(TEXTS.map((name) => [name, entry?.[name] ?? ""])), category: entry?.category, age: entry?.age ?? "", size_cm: entry?.size_cm ? String(entry.size_cm) : "", at_show: Boolean(entry?.at_show) });
  const although = useSignal(""), refused = useSignal("");
  if (!entry) return html`<${Dialog} title=${t("common.entry", { number })}><p>${t("error.no_such_entry")}</p><//>`;
  const put = (name, value) => { typed.value = { ...typed.value, [name]: value }; };
  const set = (name) => (e) => put(name, e.target.value);
  const was = (name) => (name === "size_cm" ? String(entry.size_cm || "") : name === "at_show" ? Boolean(entry.at_show) : entry[name] ?? "");
  const save = async (e) => {
    e.preventDefault();
    const changes = Object.fromEntries(Object.entries(typed.value).map(([k, v]) => [k, typeof v === "string" ? v.trim() : v]).filter(([k, v]) => v !== was(k)));
    if (!Object.keys(changes).length) return close();
    if (refused.value && although.value.trim()) changes.override = although.value.trim();
    const run = () => send("PATCH", path(entry), changes).catch((problem) => {
      refused.value = problem instanceof Refused && OVERRIDABLE.includes(problem.code) ? problem.code : "";
      if (problem.code === "bad_field" && problem.params.field === "size_cm") throw Object.assign(problem, { code: "", message: t("submit.size-missing") });
      throw problem;
    });
    if (await saving.run(run, t("admin.said-saved"))) close();
  };
  // Only where the server would take it: a category that has been decided is left alone, and a Best of Show makes its own entries.
  const own = categories.find((one) => one.id === entry.category)?.from?.length;
  const open = categories.filter((one) => one.id === entry.category || (!own && !one.from?.length && one.method !== "choice" && ["open", "judging"].includes(one.state)));
  const verbs = { registered: ["check-in", "call"], "checked-in": ["call", "reinstate"], called: ["check-in", "no-show"], "on-stage": ["check-in", "no-show"] }[entry.state] ?? ["reinstate"];
  return html`<${Dialog} wide title=${t("common.entry", { number })}>
    <div class="entry-sheet">
      <div class="entry-photo"><${Photos} entry=${entry} number=${number} />
        <p class="entry-state"><span class="chip">${t(`entry-state.${entry.state}`)}</span>${entry.hidden && !isErased(entry) && html` <span class="chip">${t("entry-state.hidden")}</span>`}</p>
        ${entry.of > 0 && html`<p class="muted">${t("admin.stands-for", { number: entry.of, category: isolated(now.category(now.entry(entry.of)?.category)?.name ?? "") })}</p>`}
        ${!isErased(entry) && html`<${Remarks} entry=${entry} />`}
        <div class="buttons">${verbs.map((verb) => html`<${SetState} key=${verb} entry=${entry} verb=${verb} />`)}${!isErased(entry) && html`<${Hide} entry=${entry} />`}
          ${verbs[0] !== "reinstate" && html`<${SetState} entry=${entry} verb="withdraw" look="button-stop" /><${SetState} entry=${entry} verb="disqualify" look="button-stop" />`}</div>
      </div>
      ${isErased(entry) ? html`<p class="muted">${t("admin.erased-text")}</p>` : html`<form onSubmit=${save}>
        <div class="field"><label for="edit-category">${t("admin.category")}</label><select id="edit-category" disabled=${open.length < 2} value=${typed.value.category} onChange=${set("category")}>
          ${open.map((one) => html`<option key=${one.id} value=${one.id}>${one.name}</option>`)}</select></div>
        ${TEXTS.map((name) => html`<div class="field" key=${name}><label for="edit-${name}">${t(`admin.field-${name}`)}${name !== "collector" ? ` (${t("common.optional")})` : ""}</label>
          <input id="edit-${name}" type=${name === "phone" ? "tel" : "text"} dir="auto" autocomplete="off" required=${name === "collector"} maxlength=${name === "phone" ? 60 : 300} value=${typed.value[name]} onInput=${set(name)} /></div>`)}
        <div class="field-row"><div class="field"><label for="edit-age">${t("submit.age")}</label><select id="edit-age" value=${typed.value.age} onChange=${set("age")}>
            ${["", "fresh", "healed"].map((age) => html`<option key=${age} value=${age}>${t(age ? `age.${age}` : "submit.not-said")}</option>`)}</select></div>
          <div class="field"><label for="edit-size_cm">${t("submit.size")}</label><input id="edit-size_cm" inputmode="decimal" maxlength="6" autocomplete="off" value=${typed.value.size_cm} onInput=${set("size_cm")} /></div></div>
        <label class="choice"><input type="checkbox" id="edit-at_show" checked=${typed.value.at_show} onChange=${(e) => put("at_show", e.target.checked)} /><span>${t("submit.at-show")}</span></label>
        <${Problem} of=${saving.problem} />
        ${refused.value && html`<div class="field" data-although><label for="edit-override">${t("submit.override")}</label><textarea id="edit-override" maxlength="1000" dir="auto" value=${although} onInput=${(e) => { although.value = e.target.value; }}></textarea></div>`}
        <div class="dialog-foot"><button type="button" class="button button-stop dialog-left" data-do="erase" onClick=${() => erase(number)}>${icon("trash")}${t("admin.erase")}</button>
          <button type="button" class="button button-quiet" onClick=${close}>${t("common.cancel")}</button>
          <button class="button button-primary" data-do="save-entry" aria-busy=${saving.busy}>${t("common.save")}</button></div>
      </form>`}
    </div><//>`;
}
