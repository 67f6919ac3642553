// The few moves the parts of the remote share: make an element, set a text that changed, put a name or a place into words.
import { has, t } from "/static/words.js";

/** make("p", {class: "x", text: "Zoë", onclick: f}, child, ...) -> Element; a value of false, null or undefined leaves the attribute out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") element.textContent = value;
    else if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter(Boolean));
  return element;
}

/** Sets a text that changed: a live region must not speak again what already stands there. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A name inside a sentence keeps its own direction. */
export const isolated = (name) => `\u2068${name}\u2069`;

export const nameOf = (entry) => entry?.collector?.trim() || "";

export const placeWords = (place) => t(has(`place.${place}`) ? `place.${place}` : "place.n", { place });
