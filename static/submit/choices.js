// The categories that an entry may go into, as radios, and in words why none of them takes one now.
import { t } from "/static/words.js";
import { when, zoneOf } from "/static/moments.js";
import { drawAsks } from "/static/submit/asks.js";
import { draft } from "/static/submit/draft.js";
import { announce, chosen, fieldOf, find, form, showError } from "/static/submit/form.js";
import { isolated, make } from "/static/submit/parts.js";

let drawn = "";              // the categories as they stand in the form

const entered = (store) => store.categories.filter((category) => !category.from?.length && category.method !== "choice");      // those are made of other entries
const openOnes = (store) => entered(store).filter((category) => category.state === "open");
const registers = (store) => store.contest.registration !== false || store.me.role === "desk" || store.me.role === "admin";

/** The radios; what is chosen, or was in the draft, stays chosen. */
export function drawCategories(store) {
  const open = openOnes(store), others = entered(store).filter((category) => category.state !== "open");
  const now = JSON.stringify([store.contest.zone, open.map(({ id: key, name, closes_at }) => [key, name, closes_at]), others.map(({ name, state }) => [name, state])]);
  drawAsks(store.category(chosen()), store.contest);
  if (now === drawn) return;
  drawn = now;
  const box = find("categories");
  const wanted = chosen() || draft().category || (entered(store).length === 1 ? open[0]?.id : "");
  const focused = document.activeElement?.name === "category" ? document.activeElement.value : null;
  box.toggleAttribute("data-short", open.length > 6 && open.every(({ name }) => name.length <= 18));      // two columns where no word would break
  box.replaceChildren(...open.map(({ id: key, name, closes_at }) => make("label", { class: "choice" },
    make("input", { type: "radio", name: "category", value: key, checked: key === wanted, "aria-describedby": "category-error" }),
    make("span", {}, make("span", { class: "category-name", text: name, dir: "auto" }),
      closes_at && make("span", { class: "category-closes muted", text: t(Date.now() > closes_at ? "rule.closed" : "rule.closes", { time: when(closes_at, zoneOf(store.contest)) }) })))));
  drawAsks(store.category(chosen()), store.contest);
  if (focused) box.querySelector(`[value="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  const gone = store.category(wanted);
  if (gone && gone.state !== "open") {
    showError("category", t("submit.category-gone", { name: isolated(gone.name), state: t(`category-state.${gone.state}`) }));
    announce(fieldOf("category").querySelector("[data-error]").textContent);
  }
  const rest = find("other-categories");
  rest.hidden = !others.length || !open.length;
  rest.replaceChildren(make("span", { text: `${t("submit.not-taking")} ` }), ...others.flatMap(({ name, state }, i) =>
    [i ? ", " : "", make("bdi", { text: name }), ` (${t(`category-state.${state}`)})`]));
}

/** Says in words why nobody can enter now, in place of a form that could not be sent. */
export function drawNotice(store, busy) {
  const box = find("notice"), none = !openOnes(store).length;
  const shut = !registers(store) ? "submit.registration-closed" : !entered(store).length ? "submit.no-categories" : none ? "submit.none-open" : "";
  form.hidden = Boolean(shut) && !busy;
  const words = shut || (store.contest.registration === false ? "submit.desk-only" : "");
  box.hidden = !words;
  if (box.dataset.words === words && (words !== "submit.none-open" || box.dataset.drawn === drawn)) return;
  box.dataset.words = words;
  box.dataset.drawn = drawn;
  box.replaceChildren(make("p", { text: words && t(words) }));
  if (words === "submit.none-open") {
    box.append(make("ul", { class: "states" }, ...entered(store).map(({ name, state }) =>
      make("li", {}, make("bdi", { text: name }), make("span", { class: "muted", text: t(`category-state.${state}`) })))));
  }
}
