// Says in words whether the page is up to date. One polite live region: a change of state is announced, never each message.
import { t, ready } from "./words.js";

/** Bind a live connection's status to an element: `data-status` carries it for the style, the text says it more finely. Returns a function that unbinds. */
export function showStatus(live, element) {
  const show = async () => {
    await ready;
    const text = t(`live.${live.says}`);
    element.dataset.status = live.status;
    element.hidden = false;
    if (element.textContent !== text) element.textContent = text;
  };
  element.setAttribute("role", "status");      // polite by itself
  show();
  return live.on("status", show);
}
