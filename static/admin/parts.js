// /admin: the parts its sections share: dialogs, errors at their place, photos, the step that comes next.
import { html, icon, useEffect, useRef, useSignal } from "/static/ui.js";
import { t, has, say, time } from "/static/words.js";
import { announce, ask, close, go, isOurs, live, send, show, store } from "/static/admin/contest.js";
import { coverage, panel } from "/static/admin/model.js";
import { look, marksOnPhones } from "/static/admin/presence.js";

/** What only a request tells, asked now and after each whole state: {problem, look}. `take` gets the answer. */
export function useAsked(path, take) {
  const problem = useSignal("");
  const look = async () => {
    try {
      take(await ask(path));
      problem.value = "";
    } catch (error) {
      if (!isOurs(error)) console.error(error);
      problem.value = say(error);
    }
  };
  useEffect(() => {
    look();
    return live.on("state", () => { if (live.store.me.role === "admin") look(); });
  }, []);
  return { problem, look };
}

/** A command under way: {busy, problem, run}. `run` ignores a second tap until the first was answered, and says what went wrong. */
export function useAction() {
  const busy = useSignal(false), problem = useSignal("");
  const run = async (act, done) => {
    if (busy.peek()) return false;
    busy.value = true;
    problem.value = "";
    try {
      await act();
      if (done) announce(done);
      return true;
    } catch (error) {
      if (!isOurs(error)) console.error(error);
      problem.value = say(error);
      announce(problem.value);
      return false;
    } finally {
      busy.value = false;
    }
  };
  return { busy, problem, run };
}

export const Problem = ({ of, id }) => of.value && html`<p class="field-error" data-problem id=${id}>${of}</p>`;

/** A button for one command. */
export function Act({ look = "", label, hidden, glyph, path, method = "POST", body, done, data }) {
  const action = useAction();
  return html`<span class="act"><button type="button" class="button ${look}" data-do=${data} aria-busy=${action.busy}
      onClick=${() => action.run(() => send(method, path, body), done)}>${glyph && icon(glyph)}<span>${label}${hidden && html` <span class="visually-hidden">${hidden}</span>`}</span></button>
    <${Problem} of=${action.problem} /></span>`;
}

// --- Dialogs ----------------------------------------------------------------

/**
 * A modal dialog, open as long as it is drawn. The focus goes to [data-first] or the first control, and back to where it was.
 *   locked   it stays until what runs has ended: no way to close it
 */
export function Dialog({ title, wide, locked, children }) {
  const box = useRef(null);
  const opener = useRef(document.activeElement);
  useEffect(() => {
    box.current.showModal();
    box.current.querySelector("[data-first]")?.focus();
    return () => {
      const back = opener.current?.isConnected && opener.current !== document.body ? opener.current : document.querySelector("main h1");
      back?.focus({ preventScroll: true });
      // Once in a while the page behind is still inert at this moment.
      requestAnimationFrame(() => { if (document.activeElement === document.body) back?.focus({ preventScroll: true }); });
    };
  }, []);
  return html`<dialog ref=${box} class="admin-dialog ${wide ? "admin-dialog-wide" : ""}" aria-labelledby="dialog-title" data-dialog
    onCancel=${(e) => { e.preventDefault(); if (!locked) close(); }} onClose=${() => (locked ? box.current?.showModal() : close())}>
    <div class="dialog-head"><h2 id="dialog-title" dir="auto">${title}</h2>
      ${!locked && html`<button type="button" class="button button-quiet" aria-label=${t("common.close")} onClick=${close}>${icon("x")}</button>`}</div>
    ${children}
    <p class="visually-hidden" role="status" data-announce></p></dialog>`;
}

/**
 * Ask before something is done. `run(reason)` does it.
 *   reason   "needed" or "optional": a field for it; absent: none
 *   stop     it takes something away: a red button, and the focus starts on Cancel
 *   then     what to show afterwards, in place of the page
 *   also     further {text, list}, each with its own heading line
 */
export function Ask({ title, text, list = [], also = [], action, run, done, reason, stop, then = close }) {
  const doing = useAction();
  const why = useSignal(""), missing = useSignal("");
  const field = useRef(null);
  const submit = async (e) => {
    e.preventDefault();
    if (reason === "needed" && !why.value.trim()) {
      missing.value = t("error.reason_needed");
      return field.current.focus();
    }
    if (await doing.run(() => run(why.value.trim()), done)) then();
  };
  return html`<${Dialog} title=${title}><form onSubmit=${submit} noValidate>
    ${text && html`<p>${text}</p>`}
    ${[{ list }, ...also].map((one) => one.list.length > 0 && html`${one.text && html`<p>${one.text}</p>`}<ul class="ask-list">${one.list.map((line) => html`<li dir="auto">${line}</li>`)}</ul>`)}
    ${reason && html`<div class="field"><label for="ask-reason">${t("common.reason")}${reason === "optional" ? ` (${t("common.optional")})` : ""}</label>
      <textarea id="ask-reason" ref=${field} data-first maxlength="1000" aria-invalid=${Boolean(missing.value)} aria-describedby="ask-missing"
        onInput=${(e) => { why.value = e.target.value; missing.value = ""; }}></textarea>
      <p class="field-error" id="ask-missing">${missing}</p></div>`}
    <${Problem} of=${doing.problem} />
    <div class="dialog-foot">
      <button type="button" class="button button-quiet" data-first=${stop && !reason} onClick=${close}>${t("common.cancel")}</button>
      <button class="button ${stop ? "button-stop" : "button-primary"}" data-confirm aria-busy=${doing.busy}>${action}</button>
    </div></form><//>`;
}

// --- Small things ---------------------------------------------------------------

export const place = (n) => (has(`place.${n}`) ? t(`place.${n}`) : t("place.n", { place: n }));

export const photoOf = (entry, size = "thumb") => entry?.photo && `/photos/${entry.photo[size]}`;

/** `quiet`: its number stands beside it in words. */
export function Thumb({ entry, quiet }) {
  const source = photoOf(entry);
  return html`<span class="thumb">${source ? html`<img src=${source} alt=${quiet ? "" : t("common.photo-of", { number: entry.number })} loading="lazy" decoding="async" width="96" height="96" />`
    : html`<span class="thumb-none">${t("common.no-photo")}</span>`}</span>`;
}

export const EntryNumber = ({ n, small = true }) => html`<span class="number ${small ? "number-small" : ""}"><span class="visually-hidden">${t("admin.entry-word")} </span>${n}</span>`;

/** An entry as the head of a row: its photo, small, and its number. */
export const EntryHead = ({ entry, n }) => html`<span class="entry-head"><${Thumb} entry=${entry} quiet /><${EntryNumber} n=${n ?? entry.number} /></span>`;

/** Who wears it and who made it, in one breath. */
export const names = (entry) => [isolated(entry.collector), entry.artist && t("common.by", { artist: isolated(entry.artist) })].filter(Boolean).join(", ");

/** A name inside a sentence, which keeps its own direction (first strong isolate). */
export const isolated = (name) => (name ? `\u2068${name}\u2069` : "");

/** What a judge still owes a category, in words. `one`: of `coverage`. */
export const missingWords = (category, { judge, n }) => t(category.method === "tokens" ? "admin.missing-tokens" : "admin.missing-one", { name: isolated(judge.name), n });

export const StateChip = ({ category }) => html`<span class="chip state-${category.state}" data-state=${category.state}>${t(`${category.method === "choice" ? "choice-state" : "category-state"}.${category.state}`)}</span>`;

export function Head({ title, gothic, children }) {
  return html`<header class="section-head"><h1 tabindex="-1" class=${gothic ? "gothic" : ""} dir="auto">${title}</h1>${children && html`<div class="buttons" data-no-print>${children}</div>`}</header>`;
}

/** A list of the categories as links of a section; nothing for a single one. */
export function CategoryLinks({ section, current, categories }) {
  if (categories.length < 2) return null;
  return html`<nav class="category-links" aria-label=${t("admin.categories")} data-no-print>${categories.map((category) => html`
    <a key=${category.id} href="#${section}/${encodeURIComponent(category.id)}" aria-current=${category.id === current ? "true" : undefined} dir="auto">${category.name}</a>`)}</nav>`;
}

// --- The step that comes next -------------------------------------------------------

/** What may still come from the phones of a category's judges, for a question: [{text, list}]. */
function phones(category) {
  const { holding, away } = marksOnPhones(panel(store(), category));
  return [
    { text: t("admin.close-holding"), list: holding.map(({ judge, waiting, here, at }) => t(here ? "admin.close-holds" : "admin.close-held", { name: isolated(judge.name), n: waiting, time: time(at) })) },
    { text: t("admin.close-away"), list: away.map(({ judge, at }) => t("admin.close-last", { name: isolated(judge.name), time: time(at) })) },
  ].filter(({ list }) => list.length > 0);
}

/** The one yellow button of a category. It stays the same element from state to state, so that the focus stays. */
export function Next({ category }) {
  const action = useAction();
  const cover = coverage(store(), category);
  const command = (verb) => send("POST", `/api/categories/${encodeURIComponent(category.id)}/${verb}`);
  const said = (key) => t(`admin.said-${key}`, { category: category.name });

  const choice = category.method === "choice";
  const begin = () => {
    const run = () => command("judge");
    const doubts = [!cover.entries && t("admin.no-entries-yet"), category.ballots === "codes" && !store().choice(category.id)?.batches.some((one) => !one.revoked) && t("admin.codes-none")].filter(Boolean);
    if (doubts.length) show(Ask, { title: t("admin.choice-begin-title", { category: category.name }), list: doubts, action: t("admin.choice-begin"), run, done: said("voting") });
    else action.run(run, said("voting"));
  };
  const finish = () => show(Ask, { title: t("admin.choice-end-title", { category: category.name }), text: t("admin.choice-end-text"), action: t("admin.choice-end"), run: () => command("close"), done: said("voted") });
  const start = () => {
    const run = () => command("judge");
    const doubts = [!cover.entries && !category.from?.length && t("admin.no-entries-yet"), !cover.judges && t("admin.no-judges-yet")].filter(Boolean);
    if (doubts.length) show(Ask, { title: t("admin.start-title", { category: category.name }), list: doubts, action: t("admin.start-anyway"), run, done: said("judging") });
    else action.run(run, said("judging"));
  };
  const end = async () => {
    const run = () => command("close");
    await look();
    const list = cover.missing.map((one) => missingWords(category, one));
    const also = phones(category);
    if (list.length || also.length) {
      show(Ask, { title: t("admin.close-title", { category: category.name }), text: list.length > 0 && t("admin.close-text"), list, also, action: t("admin.close-anyway"), run, done: said("closed") });
    } else action.run(run, said("closed"));
  };
  const [label, act] = {
    open: choice ? [t("admin.choice-begin"), begin] : [t("admin.start-judging"), start],
    judging: choice ? [t("admin.choice-end"), finish] : [t("admin.close-judging"), end],
    closed: [t("admin.decide"), () => go("scores", category.id, "decide")],
    decided: [t("admin.start-reveal"), () => go("reveal", category.id)],
    announced: [t("admin.see-results"), () => go("results", category.id)],
  }[category.state];
  return html`<div class="next"><button type="button" class="button ${category.state === "announced" ? "button-quiet" : "button-primary"}" data-next=${category.state} aria-busy=${action.busy}
      onClick=${act}>${label}<span class="visually-hidden">: ${category.name}</span></button><${Problem} of=${action.problem} /></div>`;
}
