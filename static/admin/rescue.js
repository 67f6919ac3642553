// /admin, Judges: a rescue file, which a judge's phone saved when nothing else helped. Each sheet in it counts once, however
// often it is loaded and whether or not the phone sends it later.
import { html, icon, useRef, useSignal } from "/static/ui.js";
import { t, has, moment, say } from "/static/words.js";
import { announce, close, send, show, store } from "/static/admin/contest.js";
import { Dialog, Problem, useAction } from "/static/admin/parts.js";

const ROWS = 200;                  // a request
const MOST_BYTES = 8 << 20;

export function LoadRescue() {
  const file = useRef(null);
  const choose = async (e) => {
    const [chosen] = e.target.files;
    e.target.value = "";      // the same file again is a choice too
    if (chosen) show(Rescue, { content: await read(chosen) });
  };
  return html`<button type="button" class="button" data-do="rescue" onClick=${() => file.current.click()}>${icon("upload")}${t("admin.rescue")}</button>
    <input type="file" accept=".json,application/json" hidden ref=${file} onChange=${choose} data-rescue-file />`;
}

/** What the file holds, null where it is no rescue file. */
async function read(file) {
  try {
    const content = file.size > MOST_BYTES ? null : JSON.parse(await file.text());
    return content?.what === "contest judge rescue" && Array.isArray(content.sheets) && content.judge?.id ? content : null;
  } catch {
    return null;
  }
}

/** Whose marks these are, and when they were saved; then what became of each. */
function Rescue({ content }) {
  const action = useAction();
  const report = useSignal(null);
  if (!content) return html`<${Dialog} title=${t("admin.rescue")}><p data-not-a-rescue>${t("error.not_a_rescue_file")}</p><${Foot} /><//>`;
  const load = () => action.run(async () => { report.value = await sendAll(content); announce(t("admin.rescue-done")); });
  const name = store().judge(content.judge.id)?.name ?? content.judge.name ?? content.judge.id;
  return html`<${Dialog} title=${t("admin.rescue-title", { name })}>
    ${report.value ? html`<${Report} report=${report.value} /><${Foot} />` : html`
      <p>${t("admin.rescue-text", { n: new Set([...content.sheets.map((row) => row.entry), ...(content.hands ?? []).map((row) => row.category)]).size, contest: content.contest?.name ?? "", made: moment(Date.parse(content.made) || 0) })}</p>
      <p class="muted">${t("admin.rescue-once")}</p>
      <${Problem} of=${action.problem} />
      <div class="dialog-foot"><button type="button" class="button button-quiet" onClick=${close}>${t("common.cancel")}</button>
        <button type="button" class="button button-primary" data-do="load-rescue" data-first aria-busy=${action.busy} onClick=${load}>${t("admin.rescue-do")}</button></div>`}<//>`;
}

const Foot = () => html`<div class="dialog-foot"><button type="button" class="button" data-first onClick=${close}>${t("common.close")}</button></div>`;

/** In pieces that a request may hold; the rows of one entry stay together. */
async function sendAll({ judge, sheets, hands = [] }) {
  const whole = { taken: [], known: [], refused: [] };
  const take = async (rows) => {
    const answer = await send("POST", "/api/rescue", { judge: { id: judge.id }, ...rows }, { timeout: 120_000 });
    for (const kind of Object.keys(whole)) whole[kind].push(...answer[kind]);
  };
  for (let from = 0; from < sheets.length;) {
    let to = Math.min(from + ROWS, sheets.length);
    while (to < sheets.length && sheets[to].entry === sheets[to - 1].entry) to++;
    await take({ sheets: sheets.slice(from, to) });
    from = to;
  }
  if (hands.length) await take({ sheets: [], hands });      // one or two a category
  return whole;
}

function Report({ report }) {
  const { taken, known, refused } = report;
  const once = (list) => [...new Set(list)];
  const why = (code, message) => (has(`rescue.${code}`) ? t(`rescue.${code}`) : say({ code, message }));
  const named = (about) => (typeof about === "string" ? store().category(about)?.name ?? about : about);
  const line = (kind, list) => list.length > 0 && html`<p data-report=${kind}>${t(`admin.rescue-${kind}`, { n: list.length })} <span class="muted">${list.map(named).join(", ")}</span></p>`;
  return html`<div class="rescue-report">
    ${line("taken", once(taken))}${line("known", once(known).filter((n) => !taken.includes(n)))}
    ${refused.length > 0 && html`<p data-report="refused">${t("admin.rescue-refused", { n: refused.length })}</p>
      <ul class="ask-list">${refused.map(({ entry, category, code, message }, at) => html`<li key=${at} data-refused=${code}>${category ? `${named(category)}: ${why(code, message)}` : t("admin.rescue-row", { number: entry ?? "?", reason: why(code, message) })}</li>`)}</ul>`}
    ${!taken.length && !refused.length && !known.length && html`<p>${t("admin.rescue-empty")}</p>`}</div>`;
}
