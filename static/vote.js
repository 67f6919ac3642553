// /vote: the people's choice, on a phone. A code or this device has one vote: choose, be asked once, done.
// What is known of the ballot stands in vote/ballot.js, the entries in vote/grid.js; here is which view is shown when.
import { connect } from "/static/live.js";
import { showStatus } from "/static/status.js";
import { ready, say, t } from "/static/words.js";
import { put } from "/static/submit/parts.js";
import * as ballot from "/static/vote/ballot.js";
import { drawGrid, largePhoto, upFor } from "/static/vote/grid.js";

const find = (name) => document.querySelector(`[data-${name}]`);
const all = (name) => document.querySelectorAll(`[data-${name}]`);

await ready;
const live = connect({ page: "vote" });
showStatus(live, document.querySelector(".status"));
const store = () => live.store;

let loaded = false;
let code = ballot.codeHere();
let category = "";            // the choice that is voted in
let askCode = false;          // somebody wants to type another code
let looking = null;           // the ballot that was asked about last
let sending = "";             // the ballot whose vote is on its way
let shown = "";
let chosen = null;            // the number in the dialog
let problem = "";             // why the code, or the vote before, was not taken

const which = () => ({ code, category });
const choices = () => store().categories.filter((one) => one.method === "choice");
const choice = () => store().category(category);

/** Show one view; the focus goes to its heading, so that a reader hears where it is. */
function show(name) {
  if (shown === name) return;
  for (const section of all("view")) section.hidden = section.dataset.view !== name;
  const first = !shown || shown === "loading";
  shown = name;
  if (find("ask").open && name !== "choose") find("ask").close();
  if (!first) document.querySelector(`[data-view="${name}"] [tabindex="-1"]`)?.focus();
}

// --- Whose vote, and where --------------------------------------------------------

/** The category of the vote: that of the code, or of this device the one there is. */
async function settle() {
  if (code && !askCode) return lookAt();
  const open = choices().filter((one) => one.ballots === "devices");
  if (!askCode && open.length && !choices().some((one) => one.ballots === "codes")) {
    if (!store().category(category)) category = open.length === 1 ? open[0].id : "";
    if (category) return lookAt();
  }
  draw();
}

/** Ask once whether the ballot is good. What this phone has already voted counts more: a code that it used is no news. */
async function lookAt() {
  const asked = JSON.stringify(which());
  if (looking === asked) return draw();
  looking = asked;
  const before = ballot.voteOf(which());
  if (before?.category) category = before.category;
  if (before && !before.sent) return send();
  if (before?.epoch === store().epoch && (!before.entry || store().entry(before.entry))) return draw();
  try {
    const found = await ballot.look(which());
    if (asked !== looking) return;
    category = found.category;
    looking = JSON.stringify(which());
    if (before) return send();          // the server was restored from a backup: it is told once more
  } catch (refused) {
    if (refused.status === undefined) {          // no answer: the page shows what it has, and asks again
      looking = null;
      if (!category && choices().length === 1) category = choices()[0].id;
      setTimeout(settle, 3000);
    }
    else if (before && ["code_used", "device_used"].includes(refused.code)) ballot.note(which(), { ...before, epoch: store().epoch });
    else {
      problem = say(refused);
      if (code) { askCode = true; code = ""; ballot.setCode(""); }
      else ballot.note(which(), { entry: null, category, sent: true, epoch: store().epoch });      // this device has voted, for what it does not know
    }
  }
  draw();
}

find("code-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const typed = ballot.plain(find("code").value);
  problem = typed.length === 10 ? "" : t("error.no_such_code");
  put(find("code-error"), problem);
  if (problem) return find("code").focus();
  askCode = false;
  looking = null;
  code = typed;
  ballot.setCode(code);
  await settle();
  if (askCode) find("code").focus();
});

find("other").addEventListener("click", () => {
  code = "";
  category = "";
  ballot.setCode("");
  askCode = true;
  problem = "";
  find("code").value = "";
  draw();
  find("code").focus();
});

// --- Choosing ---------------------------------------------------------------------

function open(number) {
  const entry = store().entry(number);
  if (!entry) return;
  chosen = number;
  largePhoto(find("ask-photo"), entry);
  put(find("ask-title"), t("common.entry", { number }));
  put(find("ask-category"), store().category(entry.category)?.name ?? "");
  put(find("do"), t("vote.do", { number }));
  find("ask").showModal();
  find("ask").scrollTop = 0;
  find("ask-title").focus({ preventScroll: true });
}
find("back").addEventListener("click", () => find("ask").close());
find("ask").addEventListener("close", () => { document.querySelector(`[data-entry="${chosen}"]`)?.focus(); });
find("do").addEventListener("click", () => {
  problem = "";
  ballot.begin(which(), chosen, category, store().epoch);
  find("ask").close();
  send();
});

async function send() {
  const mine = JSON.stringify(which());
  if (sending === mine) return;
  sending = mine;
  draw();
  try {
    await ballot.send(which());
  } catch (refused) {
    problem = say(refused);
    looking = null;
    if (["no_such_code", "code_revoked", "code_used"].includes(refused.code)) { askCode = true; code = ""; ballot.setCode(""); }
    if (refused.code === "device_used") ballot.note(which(), { entry: null, category, sent: true, epoch: store().epoch });
  }
  sending = "";
  draw();
}

// --- Drawing ------------------------------------------------------------------------

function draw() {
  if (!loaded) return;
  for (const element of all("name")) put(element, choice()?.name ?? "");
  put(find("code-error"), problem);
  put(find("choose-error"), problem);
  show(view());
}

/** Which view it is, drawn. */
function view() {
  if (!choices().length) return "none";
  if (askCode || (!code && !category && choices().some((one) => one.ballots === "codes"))) return "code";
  if (!code && !category) return drawWhich();
  const vote = ballot.voteOf(which());
  if (vote) return drawVote(vote);
  if (!choice()) return "loading";
  return choice().state === "judging" ? drawChoose() : drawWait();
}

function drawWhich() {
  find("which").replaceChildren(...choices().map((one) => {
    const item = document.createElement("li"), button = document.createElement("button");
    Object.assign(button, { type: "button", className: "button button-wide", textContent: one.name, dir: "auto" });
    button.addEventListener("click", () => { category = one.id; settle(); });
    item.append(button);
    return item;
  }));
  return "which";
}

function drawWait() {
  const closed = choice().state !== "open";
  put(find("wait-title"), t(closed ? "vote.closed" : "vote.wait"));
  put(find("wait-text"), t(closed ? "vote.closed-text" : "vote.wait-text"));
  find("wait-winners").hidden = !closed;
  return "wait";
}

function drawVote({ entry, sent }) {
  for (const element of all("number")) { put(element, entry ? String(entry) : ""); element.hidden = !entry; }
  put(find("sending-text"), t("vote.sending-text", { number: entry }));
  const there = store().entry(entry), box = find("done-photo");
  box.hidden = !there?.photo;
  if (sent && there?.photo && box.dataset.of !== String(entry)) { box.dataset.of = String(entry); largePhoto(box, there); }
  find("other").hidden = !choices().some((one) => one.ballots === "codes" && one.state === "judging");
  return sent ? "done" : "sending";
}

function drawChoose() {
  const entries = upFor(store(), choice());
  const here = store().categories.filter((one) => entries.some((entry) => entry.category === one.id));
  const select = find("category");
  const options = [["", t("vote.all")], ...here.map(({ id, name }) => [id, name])];
  if (select.dataset.key !== JSON.stringify(options)) {
    const before = select.value;
    select.dataset.key = JSON.stringify(options);
    select.replaceChildren(...options.map(([value, words]) => new Option(words, value)));
    select.value = here.some(({ id }) => id === before) ? before : "";
  }
  find("filter").hidden = here.length < 2;
  const some = drawGrid(find("grid"), store(), entries, { category: select.value, find: find("find").value.trim() }, open);
  find("nothing").hidden = some > 0;
  return "choose";
}

find("category").addEventListener("change", draw);
find("find").addEventListener("input", draw);
addEventListener("hashchange", () => { code = ballot.codeHere(); askCode = false; looking = null; problem = ""; settle(); });
live.on("state", () => { loaded = true; looking = null; settle(); });
live.on("change", draw);
