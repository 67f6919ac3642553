// Moments and days as a venue writes them: in its zone where the organiser has set one, else in the device's own.
const language = document.documentElement.lang || "en";

/** The zone to write times in: undefined, the device's own, where none is set or this browser does not know it. */
export function zoneOf(contest) {
  try {
    return contest?.zone ? new Intl.DateTimeFormat("en", { timeZone: contest.zone }).resolvedOptions().timeZone : undefined;
  } catch {
    return undefined;
  }
}

/** The clock on the venue's wall: localOf(ms, "Europe/Berlin") -> "2026-11-28T18:30", as an <input type=datetime-local> wants it. */
export function localOf(ms, zone) {
  const parts = new Intl.DateTimeFormat("en", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).formatToParts(ms);
  const { year, month, day, hour, minute } = Object.fromEntries(parts.map(({ type, value }) => [type, value]));
  return `${year.padStart(4, "0")}-${month}-${day}T${hour}:${minute}`;
}

/** The moment at which that clock shows this: msOf("2026-11-28T18:30", "Europe/Berlin") -> ms; NaN of no such text. */
export function msOf(text, zone) {
  const wanted = Date.parse(`${text}Z`);
  if (Number.isNaN(wanted)) return NaN;
  const off = (ms) => Date.parse(`${localOf(ms, zone)}Z`) - Math.floor(ms / 60000) * 60000;
  // Twice: on the day when the clocks change the first guess may lie on the other side of it.
  return wanted - off(wanted - off(wanted));
}

/** A moment in words: today, and within twelve hours, "18:30", another day "Sat, 28 Nov, 18:30"; the zone is named where it is not the device's. */
export function when(ms, zone) {
  const today = localOf(ms, zone).slice(0, 10) === localOf(Date.now(), zone).slice(0, 10) || Math.abs(ms - Date.now()) < 12 * 3600_000;
  const away = zone && localOf(ms, zone) !== localOf(ms);
  return new Intl.DateTimeFormat(language, {
    timeZone: zone, hour: "2-digit", minute: "2-digit", ...(!today && { weekday: "short", day: "numeric", month: "short" }), ...(away && { timeZoneName: "short" }) }).format(ms);
}

/** A date in words: dayOf("2026-11-28") -> "Saturday, 28 November". */
export const dayOf = (date) => new Intl.DateTimeFormat(language, { timeZone: "UTC", weekday: "long", day: "numeric", month: "long" }).format(Date.parse(`${date}T00:00Z`));

/** Writes the times and dates that stand in a page of the server: <time data-moment="ms" data-zone="...">, <time data-day="2026-11-28">. */
export function writeMoments(root = document) {
  for (const element of root.querySelectorAll("[data-moment]")) element.textContent = when(Number(element.dataset.moment), zoneOf({ zone: element.dataset.zone }));
  for (const element of root.querySelectorAll("[data-day]")) element.textContent = dayOf(element.dataset.day);
}
