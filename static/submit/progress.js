// How far the entry's upload is: the frame fills from dashed to solid, and words say so.
import { t, say, number } from "/static/words.js";
import { announce, find } from "/static/submit/form.js";
import { put } from "/static/submit/parts.js";

export function showSending() {
  find("submit").dataset.busy = "";
  find("sending").hidden = false;
  find("rest").disabled = true;
  find("photo-buttons").hidden = true;
  find("sending").focus({ preventScroll: true });
}

/** The states of an Upload that has not ended: {phase, share, seconds, error}. */
export function showProgress({ phase, share, seconds, error }) {
  const words = find("sending-words"), more = find("sending-more");
  find("try").hidden = phase !== "waiting";
  if (phase === "sending") {
    edge(share);
    put(words, t("submit.sending", { percent: number(Math.floor(share * 100), 0) }));
    put(more, t("submit.keep-open"));
  } else if (phase === "arriving") {
    edge(1);
    put(words, t("submit.arriving"));
  } else {
    edge(0);
    put(words, t("submit.again", { n: seconds }));
    put(more, `${error ? say(error) : t("submit.no-network")} ${t("submit.keep-open")}`);
    if (find("say").textContent !== more.textContent) announce(more.textContent);      // once, not with every second
  }
}

export function hideSending() {
  delete find("submit").dataset.busy;
  find("sending").hidden = true;
  find("rest").disabled = false;
  find("photo-buttons").hidden = false;
  find("try").hidden = true;
  edge(0);
  announce("");
}

function edge(share) {
  find("slot-edge").style.strokeDasharray = `${share * 100} 100`;
  find("slot").toggleAttribute("data-full", share === 1);
}
