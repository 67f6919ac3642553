// /admin, Settings: the keys of scripts. Each is shown when it is asked for, since it is as good as a sign-in.
import { html, icon, useSignal } from "/static/ui.js";
import { t } from "/static/words.js";
import { send, show } from "/static/admin/contest.js";
import { Ask, Problem, isolated, useAction, useAsked } from "/static/admin/parts.js";

const ROLES = ["host", "desk", "admin"];

export default function Keys() {
  const list = useSignal(null);
  const name = useSignal(""), role = useSignal(ROLES[0]);
  const adding = useAction();
  const { problem, look } = useAsked("/api/keys", ({ keys }) => { list.value = keys.filter((key) => !key.revoked); });
  const add = async (e) => {
    e.preventDefault();
    if (!e.target.reportValidity()) return;
    const body = { name: name.value.trim(), role: role.value };
    if (!(await adding.run(() => send("POST", "/api/keys", body), t("admin.said-key", { name: body.name })))) return;
    name.value = "";
    look();
  };
  const revoke = (key) => show(Ask, {
    title: t("admin.key-revoke-title", { name: isolated(key.name) }), text: t("admin.key-revoke-text"), action: t("admin.revoke"), stop: true,
    run: async () => { await send("DELETE", `/api/keys/${encodeURIComponent(key.id)}`); look(); }, done: t("admin.said-key-revoked", { name: key.name }),
  });
  return html`<section class="settings-part keys" data-keys><h2>${t("admin.keys")}</h2><p class="muted">${t("admin.keys-text")}</p>
    <form onSubmit=${add}>
      <div class="field"><label for="key-name">${t("admin.key-name")}</label><input id="key-name" dir="auto" required maxlength="120" autocomplete="off" value=${name} onInput=${(e) => { name.value = e.target.value; }} /></div>
      <div class="field"><label for="key-role">${t("admin.role")}</label><select id="key-role" value=${role} onChange=${(e) => { role.value = e.target.value; }}>
        ${ROLES.map((each) => html`<option key=${each} value=${each}>${t(`admin.role-${each}`)}</option>`)}</select></div>
      <p class="buttons"><button class="button" data-do="add-key" aria-busy=${adding.busy}>${icon("plus")}${t("admin.key-add")}</button></p></form>
    <${Problem} of=${adding.problem} /><${Problem} of=${problem} />
    ${list.value?.length > 0 && html`<ul class="backup-list">${list.value.map((key) => html`<li key=${key.id} data-key=${key.id}>
      <p class="backup-what"><strong dir="auto">${key.name}</strong> <span class="muted">${t(`admin.role-${key.role}`)}</span></p>
      <details><summary>${t("admin.key-show")}<span class="visually-hidden">: ${key.name}</span></summary><code dir="ltr" data-secret>${key.secret}</code></details>
      <div class="buttons"><button type="button" class="button button-quiet" data-do="revoke-key" onClick=${() => revoke(key)}>${t("admin.revoke")}<span class="visually-hidden">: ${key.name}</span></button></div>
    </li>`)}</ul>`}</section>`;
}
