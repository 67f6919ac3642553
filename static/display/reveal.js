// The reveal's scenes: the slate, a place (stencil, then ink), the hold with all of them, and "No award". The motion itself is in
// reveal.css, steered by attributes: data-phase (stencil, ink), data-still (no motion: a screen that joined late), data-back.
import { number as figure, t } from "/static/words.js";
import { decoded, fit, isolated, make, mirrored, photoPath, placeWords, ratio } from "./dom.js";
import { drawings } from "./rehearsal.js";

// Host-paced, the stencil stands until Next. When the names are asked for straight away it stands this long by itself.
const STENCIL_MS = 2500;

// Scripts whose letters stand taller and hang lower than the line of the Latin face.
const TALL = /[^\u0000-\u024F\u0300-\u036F\u1E00-\u1EFF\u2000-\u206F]/u;

const rungs = (pairs, lines) => pairs.map(([name, by]) => ({ "--name": name, "--by": by, "--name-lines": lines[0], "--by-lines": lines[1] }));
const WHOLE = [99, 99];
const ONE = [...rungs([[112, 44], [96, 44], [84, 44], [72, 40], [64, 40], [56, 36], [48, 36], [40, 36]], WHOLE), ...rungs([[40, 36]], [6, 3]), ...rungs([[40, 36]], [4, 2])];
const SHARED = [...rungs([[72, 40], [64, 36], [56, 36], [48, 36], [40, 36]], WHOLE), ...rungs([[40, 36]], [3, 2]), ...rungs([[40, 36]], [2, 1]), ...rungs([[36, 36]], [1, 1])];
const HOLD = [...rungs([[72, 36], [64, 36], [56, 36], [48, 36]], [2, 3]), ...rungs([[40, 36], [36, 36]], [3, 3]), ...rungs([[36, 36]], [2, 2]), ...rungs([[36, 36]], [1, 1])];
const TITLE = [320, 280, 240, 208, 184, 160, 144, 128, 112, 96, 80, 72, 64, 56, 48, 40].map((size) => ({ "--name": size }));
const LABEL = [48, 44, 40, 36].map((size) => ({ "--label": size }));

/** One tissue sheet: the stencil, the photo over it, the entry's number where several stand side by side. */
class Sheet {
  constructor(stencil, shape) {
    this.stencilName = stencil;
    this.stencil = make("img", { class: "sheet-stencil", alt: "", src: stencil && photoPath(stencil), draggable: "false" });
    this.photo = make("img", { class: "sheet-photo", alt: "", draggable: "false" });
    this.picture = make("div", { class: "sheet-picture" }, stencil && this.stencil, this.photo);
    this.picture.style.setProperty("--ratio", shape);
    this.element = make("div", { class: "sheet" }, this.picture);
    this.photo.addEventListener("error", () => this.element.setAttribute("data-bare", ""));
  }

  /** Names the sheet; the number is written out large where there is no photo to show. */
  name(winner, tagged) {
    this.element.toggleAttribute("data-bare", !winner.photo);
    if (winner.photo) {
      this.photo.src = photoPath(winner.photo.large);
      this.photo.alt = t("display.photo", { number: winner.number });
    }
    this.tag ??= this.element.appendChild(make("p", { class: "sheet-tag", text: winner.number }));
    this.element.toggleAttribute("data-tagged", tagged);
  }
}

function byline(winner) {
  const artist = winner.artist?.trim();
  return artist ? t("display.entry-by", { number: winner.number, artist: isolated(artist) }) : t("display.entry", { number: winner.number });
}

function words(winner) {
  const name = winner.collector?.trim() || t("display.entry", { number: winner.number });
  return make("div", { class: "winner" },
    make("h2", { class: "winner-name", "data-fit": true, "data-tall": TALL.test(name), dir: "auto", text: name }),
    make("p", { class: "winner-by", text: byline(winner) }),
    winner.votes != null && make("p", { class: "winner-score", text: t("winners.votes", { n: winner.votes }) }),
    winner.score != null && make("p", { class: "winner-score", text: typeof winner.score === "number" ? figure(winner.score, 2) : winner.score }));
}

/** The category that a screen is about; a rehearsal brings its own. */
const categoryOf = (store, screen) => screen.rehearsed ?? store.category(screen.category);

/** How many of the category's public places are out: a shared place fills as many bars as it has winners. */
function filled(store, category) {
  if ("filled" in category) return category.filled;
  const covered = new Set();
  for (const { place, entries } of store.winnersOf(category.id)?.places ?? []) {
    entries.forEach((_, index) => place + index <= category.places && covered.add(place + index));
  }
  return covered.size;
}

/** The category's name alone. */
export class Slate {
  constructor(screen) {
    this.title = make("h1", { class: "slate-title", "data-fit": true, dir: "auto" });
    this.element = make("section", { class: "scene slate" }, this.title);
    this.screen = screen;
  }

  update(store) {
    this.title.textContent = categoryOf(store, this.screen)?.name ?? "";
    this.fit();
  }

  fit() {
    fit(this.element, TITLE);
  }
}

export class NoAward extends Slate {
  constructor(screen) {
    super(screen);
    this.element.classList.add("none");
    this.element.append(make("p", { class: "none-words", text: t("display.no-award") }));
  }
}

/** One place of a category: stencil, then ink. */
export class Place {
  constructor(screen) {
    this.screen = screen;
    this.label = make("h1", { class: "reveal-category", "data-fit": true, dir: "auto" });
    this.numeral = make("p", { class: "numeral" }, make("span", { "aria-hidden": "true", text: screen.place }),
      make("span", { class: "visually-hidden", text: placeWords(screen.place) }));
    this.winners = make("div", { class: "winners" });
    this.bars = make("div", { class: "bars", "aria-hidden": "true" });
    this.sheets = (screen.phase === "stencil" ? screen.stencils : screen.entries.map((winner) => winner.photo ?? {}))
      .map((drawn) => new Sheet(drawn.stencil, ratio(drawn)));
    if (!this.sheets.length) this.sheets = [new Sheet(null, 0.8)];
    this.frames = make("div", { class: "sheets" }, ...this.sheets.map((sheet) => sheet.element));
    this.element = make("section", { class: "scene reveal", "data-place": screen.place, "data-phase": "stencil" }, this.frames,
      make("div", { class: "reveal-words" }, make("div", { class: "reveal-head" }, this.label), this.numeral, this.winners, this.bars));
    this.count();
  }

  count() {
    this.element.dataset.count = Math.min(this.sheets.length, 9);
  }

  /** Waits for what this step shows: its stencils, or with the names its photos. */
  ready() {
    return decoded(this.sheets.map((sheet) => (this.screen.phase === "ink" ? sheet.photo : sheet.stencil)));
  }

  /** Puts names and photos in place without showing them yet. The sheets keep the order the stencils hung in. */
  name(winners) {
    const left = [...winners];
    const take = (sheet) => {
      const mine = left.findIndex(({ photo }) => (sheet.stencilName ? photo?.stencil === sheet.stencilName : !photo));
      return mine < 0 ? null : left.splice(mine, 1)[0];
    };
    const pairs = this.sheets.map((sheet) => [sheet, take(sheet)]);
    for (const [sheet, winner] of pairs) if (!winner) sheet.element.remove();
    // A hidden entry has no stencil: it joins the row with its name.
    const late = left.map((winner) => [new Sheet(winner.photo?.stencil, ratio(winner.photo)), winner]);
    const hung = [...pairs.filter(([, winner]) => winner), ...late];
    this.frames.append(...late.map(([sheet]) => sheet.element));
    this.sheets = hung.map(([sheet]) => sheet);
    hung.forEach(([sheet, winner]) => sheet.name(winner, winners.length > 1));
    this.winners.replaceChildren(...hung.map(([, winner]) => words(winner)));
    this.count();
    this.fit();
  }

  /** The names of this place: after the stencil has stood, when they are asked for straight away. `still`: no motion. */
  async ink(screen, { still, at }) {
    this.screen = screen;
    this.drying = true;
    this.element.removeAttribute("data-back");
    this.element.toggleAttribute("data-still", Boolean(still));
    this.name(screen.entries);
    await this.ready();
    if (this.screen !== screen) return;
    if (!still) await new Promise((done) => setTimeout(done, Math.max(30, (at ?? 0) - performance.now())));
    if (this.screen !== screen) return;
    void this.element.offsetWidth;      // the start of the wipe must have been laid out, or there is nothing to move from
    this.element.dataset.phase = "ink";
    this.drying = false;
    if (this.store) this.update(this.store);
  }

  /** Back to the line drawing. */
  stencil(screen, { still }) {
    this.screen = screen;
    this.drying = false;
    this.element.toggleAttribute("data-still", Boolean(still));
    this.element.toggleAttribute("data-back", !still);
    this.element.dataset.phase = "stencil";
    setTimeout(() => this.screen === screen && this.winners.replaceChildren(), 400);
  }

  update(store) {
    const category = categoryOf(store, this.screen);
    if (!category) return;
    this.label.textContent = category.name;
    this.fit();
    this.store = store;
    if (this.drying) return;      // the bar fills with the names, which the store knows before the crowd does
    const count = filled(store, category);
    // A contest has a handful of places; more than ten bars would be thinner than a line may be here.
    const bars = Array.from({ length: Math.min(category.places, 10) }, (_, index) => index < count);
    if (this.bars.children.length !== bars.length) this.bars.replaceChildren(...bars.map(() => make("span", { class: "bar" })));
    bars.forEach((full, index) => this.bars.children[index].toggleAttribute("data-full", full));
  }

  fit() {
    fit(this.label.parentElement, LABEL);
    if (this.winners.children.length) fit(this.winners, this.winners.children.length > 1 ? SHARED : ONE);
  }
}

export const stencilTime = () => performance.now() + STENCIL_MS;

/** All places together, best first. */
export class Hold {
  constructor(screen) {
    this.screen = screen;
    const winners = screen.places.flatMap(({ place, entries }) => entries.map((winner) => ({ place, winner })));
    this.title = make("h1", { class: "hold-title", "data-fit": true, dir: "auto" });
    this.head = make("header", { class: "hold-head" }, this.title);
    this.sheets = [];
    this.boxes = [];
    const cards = winners.map(({ place, winner }) => {
      const sheet = new Sheet(winner.photo?.stencil, ratio(winner.photo));
      sheet.name(winner, false);
      this.sheets.push(sheet);
      const box = make("div", { class: "winners" }, words(winner));
      this.boxes.push(box);
      return make("li", { class: "hold-card", "data-place": place }, sheet.element,
        make("p", { class: "numeral" }, make("span", { "aria-hidden": "true", text: place }), make("span", { class: "visually-hidden", text: placeWords(place) })), box);
    });
    this.element = make("section", { class: "scene hold", "data-phase": "ink", "data-still": true, "data-count": Math.min(cards.length, 12) },
      this.head, make("ol", { class: "hold-cards", role: "list" }, ...cards));
    this.element.style.setProperty("--cards", cards.length);
  }

  ready() {
    return decoded(this.sheets.map((sheet) => sheet.photo));
  }

  update(store) {
    this.title.textContent = categoryOf(store, this.screen)?.name ?? "";
    this.fit();
  }

  fit() {
    fit(this.head, TITLE.slice(8));
    fit(this.boxes, HOLD);
  }
}

const preloaded = { category: undefined, images: [] };

/**
 * Fetches every photo and stencil of a category, by entry number: the same for every decision, so it tells nothing. Four at a time, so that
 * what the screen needs next does not wait behind the whole category.
 */
export async function preload(store, { category, rehearsed }) {
  if (mirrored || preloaded.category === category) return;
  Object.assign(preloaded, { category, images: [] });
  const names = rehearsed ? drawings() : store.entriesOf(category).filter((entry) => !entry.hidden && entry.photo).flatMap(({ photo }) => [photo.stencil, photo.large]);
  const fetchNext = async () => {
    for (let name = names.shift(); name && preloaded.category === category; name = names.shift()) {
      const image = new Image();
      preloaded.images.push(image);      // held: what nobody holds the browser may drop again
      await new Promise((done) => {
        image.onload = image.onerror = done;
        image.src = photoPath(name);
      });
    }
  };
  await Promise.all([fetchNext(), fetchNext(), fetchNext(), fetchNext()]);
}
