// /admin, Judges: who is invited, by which link, who is here. Also the desk and the host, who come in by a link as well.
import { html, icon, signal, useRef, useSignal } from "/static/ui.js";
import { t, time } from "/static/words.js";
import { announce, close, send, show, store } from "/static/admin/contest.js";
import { Ask, Dialog, Head, Problem, useAction } from "/static/admin/parts.js";
import { usePresence, devicesOf } from "/static/admin/presence.js";
import { LoadRescue } from "/static/admin/rescue.js";

const ROLES = ["judge", "desk", "host"];
const path = (judge) => `/api/judges/${encodeURIComponent(judge.id)}`;
/** The QR of a link: drawn by the server, so that it holds the address phones can reach. */
const qr = (link) => `/qr${new URL(link, location.href).pathname}.svg`;

const printed = signal([]);      // the judges whose cards are on paper

export default function Judges() {
  const { judges } = store();
  const there = usePresence();
  const here = judges.filter((judge) => !judge.revoked), gone = judges.filter((judge) => judge.revoked);
  return html`<${Head} title=${t("admin.judges")}>
      <button type="button" class="button ${here.length ? "" : "button-primary"}" data-do="invite" onClick=${() => show(Invite)}>${icon("user-plus")}${t("admin.invite")}</button>
      ${here.length > 0 && html`<button type="button" class="button" data-do="print-cards" onClick=${() => print(here)}>${icon("printer")}${t("admin.print-cards")}</button>`}
      ${here.length > 0 && html`<a class="button" href="/papers#sheets" data-do="sheets">${icon("printer")}${t("papers.sheets")}</a><a class="button" href="#typing" data-do="typing">${icon("pencil")}${t("admin.typing")}</a>`}
      ${here.length > 0 && html`<${LoadRescue} />`}<//>
    ${!here.length && html`<p class="empty">${t("admin.no-judges-text")}</p>`}
    ${ROLES.map((role) => {
      const list = here.filter((judge) => judge.role === role);
      return list.length > 0 && html`<section key=${role}><h2>${t(`admin.role-${role}s`)}${role !== "judge" && there && html` <span class="muted connected">${t("admin.connected", { n: there.connections.filter((one) => one.audience === role).length })}</span>`}</h2><ul class="judges">${list.map((judge) => html`<${Row} key=${judge.id} judge=${judge} />`)}</ul></section>`;
    })}
    ${gone.length > 0 && html`<section><h2>${t("admin.revoked-list")}</h2><ul class="judges">${gone.map((judge) => html`<li class="judge-row" key=${judge.id}><div class="judge-who"><h3 dir="auto">${judge.name}</h3>
      <p class="muted">${t("admin.revoked-text")}</p></div></li>`)}</ul></section>`}
    <${Cards} />`;
}

function Row({ judge }) {
  const { categories } = store();
  const names = judge.categories?.map((id) => categories.find((category) => category.id === id)?.name ?? id);
  return html`<li class="judge-row" data-judge=${judge.id}>
    <div class="judge-who"><h3 dir="auto">${judge.name}</h3>
      <p class="muted" dir="auto">${[judge.head && t("admin.head-judge"), judge.studio].filter(Boolean).join(", ")}</p>
      ${judge.role === "judge" && html`<p class="muted" dir="auto">${names ? names.join(", ") || t("common.none") : t("admin.all-categories")}</p>`}</div>
    ${judge.role === "judge" ? html`<${Seen} judge=${judge} />` : html`<span></span>`}
    <div class="judge-do">
      <button type="button" class="button" data-do="link" onClick=${() => show(LinkDialog, { id: judge.id })}>${icon("qr-code")}<span>${t("admin.link")}<span class="visually-hidden">: ${judge.name}</span></span></button>
      <button type="button" class="button button-quiet" data-do="revoke" onClick=${() => show(Ask, { stop: true, title: t("admin.revoke-title", { name: judge.name }), text: t(`admin.revoke-text-${judge.role}`, { name: judge.name }), action: t("admin.revoke"),
        run: () => send("DELETE", path(judge)), done: t("admin.said-revoked", { name: judge.name }) })}>${icon("user-x")}<span>${t("admin.revoke")}<span class="visually-hidden">: ${judge.name}</span></span></button></div>
  </li>`;
}

/** Each phone of a judge: whether it is here, when it was last heard, how much waits on it. */
function Seen({ judge }) {
  const devices = devicesOf(judge);
  if (!devices.length) return html`<div class="judge-seen"><p class="seen">${t("admin.not-here")}</p></div>`;
  return html`<ul class="judge-seen" data-devices>${devices.map(({ device, here, waiting, at }) => html`<li key=${device} data-device=${here ? "here" : "away"}>
    <span class="seen ${here ? "seen-here" : ""}">${here ? t("admin.here") : t("admin.seen-at", { time: time(at) })}</span>
    ${waiting ? html`<span class="chip chip-pending" data-waiting=${waiting}>${t("admin.waiting", { n: waiting })}</span>`
      : html`<span class="muted">${t(here ? "admin.nothing-waiting" : "admin.may-hold")}</span>`}</li>`)}</ul>`;
}

// --- Inviting ---------------------------------------------------------------------

function Invite() {
  const { categories } = store();
  const action = useAction();
  const role = useSignal("judge"), name = useSignal(""), studio = useSignal(""), head = useSignal(false), all = useSignal(true), some = useSignal([]);
  const problem = useSignal("");
  const submit = async (e) => {
    e.preventDefault();
    const body = { name: name.value.trim(), role: role.value };
    if (role.value === "judge") {
      if (!all.value && !some.value.length) { problem.value = t("admin.choose-category"); return announce(problem.value); }
      Object.assign(body, { studio: studio.value.trim(), head: head.value, categories: all.value ? null : some.value });
    }
    let answer;
    if (!(await action.run(async () => { answer = await send("POST", "/api/judges", body); }, t("admin.said-invited", { name: body.name })))) return;
    show(LinkDialog, { id: answer.judge.id, fresh: answer.judge });
  };
  const tick = (id, on) => { some.value = on ? [...some.value, id] : some.value.filter((one) => one !== id); problem.value = ""; };
  return html`<${Dialog} title=${t("admin.invite")}><form onSubmit=${submit}>
    <fieldset class="field"><legend class="field-label">${t("admin.role")}</legend><div class="roles">${ROLES.map((one) => html`
      <label class="choice" key=${one}><input type="radio" name="role" checked=${role.value === one} onChange=${() => { role.value = one; }} /><span>${t(`admin.role-${one}`)}<span class="field-hint"> ${t(`admin.role-${one}-hint`)}</span></span></label>`)}</div></fieldset>
    <div class="field"><label for="invite-name">${t("admin.name")}</label><input id="invite-name" data-first dir="auto" required maxlength="120" autocomplete="off" value=${name} onInput=${(e) => { name.value = e.target.value; }} /></div>
    ${role.value === "judge" && html`
      <div class="field"><label for="invite-studio">${t("admin.studio")} (${t("common.optional")})</label><input id="invite-studio" dir="auto" maxlength="300" autocomplete="off" aria-describedby="studio-hint" value=${studio} onInput=${(e) => { studio.value = e.target.value; }} />
        <p class="field-hint" id="studio-hint">${t("admin.studio-hint")}</p></div>
      <label class="choice"><input type="checkbox" checked=${head} onChange=${(e) => { head.value = e.target.checked; }} /><span>${t("admin.head-judge")}</span></label>
      ${categories.length > 0 && html`<fieldset class="field"><legend class="field-label">${t("admin.categories")}</legend>
        <label class="choice"><input type="checkbox" checked=${all} onChange=${(e) => { all.value = e.target.checked; problem.value = ""; }} /><span>${t("admin.all-categories")}</span></label>
        ${!all.value && html`<div class="template">${categories.map((category) => html`<label class="choice" key=${category.id}><input type="checkbox" checked=${some.value.includes(category.id)} onChange=${(e) => tick(category.id, e.target.checked)} /><span dir="auto">${category.name}</span></label>`)}</div>`}</fieldset>`}`}
    <${Problem} of=${problem} /><${Problem} of=${action.problem} />
    <div class="dialog-foot"><button type="button" class="button button-quiet" onClick=${close}>${t("common.cancel")}</button><button class="button button-primary" data-do="send-invite" aria-busy=${action.busy}>${t("admin.make-link")}</button></div>
  </form><//>`;
}

// --- The link ---------------------------------------------------------------------

/** `fresh`: a judge who was invited just now and may not have come in over the live channel yet. */
function LinkDialog({ id, fresh }) {
  const judge = store().judge(id) ?? fresh;
  const said = useSignal("");
  const field = useRef(null);
  const link = judge?.link;
  // On plain http, which is what a venue has, browsers hide the clipboard: the old way works there.
  const copy = async () => {
    field.current.select();
    try { await navigator.clipboard.writeText(link); } catch { document.execCommand("copy"); }
    said.value = t("common.copied");
    announce(said.value);
  };
  const renew = () => show(Ask, { stop: true, title: t("admin.renew-title", { name: judge.name }), text: t("admin.renew-text"), action: t("admin.renew"), done: t("admin.said-renewed"),
    
    run: () => send("POST", `${path(judge)}/renew`), then: () => show(LinkDialog, { id }) });
  if (!judge) return null;
  return html`<${Dialog} title=${judge.name}>
    <p class="muted">${t(`admin.link-text-${judge.role}`)}</p>
    <img class="qr" src=${qr(link)} alt=${t("admin.qr-of", { name: judge.name })} width="280" height="280" />
    <div class="field"><label for="judge-link">${t("admin.link")}</label><div class="copy"><input id="judge-link" class="input" ref=${field} readonly dir="ltr" value=${link} onFocus=${(e) => e.target.select()} />
      <button type="button" class="button" data-do="copy" data-first onClick=${copy}>${icon(said.value ? "check" : "copy")}${said.value || t("common.copy")}</button></div></div>
    <div class="dialog-foot"><button type="button" class="button button-stop dialog-left" data-do="renew" onClick=${renew}>${icon("refresh-cw")}${t("admin.renew")}</button>
      <button type="button" class="button" data-do="print-card" onClick=${() => print([judge])}>${icon("printer")}${t("admin.print-card")}</button>
      <button type="button" class="button" onClick=${close}>${t("common.done")}</button></div><//>`;
}

// --- Cards of 85 x 55 mm ---------------------------------------------------------------

/** Print cards: draw them, wait for their codes, then ask for the printer. Nothing else of the page is printed meanwhile. */
async function print(list) {
  close();
  printed.value = list.map((judge) => judge.id);
  document.documentElement.dataset.print = "cards";
  await new Promise((drawn) => setTimeout(drawn, 50));
  await Promise.allSettled([...document.querySelectorAll("[data-cards] img")].map((image) => image.decode()));
  window.print();
  delete document.documentElement.dataset.print;
}

function Cards() {
  const { contest, judges } = store();
  const list = judges.filter((judge) => printed.value.includes(judge.id));
  return html`<ul class="cards" data-cards aria-hidden="true">${list.map((judge) => html`<li class="card" key=${judge.id}>
    <div class="card-words"><p class="card-event gothic" dir="auto">${contest.name}</p><p class="card-name" dir="auto">${judge.name}</p>
      <p class="card-role">${t(`admin.role-${judge.role}`)}</p><p class="card-how">${t(`admin.card-${judge.role}`)}</p></div>
    <img src=${qr(judge.link)} alt="" /></li>`)}</ul>`;
}
