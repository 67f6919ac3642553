// /judge: the shell. It binds the live channel and the outbox to the page's signals and draws header, notices and footer.
import { html, render, signal, computed, effect, batch, useEffect, icon } from "/static/ui.js";
import { t, ready } from "/static/words.js";
import { connect } from "/static/live.js";
import { call } from "/static/api.js";
import { Photo, fetchAhead, photoUrl, photosOf } from "/static/judge/photo.js";
import { Sheet } from "/static/judge/sheet.js";
import { Menu, NotTaken, Recusal, Conflict } from "/static/judge/menu.js";
import { stayThroughReloads, throughReloads } from "/static/judge/shell.js";
import * as model from "/static/judge/model.js";

const AHEAD_MS = 1000;              // photos are fetched ahead, and the contest is written down, once the page has settled
const WANTED_MS = 6000;             // how long a row with a missing mark stands out
const open = signal(null);          // "menu", "recuse" or {conflict: number}
const landscape = signal(false);

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
  const { judged, all } = c ? model.tally(c) : {};
  return html`
    <header class="judge-head">
      <h1><span class="judge-category" dir="auto">${c?.name ?? t("judge.title")}</span> ${c && c.state !== "open" && html`<span class="judge-count" data-count>${t("judge.count", { judged, n: all })}</span>`}</h1>
      <p class="judge-sync" data-sync=${look}>${text}</p>
    </header>`;
}

// --- Notices: rare, so they may take room ---------------------------------------

function Notices() {
  const { problem, fragile, count, aside } = model.box.value;
  const judges = model.contest.value.me?.role === "judge";
  const c = judges && model.category.value, e = judges && model.entry.value;
  const [refusal, ...more] = model.refusals.value;
  const [conflict] = model.conflicts.value;
  return html`
    <section class="judge-notices" aria-label=${t("judge.notices")}>
      ${problem && html`<div class="notice notice-stop" data-problem=${problem}>
        <p>${t(`judge.problem-${problem}`)} ${count > 0 && t("judge.kept", { n: count })}</p>
        ${count > 0 && html`<button type="button" class="button button-quiet" onClick=${() => model.rescue()}>${t("judge.rescue")}</button>`}</div>`}
      ${!problem && model.deaf.value && html`<div class="notice notice-stop" data-deaf=${model.deaf.value}><p>${t(`live.${model.deaf.value}`)}</p>
        ${model.deaf.value !== "foreign" && html`<button type="button" class="button button-quiet" onClick=${() => location.reload()}>${t("judge.load-again")}</button>`}</div>`}
      ${aside > 0 && html`<div class="notice" data-aside=${aside}><p>${t("judge.aside", { n: aside })}</p>
        <button type="button" class="button button-quiet" onClick=${() => model.rescue()}>${t("judge.rescue")}</button></div>`}
      ${fragile && html`<p class="notice notice-stop">${t("judge.fragile")}</p>`}
      ${conflict && html`<div class="notice" data-conflict=${conflict.entry}><p>${t("judge.conflict", { number: conflict.entry })}</p>
        <button type="button" class="button button-quiet" onClick=${() => { open.value = { conflict: conflict.entry }; }}>${t("judge.conflict-open")}</button></div>`}
      ${refusal && html`<ul class="notice notice-stop"><${NotTaken} record=${refusal} />
        ${more.length > 0 && html`<li><button type="button" class="button button-quiet" onClick=${() => { open.value = "menu"; }}>${t("judge.not-taken-more", { n: more.length })}</button></li>`}</ul>`}
      ${c && e && c.state === "closed" && html`<p class="notice notice-plain">${t("judge.closed")}</p>`}
      ${c && e && !model.takesMarks(c) && html`<p class="notice notice-plain">${t(`judge.locked-${c.state}`)}</p>`}
      ${e && model.isOut(e) && html`<p class="notice notice-plain">${t("judge.out", { number: e.number, state: t(`entry-state.${e.state}`) })}</p>`}
    </section>`;
}

/** Nothing to judge now, said in words; the page moves on by itself when that changes. */
function Nothing() {
  const { me } = model.contest.value;
  const all = model.categories.value;
  const here = model.category.value;
  const words = me?.role !== "judge" ? "judge.not-a-judge" : all.length === 0 ? "judge.no-categories"
    : here?.state === "open" ? "judge.nothing" : "judge.empty";
  return html`
    <div class="judge-nothing">
      <h2>${t(`${words}-title`)}</h2>
      <p>${t(words)}</p>
      ${me?.role === "judge" && html`<ul>${all.map((c) => html`
        <li key=${c.id}>${model.takesMarks(c) && c !== here
          ? html`<button type="button" class="button" data-go=${c.id} dir="auto" onClick=${() => model.goToCategory(c.id)}>${c.name}</button>`
          : html`<span dir="auto">${c.name}</span>`} <small>${t(`judge.state-${c.state}`)}</small></li>`)}</ul>`}
    </div>`;
}

// --- The line above the footer ---------------------------------------------------

function Slot() {
  const e = model.entry.value;
  const way = model.wayOf(e.number);
  const last = model.takesMarks(model.category.value) ? model.undo.value : null;
  const stage = model.contest.value.stage?.entry;
  const onStage = stage && stage !== e.number && model.entries.value.some((x) => x.number === stage);
  const about = last && model.category.value.criteria.find((criterion) => criterion.id === last.what);
  const mode = t(throughReloads.value ? "judge.mode-offline" : "judge.mode");
  const seen = model.records.value.get(e.number)?.seen;
  const words = { unkept: "judge.unkept", unsent: "judge.saved", refused: "judge.not-taken-short",
    sent: !seen?.late ? "judge.sent" : seen.counted ? "judge.sent-late" : "judge.sent-uncounted" }[way];
  return html`
    <div class="judge-slot">
      <p class="judge-way" data-way=${way || "none"}>${words ? t(words) : mode}</p>
      ${last ? html`
        <button type="button" class="judge-undo" data-undo onClick=${() => model.takeBack()}>${icon("undo-2")}
          <span>${t("judge.undo")}</span> ${about && html`<small dir="auto">${about.name}</small>`}</button>`
      : onStage ? html`
        <button type="button" class="judge-undo" data-stage onClick=${() => model.goTo(stage)}>${t("judge.on-stage", { number: stage })}</button>`
      : words && html`<p class="judge-mode">${mode}</p>`}
    </div>`;
}

// --- The footer ----------------------------------------------------------------

function Foot() {
  const next = model.nextUnfinished.value, lacks = model.missing.value, other = model.nextCategory.value, c = model.category.value;
  const { judged } = c ? model.tally(c) : {};
  const toOther = other && [t("judge.next-category", { category: other.name }), () => step(() => model.goToCategory(other.id))];
  const [words, act] = !c || !model.takesMarks(c) ? toOther ?? [null]
    : next ? [t("judge.next", { number: next.number }), () => step(() => model.goTo(next.number))]
    : lacks ? [t("judge.missing", { n: lacks }), toMissing]
    : toOther ? toOther
    : [t("judge.all-judged", { n: judged }), null];
  return html`
    <div class="judge-foot">
      <button type="button" class="judge-back" data-back aria-label=${t("judge.back")} disabled=${!model.canGoBack.value}
        onClick=${() => step(() => model.goBack())}>${icon("arrow-left")}</button>
      ${act ? html`<button type="button" class="judge-next button button-primary" data-next=${next?.number ?? ""} onClick=${act}>${words}</button>`
      : html`<p class="judge-next judge-done" data-done>${words}</p>`}
      <button type="button" class="judge-list" data-list aria-label=${t("judge.list")} aria-haspopup="dialog" onClick=${() => { open.value = "menu"; }}>${icon("list")}</button>
    </div>`;
}

/** Go elsewhere: the page begins at its top, and whoever cannot see it is told the entry's number. */
function step(go) {
  go();
  requestAnimationFrame(() => {
    document.querySelector("[data-scroller]")?.scrollTo({ top: 0, behavior: "instant" });
    document.querySelector("[data-number]")?.focus({ preventScroll: true });
  });
}

function toMissing() {
  const row = document.querySelector("[data-row][data-unmarked]");
  if (!row) return;
  row.scrollIntoView({ block: "center" });
  // After a tap no browser draws a focus ring, and where all rows stand in sight nothing scrolls: so the row itself says "here".
  for (const other of document.querySelectorAll("[data-wanted]")) delete other.dataset.wanted;
  row.dataset.wanted = "";
  setTimeout(() => { delete row.dataset.wanted; }, WANTED_MS);
  row.querySelector("[data-track] input").focus({ preventScroll: true });
}

/** The thumbnails beside the criteria, on a tablet held across. */
function Rail() {
  const c = model.category.value, here = model.number.value;
  useEffect(() => {
    document.querySelector(".rail [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [here]);
  return html`
    <nav class="rail" aria-label=${t("judge.entries")}>
      <ul>${model.entries.value.map((e) => {
        const judged = model.judgement(e, c), photo = photosOf(e)[0];
        return html`
          <li key=${e.number}><button type="button" data-entry=${e.number} data-judgement=${judged} aria-current=${e.number === here ? "true" : undefined}
            aria-label=${t("judge.rail", { number: e.number, state: judged === "out" ? t(`entry-state.${e.state}`) : t(`judge.is-${judged}`) })}
            onClick=${() => step(() => model.goTo(e.number))}>
            ${photo ? html`<img src=${photoUrl(photo.thumb)} alt="" loading="lazy" />` : html`<span></span>`}
            <span class="rail-number">${e.number}</span></button></li>`;
      })}</ul>
    </nav>`;
}

// --- The whole -----------------------------------------------------------------

function Judge() {
  if (!model.contest.value) return html`<p class="judge-loading">${t("judge.loading")}</p>`;
  const c = model.category.value, e = model.entry.value, shown = open.value;
  const judges = model.contest.value.me?.role === "judge";
  const sheet = judges && e && c && c.state !== "open";
  const close = () => { open.value = null; };
  const conflict = shown?.conflict && model.records.value.get(shown.conflict);
  return html`
    <${Head} />
    <${Notices} />
    ${sheet ? html`
      <main id="main" class="judge-main" data-scroller data-many=${c.criteria.length > 3 || undefined}>
        <${Photo} entry=${e} />
        ${landscape.value && html`<${Rail} />`}
        <${Sheet} entry=${e} category=${c} locked=${!model.takesMarks(c) || model.isOut(e)} />
      </main>`
    : html`<main id="main" class="judge-main"><${Nothing} /></main>`}
    ${judges && html`<footer class="judge-bottom">${sheet && html`<${Slot} />`}<${Foot} /></footer>`}
    ${shown === "menu" && html`<${Menu} onClose=${close} onRecuse=${() => { open.value = "recuse"; }} />`}
    ${shown === "recuse" && e && html`<${Recusal} entry=${e} onClose=${close} />`}
    ${conflict?.conflict && html`<${Conflict} record=${conflict} onClose=${close} />`}
  `;
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

  const wide = matchMedia("(orientation: landscape) and (min-width: 900px) and (min-height: 600px)");
  const turn = () => { landscape.value = wide.matches; };
  wide.addEventListener("change", turn);
  turn();

  let epoch = null;
  const outbox = judge ? await model.openOutbox(judge, () => epoch) : null;
  if (outbox && signedIn === null) outbox.stop("sign_in");
  else if (judge) lastJudge(judge);
  const live = connect({ page: "judge", waiting: () => (outbox ? outbox.count + outbox.aside : 0), device: model.device() });
  // The epoch tells a restored log from the one before.
  live.on("state", () => { epoch = live.store.epoch; });

  // What the last visit left is shown at once, with or without the network.
  if (outbox?.remembered) {
    epoch = outbox.remembered.epoch;
    model.contest.value = outbox.remembered;
    model.settle();
  }

  let fetching = 0;
  const show = () => {
    const { me, contest, categories, entries, stage } = live.store;
    if (!me) return;
    model.contest.value = { me, contest, categories: [...categories], entries: [...entries], stage, epoch };
    if (!outbox || !mine()) return;
    model.settle();
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
    outbox.meet({ epoch, entries: live.store.entries, sheets: live.store.sheets });
    outbox.remember(model.contest.value);
  });
  live.on("message", (k, d) => { if (outbox && d.sheet && d.sheet.judge === judge) outbox.see(d.sheet, epoch); });
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

  announce(document.querySelector("[data-announce]"));
  stayAwake();
  stayThroughReloads();
  render(html`<${Judge} />`, root);
}

begin();
