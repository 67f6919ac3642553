// /admin, Now: what became of the machine under the server: it slept, its disk fills, it is not alone, printed codes lead elsewhere.
import { html, icon } from "/static/ui.js";
import { t, number, moment } from "/static/words.js";
import { send } from "/static/admin/contest.js";
import { Problem, useAction } from "/static/admin/parts.js";
import { look } from "/static/admin/presence.js";

const said = ({ code, address, seconds, at, megabytes, count }) => ({
  slept: () => t("admin.warn-slept", { minutes: number(Math.max(1, Math.round(seconds / 60))), at: moment(at) }),
  disk_low: () => t("admin.warn-disk", { megabytes: number(megabytes) }),
  machines: () => t("admin.warn-machines", { count: number(count) }),
  address_lost: () => t("admin.warn-address-lost", { address }),
  address_former: () => t("admin.warn-address-former", { address }),
})[code]?.() ?? code;

/** `of`: the warnings of GET /api/presence. What has happened can be put away; what is so stays. */
export default function Warnings({ of }) {
  const action = useAction();
  if (!of.length) return null;
  const past = of.some(({ code }) => code === "slept" || code === "address_former");
  const forget = async () => { if (await action.run(() => send("DELETE", "/api/warnings"), t("admin.said-forgotten"))) look(); };
  return html`<section class="notice notice-stop warn machine-warnings" data-warnings>
    ${of.map((one) => html`<p key=${one.code + (one.address ?? "")} data-warning=${one.code}>${icon("triangle-alert")} ${said(one)}</p>`)}
    ${past && html`<div class="buttons"><button type="button" class="button" data-do="forget-warnings" aria-busy=${action.busy} onClick=${forget}>${icon("check")}${t("admin.warn-forget")}</button></div>`}
    <${Problem} of=${action.problem} /></section>`;
}
