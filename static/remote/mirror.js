// The mirror: the big screen itself, small, in a frame. It shows what the hall sees, motion and all, and counts as no screen.
import { t } from "/static/words.js";
import { make } from "./parts.js";

const WIDTH = 1920;

/** {element, close()}: the screen, as wide as there is room. */
export function mirrorFrame() {
  const frame = make("iframe", { src: "/display?mirror", title: t("remote.mirror"), tabindex: "-1", inert: true, scrolling: "no" });
  const element = make("div", { class: "remote-frame" }, frame);
  const watch = new ResizeObserver(() => element.style.setProperty("--shrink", element.clientWidth / WIDTH));
  watch.observe(element);
  return { element, close: () => watch.disconnect() };
}
