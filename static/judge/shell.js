// Whether the page itself is kept on this phone: by a service worker, which browsers give to secure origins only. On plain
// http the marks are as safe (they are in IndexedDB), but a reload without wifi finds no page.
import { signal } from "/static/ui.js";

/** Whether a reload without a network brings this page back. */
export const throughReloads = signal(false);

/** Have the page kept from now on, where the browser does that. */
export async function stayThroughReloads() {
  const { serviceWorker: worker } = navigator;
  if (!worker) return;
  const look = () => { throughReloads.value = Boolean(worker.controller); };
  worker.addEventListener("controllerchange", look);
  look();
  try {
    const kept = await worker.register("/static/judge/worker.js", { scope: "/judge" });
    // All of this page is here by now, so a new version may take the place of the old one.
    const go = () => kept.waiting?.postMessage("go");
    kept.addEventListener("updatefound", () => kept.installing?.addEventListener("statechange", go));
    go();
    addEventListener("online", () => kept.update().catch(() => {}));
  } catch (problem) {
    console.warn("The page cannot be kept on this phone", problem);      // a private window, a full phone
  }
}
