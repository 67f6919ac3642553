// /judge: the shell. It binds the live channel and the outbox to the page's signals and draws header, notices and footer.
import { html, render, signal, computed, effect, batch } from "/static/ui.js";
import { t, ready } from "/static/words.js";
import { connect } from "/static/live.js";
import { call } from "/static/api.js";
import { Photo, fetchAhead } from "/static/judge/photo.js";
import { Sheet } from "/static/judge/sheet.js";
import { Tokens } from "/static/judge/tokens.js";
import { Ranking } from "/static/judge/ranking.js";
import { Menu, Recusal, Conflict } from "/static/judge/menu.js";
import { Notices, Nothing } from "/static/judge/notices.js";
import { Foot, Rail, Slot, step } from "/static/judge/foot.js";
import { RunOffCard, openRunOffs } from "/static/judge/runoff.js";
import { StageChip, followStage } from "/static/judge/stage.js";
import { stayThroughReloads } from "/static/judge/shell.js";
import * as model from "/static/judge/model.js";
import * as marking from "/static/judge/marking.js";
import * as place from "/static/judge/place.js";

const AHEAD_MS = 1000;              // photos are fetched ahead, and the contest is written down, once the page has settled
const open = signal(null);          // "menu", {recuse: entry's number} or {conflict: key of a record}
const landscape = signal(false), wide = signal(false);

// --- The header ----------------------------------------------------------------

/** What the chip says: the state of things, and whether it is violet, green or red. */
const sync = computed(() => {
  const { count, aside, problem } = model.box.value;
  if (problem) return { look: "off", text: t("judge.chip-stopped") };
  const here = count + aside;
  if (model.offline.value) return { look: "off", text: here ? t("judge.chip-offline-n", { n: here }) : t("judge.chip-offline") };
  if (here) return { look: "here", text: t("judge.chip-here", { n: here }) };
  if (model.deaf.value) return { look: "off", text: t("judge.chip-deaf") };
  if (model.status.value !== "live") return { look: "wait", text: t("judge.chip-connecting") };
  return { look: "sent", text: t("judge.chip-sent") };
});

function Head() {
  const c = model.category.value;
  const { look, text } = sync.value;
  if (model.contest.value.me?.role !== "judge") return html`<header class="judge-head"><h1>${t("judge.title")}</h1></header>`;
  return html`
    <header class="judge-head">
      <h1><span class="judge-category" dir="auto">${c?.name ?? t("judge.title")}</span> ${c && c.state !== "open" && html`<span class="judge-count" data-count data-method=${c.method}>${model.countOf(c)}</span>`}</h1>
      <p class="judge-sync" data-sync=${look}>${text}</p>
    </header>`;
}

// --- The whole -----------------------------------------------------------------

function Judge() {
  if (!model.contest.value) return html`<p class="judge-loading">${t("judge.loading")}</p>`;
  const c = model.category.value, e = model.entry.value, shown = open.value;
  const judges = model.contest.value.me?.role === "judge";
  const sheet = judges && e && c && c.state !== "open";
  const close = () => { open.value = null; };
  const conflict = shown?.conflict && model.records.value.get(shown.conflict);
  const recuse = (one) => { open.value = { recuse: one.number }; };
  const left = shown?.recuse && model.entries.value.find((one) => one.number === shown.recuse);
  return html`
    <${Head} />
    <${Notices} open=${open} />
    ${sheet ? html`<${Main} category=${c} entry=${e} onRecuse=${recuse} />` : html`<main id="main" class="judge-main"><${Nothing} /></main>`}
    ${judges && html`<footer class="judge-bottom">${sheet && html`<${Slot} />`}<${Foot} open=${open} /></footer>`}
    ${shown === "menu" && html`<${Menu} onClose=${close} onRecuse=${() => recuse(e)} />`}
    ${left && html`<${Recusal} entry=${left} onClose=${close} />`}
    ${conflict?.conflict && html`<${Conflict} record=${conflict} onClose=${close} />`}
    ${judges && html`<${RunOffCard} />`}
  `;
}

/** What the judge works on: the entry's photo and sheet, or all entries where they are judged by tokens or a ranking. */
function Main({ category, entry, onRecuse }) {
  if (!model.isByHand(category)) {
    return html`
      <main id="main" class="judge-main" data-scroller data-many=${category.criteria.length > 3 || undefined}>
        <${Photo} entry=${entry}><${StageChip} /><//>
        ${landscape.value && html`<${Rail} />`}
        <${Sheet} entry=${entry} category=${category} locked=${!model.takesMarks(category) || model.isOut(entry)} />
      </main>`;
  }
  return html`
    <main id="main" class="judge-main by-hand" data-scroller data-wide=${wide.value || undefined}>
      ${wide.value && html`<${Photo} entry=${entry} />`}
      <${category.method === "tokens" ? Tokens : Ranking} key=${category.id} category=${category} wide=${wide.value}
        locked=${!model.takesMarks(category)} onRecuse=${onRecuse} />
    </main>`;
}

/** One polite region: it tells changes of state, never each mark. */
function announce(region) {
  let was = null;
  effect(() => {
    const { problem, count, aside } = model.box.value;
    const off = model.offline.value, live = model.status.value === "live";
    const now = problem ? problem : off ? "offline" : live && count + aside === 0 ? "sent" : was;
    if (now === was) return;
    const first = was === null;
    was = now;
    if (first && now === "sent") return;   // all is well from the start
    region.textContent = problem ? `${t(`judge.problem-${problem}`)} ${count ? t("judge.kept", { n: count }) : ""}`
      : now === "offline" ? (count ? t("judge.say-offline-n", { n: count }) : t("judge.say-offline")) : t("judge.say-sent");
  });
}

/** Keep the screen on while a judge walks along the line; absent on plain http. */
function stayAwake() {
  const hold = () => { if (!document.hidden) navigator.wakeLock?.request("screen").catch(() => {}); };
  document.addEventListener("visibilitychange", hold);
  hold();
}

/** Who judged on this phone last: signed out, what is kept here is still shown and can be saved as a file. */
function lastJudge(judge) {
  try {
    if (judge) localStorage.setItem("contest-judge-last", judge);
    return localStorage.getItem("contest-judge-last");
  } catch {
    return null;
  }
}

/** The judge's id; null when nobody is signed in as one; undefined when the server cannot be asked. */
async function whoAmI() {
  try {
    const { me } = await call("GET", "/api/state", undefined, { timeout: 5000 });
    return me.role === "judge" ? me.id : null;
  } catch (error) {
    return error.status ? null : undefined;
  }
}

async function begin() {
  const root = document.querySelector("[data-judge]");
  await ready;
  const signedIn = root.dataset.judge || (await whoAmI());
  const judge = signedIn || lastJudge();

  const across = matchMedia("(orientation: landscape) and (min-width: 900px) and (min-height: 600px)");
  const tablet = matchMedia("(min-width: 640px) and (min-height: 600px)");
  const turn = () => { landscape.value = across.matches; wide.value = tablet.matches; };
  for (const query of [across, tablet]) query.addEventListener("change", turn);
  turn();

  let epoch = null;
  const outbox = judge ? await marking.openOutbox(judge, () => epoch) : null;
  if (outbox && signedIn === null) outbox.stop("sign_in");
  else if (judge) lastJudge(judge);
  const live = connect({ page: "judge", waiting: () => (outbox ? outbox.count + outbox.aside : 0), device: marking.device() });
  // The epoch tells a restored log from the one before.
  live.on("state", () => { epoch = live.store.epoch; });

  // What the last visit left is shown at once, with or without the network.
  if (outbox?.remembered) {
    epoch = outbox.remembered.epoch;
    model.contest.value = outbox.remembered;
    place.settle();
  }

  let fetching = 0;
  const show = () => {
    const { me, contest, categories, entries, stage, runOffs } = live.store;
    if (!me) return;
    model.contest.value = { me, contest, categories: [...categories], entries: [...entries], stage, runOffs: [...runOffs], epoch };
    if (!outbox || !mine()) return;
    place.settle();
    clearTimeout(fetching);
    fetching = setTimeout(() => {
      outbox.remember(model.contest.value);
      fetchAhead(model.categories.value.map((c) => ({ entries: model.entriesOf(c.id), large: c.state === "judging" })));
    }, AHEAD_MS);
  };
  const mine = () => live.store.me?.role === "judge" && live.store.me.id === judge;

  live.on("state", () => {
    if (outbox && !mine()) {
      outbox.stop(live.store.me.role === "public" ? "sign_in" : "other_judge");
      if (!model.contest.value) show();
      return;
    }
    show();
    if (!outbox) return;
    outbox.resume();
    const { entries, categories, runOffs, sheets, hands } = live.store;
    outbox.meet({ epoch, entries, categories, runOffs, sheets, hands });
    outbox.remember(model.contest.value);
  });
  live.on("message", (k, d) => { if (outbox && mine() && (d.sheet || d.hand || d.run_off)) outbox.see(d, epoch); });
  live.on("change", () => { if (!outbox || mine()) show(); });
  live.on("status", (status) => {
    batch(() => { model.status.value = status; model.says.value = live.says; });
    if (status === "live") outbox?.poke();
  });
  model.status.value = live.status;
  live.on("signed-out", async () => {
    const why = await call("GET", "/api/state").then(() => "sign_in", (error) => (error.code === "link_revoked" ? error.code : "sign_in"));
    if (outbox) outbox.stop(why); else location.reload();
  });

  // Two links opened on one phone share its session: whoever came first must not send in the other's name.
  if (judge && globalThis.BroadcastChannel) {
    const others = new BroadcastChannel("contest-judge");
    others.onmessage = ({ data }) => {
      if (data !== judge) outbox.stop("other_judge");
      else if (outbox.problem) location.reload();   // the link was opened again, in another tab
    };
    if (signedIn) others.postMessage(judge);
  }

  let told = 0;
  effect(() => {
    const waiting = model.box.value.count + model.box.value.aside;
    if ((waiting === 0) !== (told === 0)) { told = waiting; live.poke(); }
  });
  effect(() => { document.title = [model.number.value, model.category.value?.name, model.contest.value?.contest?.name].filter(Boolean).join(" - "); });

  const region = document.querySelector("[data-announce]");
  announce(region);
  effect(() => { void [model.contest.value, model.records.value]; queueMicrotask(() => { if (outbox && model.contest.value) marking.mendHands(); }); });
  openRunOffs((name) => { region.textContent = t("judge.run-off-closed", { category: name }); });
  followStage((number) => { step(() => {}); region.textContent = t("judge.say-stage", { number }); });
  stayAwake();
  stayThroughReloads();
  render(html`<${Judge} />`, root);
}

begin();
