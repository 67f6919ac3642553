// The entries that people choose from: by number, which tells nothing; small photos as they come into sight, a large one when asked for.
import { t } from "/static/words.js";
import { make } from "/static/submit/parts.js";

const OUT = ["no-show", "withdrawn", "disqualified"];

/** The entries that are up for a people's choice, by number. */
export function upFor(store, choice) {
  const takes = (id) => (choice.from.length ? choice.from.includes(id) : !store.category(id)?.from.length);
  return store.entries.filter((entry) => takes(entry.category) && !OUT.includes(entry.state) && entry.photo);
}

/** A photo that appears as its small one at once and becomes the large one when that is here. */
export function largePhoto(box, { number, photo }) {
  const image = make("img", { src: `/photos/${photo.thumb}`, alt: t("common.photo-of", { number }), width: photo.width, height: photo.height });
  const large = new Image();
  large.onload = () => { image.src = large.src; };
  large.src = `/photos/${photo.large}`;
  box.replaceChildren(image);
}

function card({ number, photo }, category, chosen) {
  const button = make("button", { type: "button", class: "vote-card", "data-entry": number },
    make("span", { class: "photo" },
      make("img", { src: `/photos/${photo.thumb}`, alt: "", width: photo.width, height: photo.height, loading: "lazy", decoding: "async" }),
      make("span", { class: "number number-small" }, make("span", { class: "visually-hidden", text: `${t("winners.entry")} ` }), String(number))),
    make("span", { class: "vote-card-category", dir: "auto", text: category }));
  button.addEventListener("click", () => chosen(number));
  return make("li", { "data-category": category }, button);
}

/** Draws the cards anew only where the entries are others than those that stand there. Returns how many are shown. */
export function drawGrid(list, store, entries, { category, find }, chosen) {
  const shown = entries.filter((entry) => (!category || entry.category === category) && (!find || String(entry.number).startsWith(find)));
  const key = JSON.stringify(shown.map(({ number, photo, category: id }) => [number, photo.thumb, store.category(id)?.name]));
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren(...shown.map((entry) => card(entry, store.category(entry.category)?.name ?? "", chosen)));
  }
  return shown.length;
}
