// /mine/LINK: a collector's own entry. The public channel says only that something happened to an entry; what it is comes
// from /api/mine/LINK, which knows the names. So this page listens, and asks again when a message is about its entry.
import { t, ready, say, has, number as figure } from "/static/words.js";
import { call, newId } from "/static/api.js";
import { connect } from "/static/live.js";
import { showStatus } from "/static/status.js";
import { drawMarks } from "/static/mine/marks.js";
import { dayOf } from "/static/moments.js";
import { SecondPhoto } from "/static/submit/second.js";
import { copies, drawIcons, isolated, linkOf, make, minePath, put, qrPath, showNumber } from "/static/submit/parts.js";

const find = (name) => document.querySelector(`[data-${name}]`);
const link = linkOf(location.href);
const STEPS = ["registered", "checked-in", "called", "on-stage"];
const OUT = ["withdrawn", "disqualified"];
const WAIT_MS = 250;                 // one command can bring several messages
const UNTOLD_MS = 20000;             // the public is told nothing of an entry that is hidden or not checked in: then ask by the clock
const SPREAD_MS = 1500;              // a category is called: its collectors' phones must not all ask in the same instant

await ready;
drawIcons();
let mine = null;                     // the last answer: {entry, category, contest}
let timer = null;
let asking = false, askAgain = false;
let dead = false;                    // the server knows no such link: asking again would not help
let retry = 0;
let second = null;                   // the place for the second photo: it stays while it is being sent

const live = connect({ page: "mine", waiting: () => (second?.busy ? 1 : 0) });
showStatus(live, document.querySelector(".status"));

// --- What is known ----------------------------------------------------------------

async function ask() {
  clearTimeout(timer);
  if (dead) return;
  if (asking) { askAgain = true; return; }
  asking = true;
  try {
    mine = await call("GET", `/api/mine/${encodeURIComponent(link)}`);
    retry = 0;
    draw();
  } catch (problem) {
    failed(problem);
  }
  asking = false;
  if (askAgain) { askAgain = false; ask(); }
}

function soon(ms) {
  clearTimeout(timer);
  timer = setTimeout(ask, ms);
}

/** A link that is not known stays so; without an answer the page keeps what it shows and asks again. */
function failed(problem) {
  const final = problem.status === 404 || problem.status === 401 || problem.status === 410;
  dead = final;
  if (dead) live.close();
  else soon(Math.min(30000, 2000 * 2 ** retry++) * (0.5 + Math.random() / 2));
  if (mine && !final) return;        // the footer says that this page is offline
  find("loading").hidden = true;
  find("entry").hidden = true;
  find("failed").hidden = false;
  find("again").hidden = final;
  put(find("failed-words"), say(problem));
}

function isAboutUs({ d }) {
  if (!mine) return false;
  const { number, category } = mine.entry;
  return d.entry?.number === number || d.gone?.entry === number || d.category?.id === category || d.gone?.category === category
    || d.winners?.category === category || (d.contest && d.contest.sheets_open !== mine.contest?.sheets_open);
}

// --- What is shown ----------------------------------------------------------------

/** The place of this entry once it is revealed: {place, score}, or undefined. */
function placeOf({ number, category }) {
  for (const { place, entries } of live.store.winnersOf(category)?.places ?? []) {
    const won = entries.find((winner) => winner.number === number);
    if (won) return { place, score: won.score };
  }
}

const inFigures = (score) => (score == null ? "" : figure(score, 2));
const placeWords = (place) => (has(`place.${place}`) ? t(`place.${place}`) : t("place.n", { place }));

/** [headline, advice] for where the entry stands. */
function words(entry, category) {
  const won = placeOf(entry);
  if (won) return [placeWords(won.place), t("mine.won", { category: isolated(category.name) })];
  if (!OUT.includes(entry.state) && ["decided", "closed", "announced"].includes(category.state)) {
    return [t(`mine.category-${category.state}`), t(`mine.category-${category.state}-advice`)];
  }
  if (entry.state === "called" && entry.calls > 1) return [t(`mine.state-called-${entry.calls}`), t("mine.advice-called")];
  if (entry.state === "checked-in" && entry.been) return [t("mine.state-been"), t("mine.advice-been")];
  return [t(`mine.state-${entry.state}`), t(`mine.advice-${entry.state}`, { number: entry.number })];
}

function draw() {
  const { entry, category } = mine;
  find("loading").hidden = true;
  find("failed").hidden = true;
  find("entry").hidden = false;
  showNumber(find("number"), entry.number);
  const [headline, advice] = words(entry, category);
  put(find("state"), headline);
  put(find("advice"), advice);
  const won = placeOf(entry);
  find("mine").dataset.stands = won ? "won" : entry.state;
  find("mine").dataset.place = won?.place ?? "";
  document.title = `${headline} (${entry.number})`;
  drawSteps(entry, category);
  drawSecond(entry, category);
  drawPicture(entry);
  drawFacts(entry, category);
  drawMarks(find("marks"), find("marks-list"), mine);
  find("qr").src = qrPath(link);
  find("address").value = new URL(minePath(link), mine.contest?.address || location.origin).href;
  const can = !OUT.includes(entry.state) && !["decided", "announced"].includes(category.state);
  find("out").hidden = !can;
  if (!can && find("ask").open) find("ask").close();
}

function drawSteps(entry, category) {
  const at = ["open", "judging"].includes(category.state) ? STEPS.indexOf(entry.state) : -1;
  find("steps").hidden = at < 0;
  find("steps").replaceChildren(...STEPS.map((step, i) => make("li", {
    class: "step", "data-step": i < at ? "past" : i === at ? "now" : "later", "aria-current": i === at ? "step" : null },
  make("span", { text: t(`entry-state.${step}`) }), i < at && make("span", { class: "visually-hidden", text: ` (${t("mine.step-done")})` }))));
}

/** The photo that the category asks for beside the first: sent from here while entries are open, taken at the desk after that. */
function drawSecond(entry, category) {
  const lacks = category.needs && entry.photos.length < 2 && !OUT.includes(entry.state) && entry.state !== "no-show" && !entry.overridden.includes("second_photo_missing");
  const here = lacks && category.state === "open";
  if (here && !second) {
    second = new SecondPhoto({ path: `/api/mine/${encodeURIComponent(link)}/photos`, words: t(`submit.second-${category.needs}`), arrived: () => ask(), ended: () => live.poke() });
    find("mine-second").replaceChildren(second.element);
  }
  if (!lacks && second && second.element.dataset.second === "asked") second = null;
  find("mine-second").hidden = !second;
  find("mine-late").hidden = !lacks || Boolean(here) || !["judging", "closed"].includes(category.state);
  if (lacks) put(find("mine-late"), `${t(`submit.second-${category.needs}`)} ${t("mine.second-desk")}`);
}

function drawPicture(entry) {
  const { photo, hidden, number, state } = entry, shown = photo && !hidden && !OUT.includes(state);
  find("picture").hidden = !shown;
  find("no-photo").hidden = Boolean(shown);
  put(find("no-photo"), t(hidden ? "mine.photo-hidden" : "mine.photo-gone"));
  const image = find("photo");
  if (!shown || image.getAttribute("src") === `/photos/${photo.large}`) return;
  image.alt = t("common.photo-of", { number });
  image.width = photo.width;
  image.height = photo.height;
  image.src = `/photos/${photo.large}`;
}

function drawFacts(entry, category) {
  const rows = [["category", category.name, t(`category-state.${category.state}`)], ["collector", entry.collector], ["artist", entry.artist],
    ["studio", entry.studio], ["say", entry.say], ["tattoo-title", entry.title],
    ["day", category.day && dayOf(category.day)], ["age", entry.age && t(`age.${entry.age}`)], ["size", entry.size_cm > 0 && t("mine.centimetres", { size: figure(entry.size_cm) })], ["at-show", entry.at_show && t("mine.yes")], ["phone", entry.phone], ["score", inFigures(placeOf(entry)?.score)]];
  find("facts").replaceChildren(...rows.filter(([, value]) => value).map(([name, value, more]) =>
    make("div", { class: "fact" }, make("dt", { text: t(`mine.${name}`) }),
      make("dd", {}, make("bdi", { text: value }), more && make("span", { class: "fact-more", text: more })))));
}

// --- Withdrawing --------------------------------------------------------------------

const dialog = find("ask");
let withdrawal = null;               // its id: a repeat after a lost answer is the same withdrawal

find("withdraw").addEventListener("click", () => {
  withdrawal = newId();
  put(find("ask-title"), t("mine.withdraw-title", { number: mine.entry.number }));
  find("ask-error").hidden = true;
  dialog.showModal();
});
find("keep").addEventListener("click", () => dialog.close());
find("do").addEventListener("click", async () => {
  if (find("do").getAttribute("aria-disabled")) return;
  find("do").setAttribute("aria-disabled", "true");
  try {
    await call("POST", `/api/mine/${encodeURIComponent(link)}/withdraw`, {}, { id: withdrawal });
    dialog.close();
    await ask();
    find("now").focus();               // the button that had the focus is gone
  } catch (problem) {
    put(find("ask-error"), say(problem));
    find("ask-error").hidden = false;
  }
  find("do").removeAttribute("aria-disabled");
});

// --- Wiring ---------------------------------------------------------------------------

live.on("message", (kind, d) => { if (isAboutUs({ d })) soon(d.entry || d.gone?.entry ? WAIT_MS : WAIT_MS + Math.random() * SPREAD_MS); });
live.on("state", () => soon(mine ? WAIT_MS + Math.random() * SPREAD_MS : 0));
find("again").addEventListener("click", ask);
addEventListener("online", () => soon(0));
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") soon(0); });
setInterval(() => {
  if (mine && document.visibilityState === "visible" && !live.store.entry(mine.entry.number)) ask();
}, UNTOLD_MS);
copies(find("copy"), find("address"), (text) => { find("say").textContent = text; });
ask();
