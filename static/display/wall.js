// The wall: the newest tattoo large, six small cells beside it, the last of them the way in. Tiles are kept by number, so an entry that
// moves from the large cell to a small one keeps the stage of its inking.
import { t, number as figure } from "/static/words.js";
import { when, zoneOf } from "/static/moments.js";
import { fit, make, photoPath, ratio } from "./dom.js";

const STENCIL_MS = 1500;
const SMALL_CELLS = 6;
// A crop may cost a quarter of the photo; beyond that it is shown whole on the neutral mat.
const LEAST_VISIBLE = 0.75;
const THUMB_PIXELS = 480;
const HERE = ["checked-in", "called", "on-stage"];
const OUT = ["withdrawn", "disqualified"];

const NAME_RUNGS = [128, 112, 96, 80, 64, 52, 44].map((size) => ({ "--name": size }));
const HERO_RUNGS = [240, 200, 168, 144, 120, 96, 80, 64, 52].map((size) => ({ "--name": size }));

/** What the public may see, also when this browser happens to be signed in as somebody who may see more. */
function shown(store) {
  const places = store.winners.flatMap((winners) => winners.places.flatMap((place) => place.entries));
  const named = new Set(places.map((winner) => winner.number));
  const here = store.contest.wall === "checked-in" ? (entry) => HERE.includes(entry.state) || named.has(entry.number) : () => true;
  return store.entries.filter((entry) => !entry.hidden && !OUT.includes(entry.state) && here(entry));
}

function summary(store, entries) {
  const judging = store.categories.filter((category) => category.state === "judging" && category.method !== "choice");
  const count = t("display.count", { n: entries.length, count: figure(entries.length, 0) });
  if (judging.length === 1) return t("display.count-judging", { count, category: judging[0].name });
  return count;
}

const TICK_MS = 20000;

/** The next moment at which a category stops taking entries: [ms, its names], or null. */
function closing(store) {
  const open = store.categories.filter((category) => category.state === "open" && category.closes_at > Date.now() && !category.from?.length);
  const next = Math.min(...open.map((category) => category.closes_at));
  const names = open.filter((category) => category.closes_at === next).map((category) => category.name);
  return open.length ? { next, names, all: names.length === store.categories.filter((category) => category.state === "open").length } : null;
}

class Tile {
  constructor(entry, fresh) {
    this.number = entry.number;
    this.stencil = make("img", { class: "tile-stencil", alt: "", draggable: "false" });
    this.photo = make("img", { class: "tile-photo", alt: t("display.photo", { number: entry.number }), draggable: "false" });
    this.element = make("li", { class: "tile", "data-entry": entry.number, "data-phase": fresh ? "stencil" : "ink" },
      this.stencil, this.photo, make("p", { class: "tile-number", text: entry.number }));
    this.photo.addEventListener("error", () => this.element.setAttribute("data-bare", ""));
    this.photo.addEventListener("load", () => this.element.removeAttribute("data-bare"));
    if (fresh) this.arrive();
  }

  /** The stencil stands for a second and a half, then the photo, ready by then, inks in. */
  arrive() {
    this.element.setAttribute("data-fresh", "");
    setTimeout(() => {
      this.photo.decode().catch(() => {}).then(() => this.element.setAttribute("data-phase", "ink"));
    }, STENCIL_MS);
  }

  /** Shows the entry in its cell as it is now; the sharp photo only where a thumb would be blurred. */
  update(entry) {
    const cell = this.element.getBoundingClientRect();
    const pixels = Math.max(cell.width, cell.height) * devicePixelRatio;
    const photo = entry.photo;
    this.element.toggleAttribute("data-bare", !photo);
    if (!photo) return [this.stencil, this.photo].forEach((image) => image.removeAttribute("src"));
    set(this.stencil, photoPath(photo.stencil));
    // A photo once loaded large is not swapped for its thumb when the tile moves on: that would flicker.
    if (!this.photo.src.endsWith(photo.large)) set(this.photo, photoPath(pixels > THUMB_PIXELS * 1.1 ? photo.large : photo.thumb));
    const shape = ratio(photo), room = cell.width / Math.max(cell.height, 1);
    this.element.toggleAttribute("data-whole", Math.min(shape / room, room / shape) < LEAST_VISIBLE);
    return undefined;
  }
}

function set(image, path) {
  if (image.getAttribute("src") !== path) image.setAttribute("src", path);
}

function way(address) {
  const link = make("img", { class: "way-code", src: "/qr/submit.svg", alt: t("display.enter-code"), draggable: "false" });
  return make("li", { class: "way" }, link,
    make("p", { class: "way-words", text: t("display.enter") }),
    make("p", { class: "way-closes" }), address && make("p", { class: "way-address", text: address }));
}

/** The wall as a scene: {element, update(store), fit()}. */
export class Wall {
  constructor() {
    this.tiles = new Map();
    this.known = null;
    this.name = make("h1", { class: "wall-name", "data-fit": true, dir: "auto" });
    this.count = make("p", { class: "wall-count" });
    this.head = make("header", { class: "wall-head" }, this.name, this.count);
    this.grid = make("ul", { class: "wall-grid", role: "list" });
    this.element = make("section", { class: "scene wall" }, this.head, this.grid);
  }

  update(store) {
    this.store = store;
    const all = shown(store);
    const open = store.contest.registration !== false && store.categories.some((category) => category.state === "open" && category.method !== "choice");
    const newest = all.slice(-(open ? SMALL_CELLS : SMALL_CELLS + 1)).reverse();
    this.name.textContent = store.contest.name || t("common.contest");
    this.count.textContent = all.length ? summary(store, all) : open ? t("display.empty") : "";
    const rest = Math.max(0, newest.length - 1 + (open ? 1 : 0));
    this.element.dataset.entries = newest.length;
    this.element.dataset.rest = rest;
    this.arrange(newest, open);
    for (const entry of newest) this.tiles.get(entry.number).update(entry);
    this.known = new Set(all.map((entry) => entry.number));
    this.closes();
    this.fit();
  }

  /** Until when entries are taken, beside the way in; drawn again by the clock, since nobody tells a screen that time has passed. */
  closes() {
    clearTimeout(this.clock);
    const next = closing(this.store);
    if (next) this.clock = setTimeout(() => this.closes(), TICK_MS);
    if (!this.way) return;
    const line = this.way.querySelector(".way-closes");
    const time = next && when(next.next, zoneOf(this.store.contest));
    const name = !next || next.all ? "" : next.names.length === 1 ? next.names[0] : t("display.some", { n: next.names.length });
    line.replaceChildren(...(name ? [make("span", { class: "way-category", dir: "auto", text: name })] : []), next ? t("rule.closes", { time }) : "");
    line.hidden = !next;
  }

  arrange(newest, open) {
    const keep = new Set(newest.map((entry) => entry.number));
    for (const number of [...this.tiles.keys()]) if (!keep.has(number)) this.tiles.delete(number);
    for (const entry of newest) {
      if (this.tiles.has(entry.number)) continue;
      const fresh = Boolean(this.known && !this.known.has(entry.number) && entry.photo);
      this.tiles.set(entry.number, new Tile(entry, fresh));
    }
    if (open) this.way ??= way(address(this.store.contest.address));
    const wanted = [...newest.map((entry) => this.tiles.get(entry.number).element), ...(open ? [this.way] : [])];
    // Nothing is taken out and put back that stays: an element that is inserted again loses its running transition.
    for (const child of [...this.grid.children]) if (!wanted.includes(child)) child.remove();
    wanted.forEach((child, index) => {
      if (this.grid.children[index] !== child) move(this.grid, child, this.grid.children[index] ?? null);
    });
  }

  /** Photos that could not be fetched while the server was away are asked for again. */
  retry() {
    for (const { element, photo } of this.tiles.values()) if (element.hasAttribute("data-bare") && photo.src) photo.src = photo.src;
  }

  fit() {
    if (!this.element.isConnected) return;
    fit(this.head, this.element.dataset.entries === "0" ? HERO_RUNGS : NAME_RUNGS);
  }
}

function move(parent, child, before) {
  if (child.isConnected && parent.moveBefore) parent.moveBefore(child, before);
  else parent.insertBefore(child, before);
}

const address = (url) => (url ? `${url.replace(/^https?:\/\//, "").replace(/\/$/, "")}/submit` : "");
