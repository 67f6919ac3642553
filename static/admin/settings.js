// /admin, Settings: the contest's name and rules, the password, the addresses to hand out, the backups.
import { html, icon, useRef, useSignal } from "/static/ui.js";
import { t } from "/static/words.js";
import { announce, send, store } from "/static/admin/contest.js";
import { Head, Problem, useAction } from "/static/admin/parts.js";
import Backups from "/static/admin/backups.js";
import Keys from "/static/admin/keys.js";

/** A language in its own words: whoever looks for it knows those. */
const languageName = (code) => new Intl.DisplayNames([code], { type: "language" }).of(code);

/** The zones this browser knows, this device's own first, and the one that is set. */
function zones(set) {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return [...new Set([own, set, ...(Intl.supportedValuesOf?.("timeZone") ?? [])].filter(Boolean))];
}

export default function Settings() {
  return html`<${Head} title=${t("admin.settings")} /><div class="settings"><div><${Contest} /><${Password} /><${Keys} /><${Session} /></div><div><${Addresses} /><${Backups} /></div></div>`;
}

function Contest() {
  const { contest } = store();
  const action = useAction();
  const typed = useSignal({}), saved = useSignal(false);      // only what was changed here: the rest may change elsewhere meanwhile
  const now = { ...contest, ...typed.value };
  const languages = contest.languages ?? [contest.language];
  const set = (name, value) => {
    const { [name]: _, ...rest } = typed.value;
    typed.value = value === contest[name] ? rest : { ...rest, [name]: value };
    saved.value = false;
  };
  const save = async (e) => {
    e.preventDefault();
    if (!e.target.reportValidity()) return;
    const changes = { ...typed.value, ...(typed.value.name && { name: typed.value.name.trim() }) };
    if (Object.keys(changes).length && !(await action.run(() => send("PATCH", "/api/contest", changes), t("admin.said-saved")))) return;
    typed.value = {};
    saved.value = true;
  };
  const choices = (name, values) => html`<fieldset class="field"><legend class="field-label">${t(`admin.${name}`)}</legend>${values.map((value) => html`
    <label class="choice" key=${value}><input type="radio" name=${name} checked=${now[name] === value} onChange=${() => set(name, value)} /><span>${t(`admin.${name}-${value}`)}</span></label>`)}</fieldset>`;
  return html`<form class="settings-form" onSubmit=${save}>
    <div class="field"><label for="contest-name">${t("admin.contest-name")}</label><input id="contest-name" dir="auto" required maxlength="120" autocomplete="off" value=${now.name} onInput=${(e) => set("name", e.target.value)} /></div>
    ${languages.length > 1 && html`<div class="field"><label for="contest-language">${t("admin.language")}</label><select id="contest-language" value=${now.language} onChange=${(e) => set("language", e.target.value)} aria-describedby="language-hint">
      ${languages.map((code) => html`<option key=${code} value=${code} lang=${code}>${languageName(code)}</option>`)}</select><p class="field-hint" id="language-hint">${t("admin.language-hint")}</p></div>`}
    <div class="field"><label for="contest-zone">${t("admin.zone")}</label><select id="contest-zone" value=${now.zone ?? ""} onChange=${(e) => set("zone", e.target.value)} aria-describedby="zone-hint">
      <option value="">${t("admin.zone-device")}</option>${zones(now.zone).map((zone) => html`<option key=${zone} value=${zone}>${zone.replaceAll("_", " ")}</option>`)}</select><p class="field-hint" id="zone-hint">${t("admin.zone-hint")}</p></div>
    ${choices("wall", ["at-once", "checked-in"])}${choices("publish", ["placed", "all"])}
    <fieldset class="field"><legend class="field-label">${t("admin.switches")}</legend>
      ${["registration", "calm", "sheets_open"].map((name) => html`<label class="choice" key=${name}><input type="checkbox" checked=${now[name]} onChange=${(e) => set(name, e.target.checked)} /><span>${t(`admin.${name}`)}</span></label>`)}</fieldset>
    <${Problem} of=${action.problem} />
    <p class="buttons"><button class="button button-primary" data-do="save-settings" aria-busy=${action.busy}>${t("common.save")}</button>${saved.value && html`<span class="saved">${icon("check")}${t("admin.said-saved")}</span>`}</p></form>`;
}

function Password() {
  const action = useAction();
  const form = useRef(null);
  const saved = useSignal(false);
  const save = async (e) => {
    e.preventDefault();
    saved.value = false;
    if (!e.target.reportValidity()) return;
    const { current, password } = Object.fromEntries(new FormData(form.current));
    if (!(await action.run(() => send("PUT", "/api/password", { current, password }), t("admin.said-password")))) return;
    form.current.reset();
    saved.value = true;
  };
  return html`<section class="settings-part"><h2>${t("admin.password")}</h2><form ref=${form} onSubmit=${save}>
    <input class="visually-hidden" tabindex="-1" aria-hidden="true" name="username" autocomplete="username" value="organiser" readonly />
    <div class="field"><label for="password-current">${t("admin.password-current")}</label><input id="password-current" name="current" type="password" required autocomplete="current-password" /></div>
    <div class="field"><label for="password-new">${t("admin.password-new")}</label><input id="password-new" name="password" type="password" required minlength="8" autocomplete="new-password" aria-describedby="password-hint" /><p class="field-hint" id="password-hint">${t("error.password_too_short")}</p></div>
    <${Problem} of=${action.problem} /><p class="buttons"><button class="button" data-do="save-password" aria-busy=${action.busy}>${t("admin.password-change")}</button>${saved.value && html`<span class="saved">${icon("check")}${t("admin.said-password")}</span>`}</p></form></section>`;
}

function Session() {
  const action = useAction();
  const leave = async () => { if (await action.run(() => send("POST", "/api/logout"))) location.assign("/"); };
  return html`<section class="settings-part"><h2>${t("admin.session")}</h2><p class="muted">${t("admin.session-text")}</p><button type="button" class="button" data-do="sign-out" aria-busy=${action.busy} onClick=${leave}>${icon("log-out")}${t("common.sign-out")}</button><${Problem} of=${action.problem} /></section>`;
}

function Addresses() {
  const base = store().contest.address ?? location.origin;
  return html`<section class="addresses"><h2>${t("admin.addresses")}</h2><p class="muted">${t("admin.addresses-text")}</p>
    <ul>${["submit", "display", "winners"].map((page) => html`<li key=${page}><img class="qr" src="/qr/${page}.svg" alt=${t("admin.qr-of", { name: t(`nav.${page}`) })} width="180" height="180" loading="lazy" />
      <div><h3>${t(`nav.${page}`)}</h3><p class="muted">${t(`admin.address-${page}`)}</p><a href="/${page}" target="_blank" rel="noopener" dir="ltr">${base}/${page}</a></div></li>`)}</ul></section>`;
}
