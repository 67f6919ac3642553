// /admin, Settings: the backups. A list to carry off this machine, and the way back to one of them.
import { html, icon, useEffect, useRef, useSignal } from "/static/ui.js";
import { t, has, number, say, moment } from "/static/words.js";
import { Refused, Unreachable, call } from "/static/api.js";
import { LONG, announce, close, isOurs, live, send, show, store } from "/static/admin/contest.js";
import { Dialog, Problem, useAction, useAsked } from "/static/admin/parts.js";

const STALL = 30_000;      // ms: an upload that moves no byte for so long is on a dead wifi
const LATE = 60_000;       // ms: a server that starts again is back long before
const MEGABYTE = 1 << 20;

/** "Backup 42", of the name 000042-1240-timer. */
const called = ({ name }) => t("admin.backup-n", { number: parseInt(name, 10) });
const after = ({ seq, at }) => `${t("admin.backup-after", { n: seq })}, ${moment(at)}`;
const why = ({ why: kind }) => (has(`admin.backup-why-${kind}`) ? t(`admin.backup-why-${kind}`) : kind);

export default function Backups() {
  const list = useSignal(null), fault = useSignal(""), over = useSignal(false);
  const making = useAction();
  const file = useRef(null);
  const { problem, look } = useAsked("/api/backups", (answer) => {
    list.value = answer.backups;
    fault.value = answer.second_place_fault;
    over.value = Boolean(answer.quota_fault);
  });
  const make = async () => {
    if (await making.run(() => send("POST", "/api/backups", {}, { timeout: LONG }), t("admin.said-backup"))) look();
  };
  const choose = (e) => {
    const [chosen] = e.target.files;
    e.target.value = "";      // the same file again is a choice too
    if (chosen) show(Restore, { file: chosen });
  };
  return html`<section class="settings-part backups" data-backups><h2>${t("admin.backups")}</h2>
    <p class="muted">${t("admin.backups-text")}</p>
    ${fault.value && html`<p class="notice notice-stop warn" data-second-place>${t("admin.second-place", { message: fault.value })}</p>`}
    ${over.value && html`<p class="notice notice-stop warn" data-over-quota>${t("admin.backups-over")}</p>`}
    <div class="buttons"><button type="button" class="button" data-do="backup" aria-busy=${making.busy} onClick=${make}>${icon("plus")}${t(making.busy.value ? "admin.backup-making" : "admin.backup-now")}</button>
      <button type="button" class="button" data-do="restore-file" onClick=${() => file.current.click()}>${icon("upload")}${t("admin.restore-file")}</button>
      <input type="file" accept=".zip,application/zip" hidden ref=${file} onChange=${choose} data-restore-file /></div>
    <${Problem} of=${making.problem} /><${Problem} of=${problem} />
    ${list.value?.length === 0 && html`<p class="muted">${t("admin.no-backups")}</p>`}
    ${list.value?.length > 0 && html`<ol class="backup-list">${list.value.map((backup) => html`<li key=${backup.name} data-backup=${backup.name}>
      <p class="backup-what"><strong>${called(backup)}</strong> <span class="muted">${why(backup)}</span> <span class="muted">${after(backup)}</span></p>
      <div class="buttons"><a class="button" href="/api/backups/${encodeURIComponent(backup.name)}.zip" download>${icon("download")}<span>${t("admin.download")}<span class="visually-hidden">: ${called(backup)}</span></span></a>
        <button type="button" class="button button-quiet" data-do="restore" onClick=${() => show(Restore, { backup })}>${icon("undo-2")}<span>${t("admin.restore")}<span class="visually-hidden">: ${called(backup)}</span></span></button></div>
    </li>`)}</ol>`}</section>`;
}

// --- The way back ---------------------------------------------------------------------

/**
 * Ask, send, wait. `backup`: one of the list; `file`: an archive from this device.
 *
 *   ask -> sending (a file only) -> checking -> restarting -> done;  late: the server is not back;  a refusal leads back to ask
 *
 * The answer may be lost as the server goes down: what proves the restore is a state of another epoch.
 */
function Restore({ backup, file }) {
  const phase = useSignal("ask"), share = useSignal(0), problem = useSignal("");
  const epoch = useRef(null), sending = useRef(null), words = useRef(null);
  const now = phase.value;
  useEffect(() => live.on("state", () => {
    if (epoch.current === null || live.store.epoch === epoch.current) return;
    phase.value = "done";
    announce(t("admin.restored"));
  }), []);
  useEffect(() => {
    // What had the focus is gone with each step, and back at the question it begins on Cancel.
    if (words.current) words.current.focus();
    else if (problem.peek()) document.querySelector("[data-dialog] [data-first]").focus();
    if (now !== "restarting") return undefined;
    const clock = setTimeout(() => { phase.value = "late"; announce(t("admin.restore-late")); }, LATE);
    return () => clearTimeout(clock);
  }, [now]);
  useEffect(() => () => sending.current?.abort(), []);

  const begin = async (e) => {
    e.preventDefault();
    if (phase.peek() !== "ask") return;
    epoch.current = live.store.epoch;
    problem.value = "";
    phase.value = file ? "sending" : "checking";
    try {
      if (file) {
        await upload(file, sending, { part: (done) => { share.value = done; }, sent: () => { phase.value = "checking"; announce(t("admin.restore-checking")); } });
      } else await call("POST", "/api/restore", { name: backup.name }, { timeout: LONG });
      if (phase.peek() === "done") return;
      phase.value = "restarting";
      announce(t("admin.restore-restarting"));
    } catch (error) {
      if (phase.peek() === "done") return;
      if (!isOurs(error)) console.error(error);
      problem.value = error.cancelled ? t("admin.restore-cancelled") : say(error);
      phase.value = "ask";
      announce(problem.value);
    }
  };
  const percent = Math.floor(100 * share.value);
  const said = { sending: () => t("admin.restore-sending", { percent }), checking: () => t("admin.restore-checking"), restarting: () => t("admin.restore-restarting"), late: () => t("admin.restore-late"), done: () => t("admin.restored") }[now];
  return html`<${Dialog} title=${t(now === "ask" ? "admin.restore-title" : "admin.restore")} locked=${["sending", "checking", "restarting"].includes(now)}>
    ${now === "ask" ? html`<form onSubmit=${begin}><${Question} backup=${backup} file=${file} /><${Problem} of=${problem} />
      <div class="dialog-foot"><button type="button" class="button button-quiet" data-first onClick=${close}>${t("common.cancel")}</button>
        <button class="button button-stop" data-confirm>${t("admin.restore")}</button></div></form>`
    : html`<div class="restoring" data-restoring=${now}><p ref=${words} tabindex="-1">${said()}</p>
      ${now === "sending" && html`<progress max="1" value=${share} aria-label=${t("admin.restore-progress")}></progress>`}
      <div class="dialog-foot">${now === "sending" && html`<button type="button" class="button" data-do="cancel-restore" onClick=${() => sending.current.abort()}>${t("common.cancel")}</button>`}
        ${["done", "late"].includes(now) && html`<button type="button" class="button" data-do="close-restore" onClick=${close}>${t("common.close")}</button>`}</div></div>`}<//>`;
}

/** What comes, what it replaces, and that nothing is thrown away. */
function Question({ backup, file }) {
  const { categories, entries, judges, sheets } = store();
  const here = [t("admin.categories-n", { n: categories.length }), t("common.entries", { n: entries.length }), t("admin.people-n", { n: judges.length }), t("admin.sheets-n", { n: sheets.length })];
  return html`<p>${file ? html`<strong><bdi>${file.name}</bdi></strong>, ${t("admin.megabytes", { size: number(file.size / MEGABYTE, 1) })}` : html`<strong>${called(backup)}</strong><br /><span class="muted">${why(backup)}<br />${after(backup)}</span>`}</p>
    <p class="restore-replaced">${t("admin.restore-replaced")}</p>
    <ul class="ask-list">${here.map((line) => html`<li key=${line}>${line}</li>`)}</ul>
    <p>${t("admin.restore-kept")}</p>
    ${file && html`<p>${t("admin.restore-foreign")}</p>`}`;
}

/**
 * Send an archive; settles with its answer. XMLHttpRequest, because fetch does not tell how far an upload is.
 *   request   a ref that holds the request while it can be aborted
 */
function upload(file, request, { part, sent }) {
  return new Promise((done, refuse) => {
    const form = new FormData();
    form.set("photo", file, file.name);
    const one = new XMLHttpRequest();
    let clock;
    const fail = (more) => { clearTimeout(clock); request.current = null; refuse(Object.assign(new Unreachable("The archive was not answered"), more)); };
    const stall = (ms) => { clearTimeout(clock); clock = setTimeout(() => { one.onabort = null; one.abort(); fail(); }, ms); };
    one.upload.onprogress = ({ loaded, total }) => { stall(STALL); part(total ? loaded / total : 0); };
    one.upload.onload = () => { request.current = null; stall(LONG); sent(); };
    one.onerror = () => fail();
    one.onabort = () => fail({ cancelled: true });
    one.onload = () => {
      clearTimeout(clock);
      request.current = null;
      let body = null;
      try { body = JSON.parse(one.responseText); } catch { /* somebody else's page */ }
      if (one.status < 300 && body) return done(body);
      if (body?.error?.code) return refuse(new Refused({ ...body.error, status: one.status, body }));
      return fail();
    };
    one.open("POST", "/api/restore");
    one.setRequestHeader("Accept", "application/json");
    request.current = one;
    stall(STALL);
    one.send(form);
  });
}
