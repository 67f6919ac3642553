// The form of /submit as it stands on the page: its fields, what is wrong with them, and the way to them. It knows no network and no photo.
import { t } from "/static/words.js";
import { ASKED } from "/static/submit/asks.js";
import { make, put } from "/static/submit/parts.js";

export const find = (name) => document.querySelector(`[data-${name}]`);
export const fieldOf = (name) => document.querySelector(`[data-field="${name}"]`);
export const form = find("form");
export const TEXTS = ["collector", "artist", "studio", "title", "phone"];
export const ORDER = ["photo", "category", ...ASKED, "second", "collector", "artist", "studio", "title", "phone", "consent", "adult", "override"];
export const chosen = () => form.querySelector("[name=category]:checked")?.value ?? "";      // form.elements lies where there is one radio only
export const announce = (text) => { find("say").textContent = text; };

const controlOf = (name) => {
  if (name === "photo") return document.getElementById("photo-choose");
  if (name === "category") return form.querySelector("[name=category]:checked") ?? form.querySelector("[name=category]");
  if (name === "age") return form.querySelector("[name=age]:checked") ?? form.querySelector("[name=age]");
  if (name === "second") return find("second-slot").querySelector("input, button");
  return form.elements[name];
};

export function showError(name, text) {
  const field = fieldOf(name);
  const error = field.querySelector("[data-error]");
  put(error, text);
  error.hidden = !text;
  const marked = name === "photo" ? field.querySelectorAll("[data-photo]") : ["category", "age", "second"].includes(name) ? [] : [controlOf(name)];
  for (const control of marked) text ? control.setAttribute("aria-invalid", "true") : control.removeAttribute("aria-invalid");
  field.toggleAttribute("data-wrong", Boolean(text));
  if (!text) drawSummary();
}

export function drawSummary(general = "") {
  const wrong = ORDER.filter((name) => fieldOf(name).hasAttribute("data-wrong"));
  const box = find("summary");
  if (!general && (box.hidden || wrong.length === 0)) { box.hidden = true; return; }
  box.hidden = false;
  put(find("summary-words"), general || t("submit.missing", { n: wrong.length }));
  find("summary-list").replaceChildren(...wrong.map((name) => {
    const link = make("a", { href: `#${name}`, text: fieldOf(name).querySelector("[data-error]").textContent });
    link.addEventListener("click", (event) => { event.preventDefault(); goTo(name); });
    return make("li", {}, link);
  }));
}

export function goTo(name) {
  const field = fieldOf(name);
  controlOf(name)?.focus({ preventScroll: true });
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  field.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
}
