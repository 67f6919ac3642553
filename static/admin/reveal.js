// /admin, Reveal: the same remote as the host's, with a mirror of the screen in words and a warning when no screen is there.
import { html, icon, useEffect, useRef, useSignal } from "/static/ui.js";
import { t } from "/static/words.js";
import { live, route, store } from "/static/admin/contest.js";
import { Head, isolated, place } from "/static/admin/parts.js";
import { usePresence } from "/static/admin/presence.js";

export default function Reveal() {
  const there = usePresence();
  return html`<${Head} title=${t("admin.reveal")}><a class="button" href="/display" target="_blank" rel="noopener">${icon("monitor")}${t("admin.open-screen")}</a><//>
    ${there?.screens === 0 ? html`<p class="notice notice-stop screens" data-no-screen>${icon("triangle-alert")}<span>${t("admin.no-screen")}</span></p>`
      : html`<p class="muted">${there && t("admin.screens", { n: there.screens })}</p>`}
    <${Mirror} />
    <${Remote} category=${route.value.category} />`;
}

/** What the screen shows, in words. */
function Mirror() {
  const { screen } = store();
  const category = screen.category && store().category(screen.category)?.name;
  const words = {
    wall: () => t("admin.mirror-wall"),
    black: () => t("admin.mirror-black"),
    rehearsal: () => t("admin.mirror-rehearsal"),
    message: () => t("admin.mirror-message", { text: isolated(screen.text) }),
    stage: () => (screen.entry ? t("admin.mirror-stage", { number: screen.entry.number }) : t("admin.mirror-stage-empty")),
    reveal: () => t(`admin.mirror-${screen.phase}`, { category: isolated(category), place: screen.place && place(screen.place), names: screen.entries?.map((one) => `${one.number} ${isolated(one.collector || one.title)}`.trim()).join(", ") }),
  }[screen.mode] ?? (() => screen.mode);
  return html`<p class="mirror"><span class="label">${t("admin.mirror")}</span> <span>${words()}</span></p>`;
}

/** The remote is plain DOM and draws itself from the store. */
function Remote({ category }) {
  const box = useRef(null);
  const problem = useSignal("");
  useEffect(() => {
    let remote = null, gone = false;
    import("/static/remote.js").then(({ mountRemote }) => { if (!gone) remote = mountRemote(box.current, live, { category: category || null }); })
      .catch((error) => { console.error(error); problem.value = t("admin.no-remote"); });
    return () => {
      gone = true;
      if (typeof remote === "function") remote(); else remote?.unmount?.();
    };
  }, [category]);
  return html`<div class="remote-box" ref=${box}></div>${problem.value && html`<p class="field-error">${problem}</p>`}`;
}
