// /winners: what has been revealed, category by category, live. Plain DOM: a section is drawn again only when it changed,
// so that photos already on the page stay where they are.
import { connect } from "./live.js";
import { showStatus } from "./status.js";
import { has, moment, number as figure, ready, t } from "./words.js";

const root = document.querySelector("[data-winners]");
const drawn = new Map();      // category id -> {key: what was drawn, section}

/** An element; strings among the children become text, so what people typed is never markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
  element.append(...children.flat().filter((child) => child !== null && child !== ""));
  return element;
}

const placeWords = (place) => (has(`place.${place}`) ? t(`place.${place}`) : t("place.n", { place }));
const made = ({ artist, studio }) => [artist && t("common.by", { artist }), studio].filter(Boolean).join(", ");
/** The server computes a score exactly and sends it with two places at most; here it always has two. */
const inFigures = (score) => (score == null ? "" : figure(score, 2));
/** The frame follows the photo, so that no thin bars stand beside it; only a very long or wide one stands on the mat. */
function frame({ width, height }, ...children) {
  const box = make("div", { class: "photo winner-photo" }, ...children);
  box.style.setProperty("--ratio", Math.min(1, Math.max(2 / 3, width / height)).toFixed(4));
  return box;
}
const wearer = (winner) => winner.collector || t("common.entry", { number: winner.number });

function card(place, winner, shared) {
  const { number, title, photo, score, votes } = winner;
  const name = wearer(winner);
  return make("li", { class: "winner", "data-entry": number },
    make("p", { class: `winner-place winner-place-${place}` }, make("b", { "aria-hidden": "true" }, String(place)), shared ? t("winners.shared", { place: placeWords(place) }) : placeWords(place)),
    photo
      ? frame(photo,
        make("img", { src: `/photos/${photo.large}`, alt: title || t("common.photo-of", { number }), width: photo.width, height: photo.height, decoding: "async" }),
        make("span", { class: "number" }, make("span", { class: "visually-hidden" }, t("winners.entry")), ` ${number}`))
      : make("div", { class: "photo winner-photo winner-without" }, t("common.no-photo"), make("span", { class: "number" }, String(number))),
    make("h3", { class: `gothic winner-name${name.length > 40 ? " winner-name-long" : ""}`, dir: "auto" }, name),
    made(winner) ? make("p", { dir: "auto" }, made(winner)) : null,
    title ? make("p", { class: "muted", dir: "auto" }, title) : null,
    votes == null ? null : make("p", { class: "winner-score" }, t("winners.votes", { n: votes })),
    score == null ? null : make("p", { class: "winner-score" }, t("winners.score", { score: inFigures(score) })));
}

/** The places after the third, and, where the organiser publishes all, the entries without a place. */
function rest(rows) {
  const cell = (text, figures) => make("td", { dir: "auto", class: figures ? "figures" : null }, text);
  return make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": t("winners.rest") }, make("table", { class: "table winners-rest" },
    make("caption", {}, t("winners.rest")),
    make("thead", {}, make("tr", {}, ["place", "entry", "collector", "artist", "score"].map((name) => make("th", { scope: "col", class: name === "score" ? "figures" : null }, t(`winners.${name === "score" ? "score-head" : name}`))))),
    make("tbody", {}, rows.map(({ place, number, collector, artist, studio, score }) => make("tr", {},
      make("td", {}, place ? placeWords(place) : "-"), make("th", { scope: "row" }, String(number)),
      cell(collector ?? ""), cell([artist, studio].filter(Boolean).join(", ")), cell(inFigures(score), true))))));
}

/** What a category has to show, as plain values; null before its first place is revealed. */
function shown(store, category) {
  const { places, absent = [], corrected = null } = store.winnersOf(category.id) ?? {};
  if (!places?.length && category.state !== "announced") return null;
  const flat = (places ?? []).flatMap(({ place, entries }) => entries.map((winner) => ({ ...winner, place, shared: entries.length > 1 })));
  const placed = new Set(flat.map(({ number }) => number));
  const others = store.contest.publish === "all" && category.state === "announced"
    ? store.entriesOf(category.id).filter(({ number }) => !placed.has(number)) : [];
  return { name: category.name, absent, corrected, top: flat.filter(({ place }) => place <= 3), rest: [...flat.filter(({ place }) => place > 3), ...others] };
}

/** One vote a phone is a weak vote: the results say so. */
function weak(id) {
  const { method, ballots } = live.store.category(id);
  return method === "choice" && ballots === "devices" ? make("p", { class: "muted", "data-weak": "" }, t("winners.weak")) : null;
}

/** What changed after the first announcement, so that nobody finds other names than yesterday without a word. */
function notes({ absent, corrected }) {
  return [absent.length ? make("p", { "data-absent": "" }, t("winners.absent", { n: absent.length, entries: absent.join(", ") })) : null,
    corrected ? make("p", { "data-corrected": "" }, make("strong", {}, t("winners.corrected", { at: moment(corrected.at) })), " ", make("span", { dir: "auto" }, corrected.reason)) : null];
}

/** For the organiser: the page that tells how it was decided. */
const why = (id) => (live.store.me.role === "admin" ? make("p", { "data-no-print": "" }, make("a", { href: `/papers#decided/${encodeURIComponent(id)}`, "data-decided": "" }, t("papers.decided"))) : null);

function section(id, view) {
  const { name, top, rest: rows } = view;
  return make("section", { class: "winners-category", "data-category": id, "aria-labelledby": `category-${id}` },
    make("h2", { class: "gothic", dir: "auto", id: `category-${id}` }, name), weak(id),
    top.length ? make("ol", { class: "winners-places" }, top.map((winner) => card(winner.place, winner, winner.shared))) : make("p", { class: "winners-none" }, t("place.none")),
    make("div", { class: "winners-notes" }, notes(view), why(id)),
    rows.length ? rest(rows) : null);
}

function draw(store) {
  const parts = [], coming = [];
  for (const category of store.categories) {
    const view = shown(store, category);
    if (!view) { coming.push(category); continue; }
    const key = JSON.stringify([view, store.me.role]);
    if (drawn.get(category.id)?.key !== key) drawn.set(category.id, { key, section: section(category.id, view) });
    parts.push(drawn.get(category.id).section);
  }
  if (!parts.length) parts.push(make("p", { class: "winners-none" }, t("winners.none")));
  if (coming.length) {
    parts.push(make("section", { class: "winners-coming" }, make("h2", {}, t("winners.coming")),
      make("ul", { class: "table" }, coming.map(({ name, state, method }) => make("li", {}, make("span", { dir: "auto" }, name), " ", make("span", { class: "muted" }, t(`${method === "choice" ? "choice" : "category"}-state.${state}`)))))));
  }
  // Only what differs is moved: a replaced photo would flash, and a reader would lose the place.
  parts.forEach((part, i) => { if (root.children[i] !== part) root.insertBefore(part, root.children[i] ?? null); });
  while (root.children.length > parts.length) root.lastChild.remove();
  root.removeAttribute("aria-busy");
}

await ready;
const live = connect({ page: "winners" });
live.on("change", () => draw(live.store));
showStatus(live, document.querySelector("[data-status]"));
document.querySelector("[data-print]").addEventListener("click", () => print());
