// /admin, typing sheets in from paper: whose, then number by number. Enter saves and goes on to the next number; tab goes through the criteria.
import { html, icon, useEffect, useRef, useSignal } from "/static/ui.js";
import { number, say, t } from "/static/words.js";
import { announce, go, isOurs, route, send, store } from "/static/admin/contest.js";
import { CategoryLinks, EntryNumber, Head } from "/static/admin/parts.js";
import { isOut, panel, pool } from "/static/admin/model.js";

export default function Typing() {
  const now = store();
  const { category: wanted, more } = route.value;
  const judged = now.categories.filter((one) => one.method !== "choice");
  const category = judged.find((one) => one.id === wanted) ?? judged.find((one) => one.state === "judging") ?? judged[0];
  if (!category) return html`<${Head} title=${t("admin.typing")} /><p class="empty">${t("admin.no-categories")}</p>`;
  const judges = panel(now, category).filter((judge) => !judge.revoked);
  const judge = judges.find((one) => one.id === more) ?? judges[0];
  const hands = ["tokens", "ranking"].includes(category.method);
  return html`<${CategoryLinks} section="typing" current=${category.id} categories=${judged} /><${Head} title=${t("admin.typing")} /><p class="muted">${t("admin.typing-text")}</p>
    ${!judges.length ? html`<p class="empty">${t("admin.no-judges-yet")}</p>` : html`<div class="field typing-judge"><label for="typing-judge">${t("admin.typing-whose")}</label><select id="typing-judge" value=${judge.id} onChange=${(e) => go("typing", category.id, e.target.value)}>${judges.map((one) => html`<option key=${one.id} value=${one.id}>${one.name}</option>`)}</select></div>
    ${category.state === "open" ? html`<p class="empty">${t("admin.typing-not-open")}</p>` : html`${["decided", "announced"].includes(category.state) && html`<p class="warn">${t("admin.typing-too-late")}</p>`}
      ${hands ? html`<${Hand} key=${`${category.id}/${judge.id}`} category=${category} judge=${judge} />` : html`<${Sheets} key=${`${category.id}/${judge.id}`} category=${category} judge=${judge} />`}`}`}`;
}

/** What was typed as a number, with a point or a comma; NaN where it is none. */
const figure = (text) => Number(text.trim().replace(",", "."));
/** Whether a mark lies on the scale, as far as a float can say it; the server counts exactly and has the last word. */
function fits({ lowest, highest, step }, mark) {
  const steps = (mark - lowest) / step;
  return mark >= lowest && mark <= highest && Math.abs(steps - Math.round(steps)) < 1e-6;
}
/** How far a sheet is: {look: empty|started|full|recused, given, of, total}. */
function filled(category, sheet) {
  const marks = sheet?.marks ?? {}, of = category.criteria.length, given = category.criteria.filter(({ id }) => id in marks).length;
  const weight = category.criteria.reduce((sum, one) => sum + one.weight, 0);
  const look = sheet?.recused ? "recused" : !given ? "empty" : given < of ? "started" : "full";
  return { look, given, of, total: category.criteria.reduce((sum, one) => sum + one.weight * (marks[one.id] ?? 0), 0) / weight };
}
const base = (thing) => thing?.seq ?? null;

/** A save under way: its problem, and after a conflict what the judge has given meanwhile. */
function useSave() {
  const busy = useSignal(false), problem = useSignal("");
  const save = async (path, body) => {
    if (busy.peek()) return null;
    busy.value = true;
    problem.value = "";
    try {
      return await send("PUT", path, body);
    } catch (error) {
      if (!isOurs(error)) console.error(error);
      problem.value = error.code === "conflict" ? t("admin.typing-changed") : say(error);
      announce(problem.value);
      return error.code === "conflict" ? { conflict: error.body } : null;
    } finally {
      busy.value = false;
    }
  };
  return { busy, problem, save };
}

function Sheets({ category, judge }) {
  const now = store(), { busy, problem, save } = useSave();
  const typed = useSignal({ n: "", marks: {}, base: null, sheet: null }), first = useRef(null), form = useRef(null);
  const entries = pool(now, category);
  const sheetOf = (n) => now.sheet(n, judge.id);
  const next = (after) => [...entries.filter((entry) => entry.number > after), ...entries].find((entry) => entry.number !== after && ["empty", "started"].includes(filled(category, sheetOf(entry.number)).look));
  /** Take a number up: what is wrong with it is said at once, and the marks that are there already stand in the fields. */
  const take = (n) => {
    const entry = now.entry(Number(n)), sheet = entry && sheetOf(entry.number);
    const marks = Object.fromEntries(Object.entries(sheet?.marks ?? {}).map(([id, mark]) => [id, number(mark, undefined)]));
    typed.value = { n: String(n), marks, base: base(sheet), sheet };
    problem.value = !String(n).trim() ? "" : wrong(entry, sheet, n);
  };
  const wrong = (entry, sheet, n) => {
    if (!entry || entry.category !== category.id) return t("admin.typing-no-entry", { number: n });
    if (isOut(entry)) return t("admin.typing-out", { number: n, state: t(`entry-state.${entry.state}`) });
    return sheet?.recused ? t("admin.typing-recused", { number: n }) : "";
  };
  useEffect(() => { const one = next(0); if (one) take(one.number); first.current.focus(); first.current.select(); }, []);
  const submit = async (e) => {
    e.preventDefault();
    const { n, marks, base: from } = typed.value, given = {};
    const said = wrong(now.entry(Number(n)), sheetOf(Number(n)), n);
    if (said) { problem.value = said; announce(said); return first.current.focus(); }
    for (const criterion of category.criteria) {
      const text = (marks[criterion.id] ?? "").trim();
      if (!text) continue;
      given[criterion.id] = figure(text);
      if (!fits(category, given[criterion.id])) {
        problem.value = t("admin.typing-bad-mark", { name: criterion.name, lowest: number(category.lowest), highest: number(category.highest), step: number(category.step) });
        announce(problem.value);
        return form.current.querySelector(`[data-criterion="${CSS.escape(criterion.id)}"]`).select();
      }
    }
    const answer = await save(`/api/sheets/${Number(n)}`, { judge: judge.id, marks: given, note: typed.value.sheet?.note ?? "", base: from });
    if (answer?.conflict) { typed.value = { ...typed.value, base: base(answer.conflict.sheet), sheet: answer.conflict.sheet, marks: Object.fromEntries(Object.entries(answer.conflict.sheet?.marks ?? {}).map(([id, mark]) => [id, number(mark, undefined)])) }; return; }
    if (!answer) return;
    announce(t("admin.typing-saved", { number: n }));
    // The store may not have heard of it yet: the number that was just saved is not offered again.
    const one = next(Number(n));
    if (one) take(one.number); else typed.value = { n: "", marks: {}, base: null, sheet: null };
    requestAnimationFrame(() => { first.current?.focus(); first.current?.select(); });
  };
  const { n, marks, sheet } = typed.value;
  return html`<form class="typing" ref=${form} onSubmit=${submit} noValidate data-typing="sheets"><div class="typing-fields">
      <div class="field typing-number"><label for="typing-n">${t("admin.entry-word")}</label><input id="typing-n" ref=${first} inputmode="numeric" autocomplete="off" value=${n} aria-describedby="typing-problem" onFocus=${(e) => e.target.select()} onInput=${(e) => { typed.value = { ...typed.value, n: e.target.value }; }} onChange=${(e) => take(e.target.value.trim())} /></div>
      ${category.criteria.map((criterion) => html`<div class="field" key=${criterion.id}><label for="typing-${criterion.id}" dir="auto">${criterion.name}</label><input id="typing-${criterion.id}" data-criterion=${criterion.id} inputmode="decimal" autocomplete="off" value=${marks[criterion.id] ?? ""} aria-describedby="typing-problem" onFocus=${(e) => e.target.select()}
        onInput=${(e) => { typed.value = { ...typed.value, marks: { ...typed.value.marks, [criterion.id]: e.target.value } }; }} /></div>`)}
    </div>
    <p class="field-error" id="typing-problem" data-problem>${problem}</p>
    ${sheet && !sheet.typed && Object.keys(sheet.marks).length > 0 && html`<p class="warn" data-replaces>${t("admin.typing-replaces")}</p>`}
    <p class="buttons"><button class="button button-primary" data-do="save-sheet" aria-busy=${busy}>${t("admin.typing-save")}</button>
      ${sheet && Object.keys(sheet.marks).length > 0 && html`<button type="button" class="button button-quiet" data-do="clear-sheet" onClick=${() => { typed.value = { ...typed.value, marks: {} }; }}>${t("admin.typing-clear")}</button>`}</p></form>
    <ul class="typing-list">${entries.map((entry) => html`<${Row} key=${entry.number} category=${category} entry=${entry} sheet=${sheetOf(entry.number)} take=${(one) => { take(one); form.current.querySelector("[data-criterion]")?.focus(); }} />`)}</ul>`;
}

/** An entry in the list below: its state for this judge; a tap takes it up. */
function Row({ category, entry, sheet, take }) {
  const { look, total, given, of } = filled(category, sheet);
  const words = { empty: t("admin.cell-empty"), recused: t("admin.cell-recused"), started: t("admin.cell-started-long", { some: given, all: of }), full: number(total, 2) }[look];
  return html`<li><button type="button" class="typing-row typing-${look}" data-typed-entry=${entry.number} onClick=${() => take(entry.number)}><${EntryNumber} n=${entry.number} /><span>${words}</span>${given > 0 && look !== "recused" && html`<span class="muted" data-from=${sheet.typed ? "paper" : "phone"}>${t(sheet.typed ? "admin.typing-from-paper" : "admin.typing-from-phone")}</span>`}</button></li>`;
}

/** Tokens or a ranking: all of it in one line of numbers. */
function Hand({ category, judge }) {
  const now = store(), { busy, problem, save } = useSave();
  const ranking = category.method === "ranking";
  const hand = (now.hands ?? []).find((one) => one.category === category.id && one.judge === judge.id);
  const text = useSignal(null), seen = useSignal(base(hand)), saved = useSignal(false);
  const shown = text.value ?? (hand?.entries ?? []).join(" ");
  const submit = async (e) => {
    e.preventDefault();
    const list = shown.split(/[^0-9]+/).filter(Boolean).map(Number);
    const unknown = list.find((n) => now.entry(n)?.category !== category.id);
    if (unknown !== undefined) { problem.value = t("admin.typing-no-entry", { number: unknown }); return announce(problem.value); }
    const answer = await save(`/api/${ranking ? "rankings" : "tokens"}/${encodeURIComponent(category.id)}`, { judge: judge.id, [ranking ? "order" : "entries"]: list, base: text.value === null ? base(hand) : seen.value });
    if (answer?.conflict) { seen.value = base(answer.conflict.hand); text.value = (answer.conflict.hand?.entries ?? []).join(" "); return; }
    if (!answer) return;
    text.value = null;
    saved.value = true;
    announce(t("admin.typing-saved-hand"));
  };
  const change = (e) => { if (text.value === null) seen.value = base(hand); text.value = e.target.value; saved.value = false; };
  return html`<form class="typing" onSubmit=${submit} noValidate data-typing="hand"><div class="field"><label for="typing-hand">${t(`admin.typing-${category.method}`)}</label><input id="typing-hand" inputmode="numeric" autocomplete="off" value=${shown} aria-describedby="typing-problem" onInput=${change} /></div>
    <p class="field-error" id="typing-problem" data-problem>${problem}</p>
    ${hand && hand.entries.length > 0 && html`<p class=${hand.by.startsWith("admin") ? "muted" : "warn"} data-from=${hand.by.startsWith("admin") ? "paper" : "phone"}>${t(hand.by.startsWith("admin") ? "admin.typing-from-paper" : "admin.typing-replaces")}</p>`}
    <p class="buttons"><button class="button button-primary" data-do="save-hand" aria-busy=${busy}>${t("common.save")}</button>${saved.value && html`<span class="saved">${icon("check")}${t("admin.typing-saved-hand")}</span>`}</p></form>
    <p class="muted">${pool(now, category).map((entry) => entry.number).join(" ")}</p>`;
}
