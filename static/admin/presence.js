// /admin: who is connected, and whether the server is ready, asked every ten seconds while a section shows it.
import { signal, useEffect } from "/static/ui.js";
import { announce, ask, isOurs } from "/static/admin/contest.js";
import { t } from "/static/words.js";

const EVERY = 10_000;

/** {screens, connections} of GET /api/presence; null until it was answered, and after it was not. */
export const presence = signal(null);

/** Why the server says that it is not ready, in the words of the page; "" while it is. */
export const fault = signal("");

/** When a judge was last seen since this page was loaded: {audience: ms}. */
export const seen = new Map();

async function look() {
  try {
    const now = await ask("/api/presence");
    for (const one of now.connections) {
      const at = Date.now() - 1000 * one.seen;
      seen.set(one.audience, Math.max(at, seen.get(one.audience) ?? 0));
    }
    presence.value = now;
  } catch (problem) {
    if (!isOurs(problem)) console.error(problem);
    presence.value = null;
  }
}

async function lookReady() {
  try {
    const answer = await fetch("/ready", { cache: "no-store" });
    const { ready, reason } = await answer.json();
    const was = fault.value;
    // A server that restarts is told by the state of the connection.
    fault.value = ready === false && reason !== "draining" ? t("admin.not-ready", { reason }) : "";
    if (fault.value !== was) announce(fault.value || t("admin.ready-again"));
  } catch { /* no answer: the state of the connection tells that, and what was known stays */ }
}

function lookAll() {
  look();
  lookReady();
}

/** Keep `presence` and `fault` fresh while the calling component is on the page and the page is looked at. */
export function usePresence() {
  useEffect(() => {
    lookAll();
    const clock = setInterval(() => { if (!document.hidden) lookAll(); }, EVERY);
    const back = () => { if (!document.hidden) lookAll(); };
    document.addEventListener("visibilitychange", back);
    return () => {
      clearInterval(clock);
      document.removeEventListener("visibilitychange", back);
    };
  }, []);
  return presence.value;
}

/** A judge's connection: {here, waiting, at}. waiting: scores still on the phones; at: last seen, in ms. */
export function presenceOf(judge) {
  const audience = `judge:${judge.id}`;
  const mine = presence.value?.connections.filter((one) => one.audience === audience) ?? [];
  return { here: mine.length > 0, waiting: mine.reduce((sum, one) => sum + (one.waiting || 0), 0), at: seen.get(audience) };
}
