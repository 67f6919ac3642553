// /admin, Scores: entries that are level. A run-off on the judges' phones in one tap, or the head judge's decision with a reason.
import { html, icon, useEffect, useRef, useSignal } from "/static/ui.js";
import { t } from "/static/words.js";
import { announce, close, send, show, store } from "/static/admin/contest.js";
import { Act, Ask, Dialog, EntryHead, Problem, isolated, names, place, useAction } from "/static/admin/parts.js";
import { Groups } from "/static/admin/groups.js";
import { electorate } from "/static/admin/model.js";

const path = (category) => `/api/categories/${encodeURIComponent(category.id)}`;
const same = (one, other) => [...one].sort().join() === [...other].sort().join();
const list = (entries) => entries.join(", ");

const placed = (table, n) => table.rows.find((row) => row.entry === n)?.place;
const unresolved = (table) => table.unresolved.toSorted((a, b) => placed(table, a[0]) - placed(table, b[0]));

/** Ties among the awards, the run-offs of the category, and what the head judge decided. */
export function Ties({ category, table }) {
  const now = store();
  const runOffs = now.runOffs.filter((one) => one.category === category.id);
  const decisions = now.tie(category.id)?.decisions ?? [];
  const voided = table.flags.filter((flag) => flag.startsWith("decision-void:")).map((flag) => flag.split(":")[1].split("+").map(Number));
  const held = ["judging", "closed"].includes(category.state);
  const groups = held ? unresolved(table).filter((group) => !runOffs.some((one) => !one.closed && one.entries.some((n) => group.includes(n)))) : [];
  if (!groups.length && !runOffs.length && !decisions.length) return null;
  return html`<section class="ties" aria-labelledby="ties-title"><h2 id="ties-title">${t("admin.ties")}</h2>
    ${groups.map((group) => html`<${Tie} key=${group.join()} category=${category} table=${table} group=${group} />`)}
    ${runOffs.toReversed().map((one) => html`<${RunOff} key=${one.id} category=${category} runOff=${one} stale=${table.stale.includes(one.id)} />`)}
    ${decisions.map((one) => html`<${HeadJudge} key=${one.seq} category=${category} table=${table} decision=${one} stale=${voided.some((group) => same(group, one.order.flat()))} held=${held} />`)}</section>`;
}

function Tie({ category, table, group }) {
  const now = store();
  const { voters, recused } = electorate(now, category, group);
  const at = placed(table, group[0]);
  return html`<article class="tie" data-tie=${group.join()}>
    <h3>${icon("triangle-alert")}${t("admin.tie", { entries: list(group), place: place(at) })}</h3>
    <ul class="tie-entries">${group.map((n) => html`<li key=${n}><${EntryHead} entry=${now.entry(n)} n=${n} /><span>${now.entry(n) && names(now.entry(n))}</span></li>`)}</ul>
    ${table.provisional && html`<p class="muted">${t("admin.tie-early")}</p>`}
    <p>${voters.length ? t("admin.tie-voters", { n: voters.length, names: voters.map((judge) => isolated(judge.name)).join(", ") }) : t("admin.tie-nobody")}${recused.length > 0 && html` <span class="muted">${t("admin.tie-recused", { n: recused.length, names: recused.map((judge) => isolated(judge.name)).join(", ") })}</span>`}</p>
    <div class="buttons">${voters.length > 0 && html`<${Act} data="run-off" glyph="users" label=${t("admin.run-off")} hidden=${list(group)} path=${`${path(category)}/run-off`} body=${{ entries: group }} done=${t("admin.said-run-off", { entries: list(group) })} />`}
      <button type="button" class="button" data-do="decide-tie" onClick=${() => show(TieDialog, { id: category.id, group, from: at })}>${t("admin.tie-decide")}<span class="visually-hidden">: ${list(group)}</span></button></div></article>`;
}

/** Who votes and who has; what they voted is told once it is closed, so that nobody is talked to meanwhile. */
function RunOff({ category, runOff, stale }) {
  const now = store();
  const { id, entries, closed, votes, voters } = runOff;
  const name = (judge) => isolated(now.judge(judge)?.name ?? judge);
  const voted = voters.filter((judge) => judge in votes);
  const was = useRef(closed);
  useEffect(() => {      // it closes by itself while nobody looks at it
    if (closed && !was.current) announce(t("admin.said-run-off-closed", { entries: list(entries) }));
    was.current = closed;
  }, [closed]);
  const end = () => show(Ask, { title: t("admin.run-off-close-title"), text: t("admin.run-off-close-text"), list: voters.filter((judge) => !(judge in votes)).map(name), action: t("admin.run-off-close"),
    run: () => send("POST", `/api/run-offs/${encodeURIComponent(id)}/close`), done: t("admin.said-run-off-closed", { entries: list(entries) }) });
  return html`<article class="tie ${closed ? "tie-past" : "run-off-open"}" data-run-off=${id} data-closed=${closed}>
    <h3>${t("admin.run-off-of", { entries: list(entries) })} <span class="chip">${t(closed ? (stale ? "admin.run-off-void" : "admin.run-off-closed") : "admin.run-off-open")}</span></h3>
    ${closed ? html`<ul class="votes">${entries.map((n) => html`<li key=${n}><${EntryHead} entry=${now.entry(n)} n=${n} /><span>${t("admin.votes", { n: voters.filter((judge) => votes[judge] === n).length })}${" "}<span class="muted">${Object.keys(votes).filter((judge) => votes[judge] === n).map(name).join(", ")}</span></span></li>`)}</ul>`
      : html`<p><strong data-voted>${t("admin.voted", { some: voted.length, n: voters.length })}</strong> ${t("admin.run-off-text")}</p>
        <ul class="voters">${voters.map((judge) => html`<li key=${judge} class=${judge in votes ? "voter-done" : ""}>${icon(judge in votes ? "check" : "clock")}<span>${name(judge)}</span> <span class="muted">${t(judge in votes ? "admin.has-voted" : "admin.has-not-voted")}</span></li>`)}</ul>
        <div class="buttons"><button type="button" class="button" data-do="close-run-off" onClick=${end}>${t("admin.run-off-close")}</button></div>`}
    ${stale && html`<p class="warn" data-stale>${t("admin.run-off-stale")}</p>`}</article>`;
}

function HeadJudge({ category, table, decision, stale, held }) {
  const { order, reason } = decision;
  const words = order.map((group) => group.join(" = ")).join(" > ");
  const entries = order.flat(), best = Math.min(...table.rows.filter((row) => entries.includes(row.entry)).map((row) => row.place));
  return html`<article class="tie tie-past" data-tie-decided=${entries.join()}><h3>${t("admin.tie-decided")}</h3>
    <ol class="tie-order">${order.map((group) => html`<li key=${group.join()}>${group.map((n) => t("common.entry", { number: n })).join(", ")}${group.length > 1 && html` <span class="muted">${t("place.shared")}</span>`}</li>`)}</ol>
    <p class="muted">${t("common.reason")}: <span dir="auto">${reason}</span></p>
    ${stale ? html`<p class="warn" data-stale>${t("admin.tie-stale")}</p>`
      : held && html`<button type="button" class="button button-quiet" data-do="decide-tie" onClick=${() => show(TieDialog, { id: category.id, group: entries, from: best, order, reason })}>${icon("pencil")}${t("admin.tie-change")}<span class="visually-hidden">: ${words}</span></button>`}</article>`;
}

/** The head judge orders those who are level, or lets them share. It begins with all of them sharing, so that no order is suggested. `from`: the place of the best. */
function TieDialog({ id, group, from = 1, order, reason: before = "" }) {
  const action = useAction();
  const now = store(), category = now.category(id);
  const groups = useSignal(order ?? [group]), reason = useSignal(before), missing = useSignal("");
  if (!category) return null;
  const head = now.judges.find((judge) => judge.head && !judge.revoked);
  const save = async (e) => {
    e.preventDefault();
    missing.value = reason.value.trim() ? "" : t("error.reason_needed");
    if (missing.value) return document.getElementById("tie-reason").focus();
    if (await action.run(() => send("PUT", `/api/ties/${encodeURIComponent(id)}`, { order: groups.value, reason: reason.value.trim() }), t("admin.said-tie", { entries: list(group) }))) close();
  };
  return html`<${Dialog} wide title=${t("admin.tie-decide")}><form onSubmit=${save} noValidate>
    <p>${t("admin.tie-decide-text", { entries: list(group) })} ${head && t("admin.tie-head", { name: isolated(head.name) })}</p>
    <${Groups} groups=${groups.value} from=${from} set=${(next, words) => { groups.value = next; announce(words); }} />
    <div class="field"><label for="tie-reason">${t("common.reason")}</label><textarea id="tie-reason" dir="auto" maxlength="1000" required value=${reason} aria-invalid=${Boolean(missing.value)} aria-describedby="tie-missing" onInput=${(e) => { reason.value = e.target.value; missing.value = ""; }}></textarea>
      <p class="field-error" id="tie-missing">${missing}</p></div>
    <${Problem} of=${action.problem} />
    <div class="dialog-foot"><button type="button" class="button button-quiet" onClick=${close}>${t("common.cancel")}</button><button class="button button-primary" data-confirm aria-busy=${action.busy}>${t("admin.tie-save")}</button></div>
  </form><//>`;
}
