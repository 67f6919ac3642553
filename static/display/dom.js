// The few moves every scene of the big screen is made of: make an element, wait for pictures, fit words into their box.
import { has, t } from "/static/words.js";

/** make("p", {class: "name", text: "Zoë"}, child, ...) -> Element. A value of null or false leaves the attribute out; text is never read as HTML. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") element.textContent = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter(Boolean));
  return element;
}

/** Whether this is the small picture of the screen on a host's phone: it shows thumbs, keeps nobody awake and counts as no screen. */
export const mirrored = new URLSearchParams(location.search).has("mirror");

/** Where a photo's file is; a drawing of the rehearsal says so itself. */
export function photoPath(name) {
  if (name.startsWith("/")) return name;
  return `/photos/${mirrored ? name.replace(/-large\.\w+$/, "-thumb.webp") : name}`;
}

/** A name inside a sentence keeps its own direction (first strong isolate): RTL names must not turn the words around them. */
export const isolated = (name) => `\u2068${name}\u2069`;

/** The photo's shape, 4:5 where nobody knows. */
export const ratio = (photo) => (photo?.width && photo?.height ? photo.width / photo.height : 0.8);

/** "1st place", or "Place 4" where the language has no word of its own. */
export const placeWords = (place) => t(has(`place.${place}`) ? `place.${place}` : "place.n", { place });

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits until the images can be painted without a stutter, but never longer than `most` ms: a screen must not hang on one photo. */
export function decoded(images, most = 4000) {
  const each = images.filter((image) => image?.src).map((image) => image.decode().catch(() => {}));
  return Promise.race([Promise.all(each), pause(most)]);
}

const overflows = (box) =>
  box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1 ||
  // What sticks out at the start counts for no scrollbar.
  (box.firstElementChild && box.firstElementChild.getBoundingClientRect().top < box.getBoundingClientRect().top - 1);

/**
 * Walks down a ladder of rungs until the words fit their box, or all of several boxes alike. A rung sets custom properties (in units of the
 * screen) on the box: {"--name": 112, "--by": 44, "--name-lines": 9}. A word is broken only when the last rung is still too wide for it.
 */
export function fit(boxes, rungs) {
  const all = [boxes].flat();
  const climb = (breaks) => {
    all.forEach((box) => box.toggleAttribute("data-breaks", breaks));
    // Broken words look worse than small ones: they begin half way down.
    return (breaks ? rungs.slice(rungs.length >> 1) : rungs).some((rung) => {
      for (const [property, value] of Object.entries(rung)) all.forEach((box) => box.style.setProperty(property, value));
      return !all.some((box) => overflows(box) || (!breaks && cutsWord(box)));
    });
  };
  climb(false) || climb(true);
}

// A word that is too long may hide in a child that clips (line-clamp), which the box's own scrollWidth does not show.
function cutsWord(box) {
  return [...box.querySelectorAll("[data-fit]")].some((child) => child.scrollWidth > child.clientWidth + 1);
}
