// The big screen. It shows what the organiser put on it, draws each step once, and keeps the last picture whatever the network does.
import { ready, t } from "/static/words.js";
import { connect } from "/static/live.js";
import { showStatus } from "/static/status.js";
import { Wall } from "/static/display/wall.js";
import { Stage, Message } from "/static/display/plain.js";
import { Hold, NoAward, Place, Slate, preload, stencilTime } from "/static/display/reveal.js";
import { drawn } from "/static/display/rehearsal.js";
import { make as element, mirrored } from "/static/display/dom.js";

const FADE_MS = 400;
const POINTER_MS = 3000;

const root = document.querySelector("[data-display]");
const calmer = matchMedia("(prefers-reduced-motion: reduce)");

let scene = null;       // what stands on the screen now; null: black
let shown = null;       // the screen it was made from
let turn = 0;           // a newer screen overtakes one that still waits for its photos
let stencilUntil = 0;   // until when the stencil of this place stands by itself

await ready;
const live = connect({ page: mirrored ? "mirror" : "display", waiting: () => 0 });
const { store } = live;
showStatus(live, document.querySelector("[data-status]"));

live.on("state", () => show({ still: true }));
live.on("change", () => show({}));
live.on("status", (status) => status === "live" && scene?.retry?.());
document.fonts.ready.then(refit);
addEventListener("resize", refit);
calmer.addEventListener("change", calm);

function refit() {
  if (scene?.update) scene.update(store);
}

function calm() {
  root.toggleAttribute("data-calm", calmer.matches || Boolean(store.contest.calm));
}

/** Bring the screen to what the store says. `still`: this is how things stand, nobody is to see it happen. */
function show({ still }) {
  calm();
  const screen = drawn(store.screen);
  mark(store.screen.mode === "rehearsal");
  if (looks(screen) === looks(shown)) return scene?.update?.(store);
  const before = shown;
  shown = screen;
  document.documentElement.toggleAttribute("data-black", screen.mode === "black");
  if (screen.mode === "reveal") preload(store, screen);
  const within = before?.mode === "reveal" && screen.mode === "reveal" && before.category === screen.category;
  const on = within && rank(screen) > rank(before);
  return samePlace(screen, before) ? step(screen, { still, on }) : change(screen, { still: still || !on, cut: on && screen.phase === "stencil" });
}

/** What a screen looks like, as a text. Who is next changes a line of the stage, not the picture. */
const looks = (screen) => JSON.stringify(screen, (key, value) => (key === "next" ? undefined : value));

/** A rehearsal says on every picture what it is. */
function mark(rehearsed) {
  root.toggleAttribute("data-rehearsal", rehearsed);
  const tag = document.querySelector(".rehearsal-mark");
  if (rehearsed && !tag) root.append(element("p", { class: "rehearsal-mark", text: t("rehearsal.mark") }));
  if (!rehearsed) tag?.remove();
}

/** Where in its category a screen stands; a lower one is a step back. Places are revealed from the last to the first. */
function rank({ phase, place }) {
  if (phase === "slate") return -Infinity;
  if (phase === "hold" || phase === "none") return Infinity;
  return -2 * place + (phase === "ink" ? 1 : 0);
}

// A photo hidden while its stencil stands changes the sheets themselves: then the place is hung anew.
const samePlace = (screen, before) =>
  scene instanceof Place && (before.phase === "ink" || screen.phase === "ink") && screen.mode === "reveal" && ["stencil", "ink"].includes(screen.phase) &&
  scene.screen.category === screen.category && scene.screen.place === screen.place;

/** Stencil to ink, or back, on the sheet that hangs there. */
function step(screen, { still, on }) {
  turn += 1;
  if (screen.phase === "ink") scene.ink(screen, { still: still || !on });
  else scene.stencil(screen, { still });
  scene.update(store);
}

function make(screen) {
  if (screen.mode === "black") return null;
  if (screen.mode === "message") return new Message(screen);
  if (screen.mode === "stage") return new Stage(screen);
  if (screen.mode !== "reveal") return new Wall();
  return new ({ slate: Slate, none: NoAward, hold: Hold }[screen.phase] ?? Place)(screen);
}

/** Another picture: made ready behind the one that stands there, then faded or cut to. */
async function change(screen, { still, cut }) {
  const mine = ++turn;
  const next = make(screen);
  const place = next instanceof Place;
  if (next) {
    next.element.setAttribute("data-coming", "");
    next.element.toggleAttribute("data-hung", still);
    root.append(next.element);
    if (place && screen.phase === "ink") {
      if (still) await next.ink(screen, { still });
      else next.name(screen.entries);
    }
    next.update(store);
    await next.ready?.();
  }
  if (mine !== turn) return next?.element.remove();
  const last = scene;
  scene = next;
  next?.element.removeAttribute("data-coming");
  next?.update(store);
  leave(last, cut || !last || !next);
  if (place && screen.phase === "ink" && !still) next.ink(screen, { at: stencilTime() });
}

function leave(last, cut) {
  if (!last) return;
  if (cut) return last.element.remove();
  last.element.setAttribute("data-going", "");
  setTimeout(() => last.element.remove(), FADE_MS);
}

// --- The room ----------------------------------------------------------------
// Nobody stands at this machine: no pointer on the picture, no sleep; F or the button fill the screen.

const full = document.querySelector("[data-fullscreen]");
let pointer;

function fill() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.({ navigationUI: "hide" }).catch(() => {});
}

full.hidden = mirrored || !document.fullscreenEnabled;
full.addEventListener("click", fill);
addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "f" && !event.ctrlKey && !event.metaKey && !event.altKey) fill();
});
document.addEventListener("fullscreenchange", () => {
  full.textContent = t(document.fullscreenElement ? "display.full-leave" : "display.full");
});
addEventListener("pointermove", () => {
  document.documentElement.setAttribute("data-pointer", "");
  clearTimeout(pointer);
  pointer = setTimeout(() => document.documentElement.removeAttribute("data-pointer"), POINTER_MS);
});

async function awake() {
  // Not there on plain http: then the machine's own settings decide.
  if (!mirrored && document.visibilityState === "visible") await navigator.wakeLock?.request("screen").catch(() => {});
}
document.addEventListener("visibilitychange", awake);
awake();
