// The photo on its mat, other photos of the same entry by swiping, and the full screen. Photos are fetched ahead into
// blobs, so that the list works while the wifi does not.
import { html, useEffect, useRef, useState, icon } from "/static/ui.js";
import { t } from "/static/words.js";
import { Dialog } from "/static/judge/dialog.js";
import { isOut } from "/static/judge/model.js";

const blobs = new Map();   // photo name -> blob URL

export const photoUrl = (name) => blobs.get(name) ?? `/photos/${name}`;

export const photosOf = (entry) => (entry.photos?.length ? entry.photos : entry.photo ? [entry.photo] : []);

let ahead = Promise.resolve();

/** Thumbs that outlive a reload, where the browser has a place for them (a secure origin); null elsewhere. */
const shelf = () => globalThis.caches?.open("judge-photos").catch(() => null) ?? null;

/**
 * Fetch what the entries need, thumbs first, one at a time behind everything else; forget what is no longer shown.
 *   groups   [{entries, large}]: `large`, whether the large photos are wanted too
 */
export function fetchAhead(groups) {
  const saving = navigator.connection?.saveData;
  const thumbs = groups.flatMap(({ entries }) => entries.flatMap(photosOf).map((p) => p.thumb));
  const large = groups.filter((group) => group.large && !saving).flatMap(({ entries }) => entries.flatMap(photosOf).map((p) => p.large));
  const wanted = new Set([...thumbs, ...large]), kept = new Set(thumbs);
  for (const [name, url] of blobs) {
    if (!wanted.has(name)) { URL.revokeObjectURL(url); blobs.delete(name); }
  }
  ahead = ahead.then(async () => {
    const place = await shelf();
    await tidy(place, kept);
    for (const name of wanted) {
      if (blobs.has(name)) continue;
      await new Promise((idle) => (globalThis.requestIdleCallback ?? setTimeout)(idle));
      if (!(await fetchOne(name, kept.has(name) && place))) return;   // offline: the next state tries again
    }
  });
}

/** A hidden or withdrawn photo leaves the phone too. */
async function tidy(place, kept) {
  for (const request of (await place?.keys()) ?? []) {
    if (!kept.has(new URL(request.url).pathname.split("/").at(-1))) await place.delete(request);
  }
}

async function fetchOne(name, place) {
  const url = `/photos/${name}`;
  try {
    const had = await (place || undefined)?.match(url), answer = had ?? (await fetch(url));
    if (!answer.ok) return true;
    if (place && !had) await place.put(url, answer.clone()).catch(() => {});   // a full phone: the photo is in this tab at least
    blobs.set(name, URL.createObjectURL(await answer.blob()));
    return true;
  } catch {
    return false;
  }
}

function Picture({ photo, alt }) {
  // The thumb stands in until the large one is there, and wherever that cannot be had.
  const [failed, setFailed] = useState(false);
  useEffect(() => setFailed(false), [photo.large]);
  return html`
    <span class="picture">
      <img src=${photoUrl(photo.thumb)} alt=${failed ? alt : ""} draggable=${false} />
      ${!failed && html`<img key=${photo.large} src=${photoUrl(photo.large)} alt=${alt} width=${photo.width} height=${photo.height}
        draggable=${false} onError=${() => setFailed(true)} />`}
    </span>`;
}

/** `children` stand on the photo, top left. */
export function Photo({ entry, children }) {
  const photos = photosOf(entry);
  const [shown, setShown] = useState(0);
  const [open, setOpen] = useState(false);
  const strip = useRef(null), figure = useRef(null);
  useEffect(() => { setShown(0); setOpen(false); strip.current?.scrollTo({ left: 0, behavior: "instant" }); }, [entry.number]);
  useShrink(figure);

  const alt = (i) => (photos.length > 1
    ? t("judge.photo-of", { number: entry.number, i: i + 1, n: photos.length }) : t("judge.photo", { number: entry.number }));
  const onScroll = ({ currentTarget: s }) => setShown(Math.round(Math.abs(s.scrollLeft) / s.clientWidth));

  return html`
    <figure class="photo" data-photo ref=${figure}>
      <div class="photo-frame">
        ${photos.length === 0 && html`<p class="photo-none">${t(isOut(entry) ? "common.no-photo" : "judge.no-photo")}</p>`}
        ${photos.length > 0 && html`
          <div class="photo-strip" ref=${strip} onScroll=${onScroll} onClick=${() => setOpen(true)}
            tabindex=${photos.length > 1 ? 0 : undefined} role=${photos.length > 1 ? "group" : undefined}
            aria-label=${photos.length > 1 ? t("judge.photos", { n: photos.length }) : undefined}>
            ${photos.map((photo, i) => html`<${Picture} key=${photo.large} photo=${photo} alt=${alt(i)} />`)}
          </div>
          ${photos.length > 1 && html`<p class="photo-count" aria-hidden="true">${t("judge.photo-count", { i: shown + 1, n: photos.length })}</p>`}
          <button type="button" class="photo-zoom" data-zoom aria-label=${t("judge.zoom")} onClick=${() => setOpen(true)}>${icon("maximize-2")}</button>`}
        <h2 class="number photo-number" data-number tabindex="-1"><span class="visually-hidden">${t("judge.entry-word")} </span>${entry.number}</h2>
      </div>
      ${children && html`<div class="photo-over">${children}</div>`}
      ${open && photos[shown] && html`<${Zoom} photo=${photos[shown]} alt=${alt(shown)} number=${entry.number} onClose=${() => setOpen(false)} />`}
    </figure>`;
}

/** Where the criteria scroll, the photo shrinks as they do: the frame keeps to the part that is still in view. */
function useShrink(figure) {
  useEffect(() => {
    const scroller = figure.current?.closest("[data-scroller]");
    if (!scroller) return undefined;
    const shrink = () => figure.current?.style.setProperty("--scrolled", `${scroller.scrollTop}px`);
    scroller.addEventListener("scroll", shrink, { passive: true });
    shrink();
    return () => scroller.removeEventListener("scroll", shrink);
  }, []);
}

/** The whole screen for one photo; larger and smaller by button, by double tap, or by the browser's own pinch. */
function Zoom({ photo, alt, number, onClose }) {
  const [large, setLarge] = useState(false);
  const room = useRef(null);
  useEffect(() => {
    const r = room.current;
    r.scrollTo((r.scrollWidth - r.clientWidth) / 2, (r.scrollHeight - r.clientHeight) / 2);
  }, [large]);
  return html`
    <${Dialog} class="zoom" label=${alt} onClose=${onClose}>
      <div class="zoom-room" ref=${room} tabindex="0" role="group" aria-label=${alt} onDblClick=${() => setLarge(!large)}>
        <img src=${photoUrl(photo.large)} alt=${alt} data-large=${large || undefined} onError=${(e) => { e.currentTarget.src = photoUrl(photo.thumb); }} />
      </div>
      <p class="number photo-number" aria-hidden="true">${number}</p>
      <div class="zoom-buttons">
        <button type="button" class="photo-zoom" aria-pressed=${large} aria-label=${t("judge.larger")} onClick=${() => setLarge(!large)}>
          ${icon(large ? "minus" : "plus")}</button>
        <button type="button" class="photo-zoom" aria-label=${t("common.close")} onClick=${onClose}>${icon("x")}</button>
      </div>
    <//>`;
}
