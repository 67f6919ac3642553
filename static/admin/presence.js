// /admin: who is connected, and whether the server is ready, asked every ten seconds while a section shows it.
import { signal, useEffect } from "/static/ui.js";
import { announce, ask, isOurs } from "/static/admin/contest.js";
import { t } from "/static/words.js";

const EVERY = 10_000;
const PATIENCE = 5_000;      // ms

/** {screens, connections, devices} of GET /api/presence, and `asked`, when, in ms; null until it was answered, and after it was not. */
export const presence = signal(null);

/** Why the server says that it is not ready, in the words of the page; "" while it is. */
export const fault = signal("");

/** Ask who is here, now. */
export async function look() {
  try {
    presence.value = { ...(await ask("/api/presence", { timeout: PATIENCE })), asked: Date.now() };
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

/** The phones of a judge that the server has heard since it began, newest first: {device, here, waiting, at}. at: last contact, in ms. */
export function devicesOf(judge) {
  const { devices = [], asked } = presence.value ?? {};
  const mine = new Map();
  for (const { audience, device, waiting, seen, here } of devices) {
    if (audience !== `judge:${judge.id}`) continue;
    const before = mine.get(device), at = asked - 1000 * seen;      // two tabs of one phone share their marks
    if (!before || before.at < at) mine.set(device, { device, waiting, at, here: here || Boolean(before?.here) });
  }
  return [...mine.values()].sort((a, b) => b.at - a.at);
}

/** Of these judges, the phones that hold marks, and those that may: out of contact, so nobody knows. {holding, away}: [{judge, ...device}]. */
export function marksOnPhones(judges) {
  const all = judges.flatMap((judge) => devicesOf(judge).map((device) => ({ judge, ...device })));
  return { holding: all.filter((one) => one.waiting > 0), away: all.filter((one) => !one.here && !one.waiting) };
}
