// What /submit and /mine share: elements made by hand, icons, photos, the collector's own link.
import { t } from "/static/words.js";
import { iconElement } from "/static/icons.js";

/** make("p", {class: "name", text: "Zoë"}, child, ...) -> Element. Text is never read as HTML; null and false leave an attribute out. */
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

/** Draws the icon that an element asks for by data-icon, before its words. */
export function drawIcons(root = document) {
  for (const element of root.querySelectorAll("[data-icon]")) {
    element.prepend(iconElement(element.dataset.icon));
    delete element.dataset.icon;
  }
}

/** Sets text only where it changed: a live region would say it again. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A name inside a sentence keeps its own direction: a right-to-left name must not turn the words around it. */
export const isolated = (name) => `\u2068${name}\u2069`;

/** "118-k3..." of the address of a collector's own page. */
export const linkOf = (address) => decodeURIComponent(new URL(address, location.href).pathname.split("/mine/")[1] ?? "");
export const qrPath = (link) => `/qr/mine/${encodeURIComponent(link)}.svg`;
export const minePath = (link) => `/mine/${encodeURIComponent(link)}`;

/** An entry number this long needs a smaller size: data-long carries its number of digits from 4 on. */
export function showNumber(element, entry) {
  put(element, String(entry));
  element.toggleAttribute("data-long", String(entry).length > 3);
}

/**
 * Makes a button copy a link. On a plain-http address browsers offer no clipboard: there the old command is tried on the
 * visible field, and where that fails too the text stays selected, ready for the finger.
 */
export function copies(button, field, say) {
  button.addEventListener("click", async () => {
    const done = await copy(field);
    say(t(done ? "common.copied" : "mine.copy-by-hand"));
    if (!done) return;
    const words = button.querySelector("[data-words]") ?? button;
    const before = words.textContent;
    words.textContent = t("common.copied");
    setTimeout(() => { words.textContent = before; }, 2500);
  });
}

async function copy(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    field.focus();
    field.setSelectionRange(0, field.value.length);
    try {
      return document.execCommand("copy");
    } catch {
      return false;
    }
  }
}

/** "Let in although: ..." for the rules that the desk has let an entry break. */
export const overriddenWords = ({ overridden = [] }) => (overridden.length ? t("rule.overridden", { rules: overridden.map((code) => t(`rule.${code}`)).join(", ") }) : "");
