// Keeps /judge on the phone: its page, its modules, its words, of one version at a time. The server puts two lines in front
// of this file, VERSION and FILES ({path: sha256}); when any of them changes the browser finds another worker and installs it.
//
// A page and its modules are always of one version. A page that came from the server carries its version in the header
// Contest-Shell: if that is ours, its files come from here; if not, from the server. A page that came from here brings ours.
// Of the server's answers only thumbs are kept (static/judge/photo.js does that); nothing under /api is touched.
const SHELF = `judge-${VERSION}`, PAGE = "/judge", PHOTOS = "judge-photos", WORDS = "/static/words/";
const PATIENCE = 4000;      // ms: a wifi that swallows everything is no reason to wait for longer
const strangers = new Set();      // pages of another version, by client id

addEventListener("install", (event) => event.waitUntil(install()));
addEventListener("activate", (event) => event.waitUntil(tidy()));

async function install() {
  const shelf = await caches.open(SHELF);
  // Without credentials: whose page it is stands in no copy, the page asks by itself.
  const page = await fetch(PAGE, { credentials: "omit", cache: "no-store" });
  if (!page.ok || page.headers.get("Contest-Shell") !== VERSION) throw new Error("The page is of another version");
  const language = /<html lang="(\w+)"/.exec(await page.clone().text())?.[1];
  const spoken = (path) => !path.startsWith(WORDS) || path === `${WORDS}${language ?? "en"}.json`;
  await shelf.put(PAGE, page);
  await Promise.all(Object.entries(FILES).filter(([path]) => spoken(path)).map(([path, hash]) => keep(shelf, path, hash)));
}

// A page that is being loaded must not get its other half from a new version: whoever is loaded says when (static/judge/shell.js).
addEventListener("message", ({ data }) => { if (data === "go") skipWaiting(); });

async function keep(shelf, path, hash) {
  const answer = await fetch(path, { cache: "no-cache" });
  const sum = await crypto.subtle.digest("SHA-256", await answer.clone().arrayBuffer());
  const found = [...new Uint8Array(sum)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (!answer.ok || found !== hash) throw new Error(`${path} is of another version`);
  await shelf.put(path, answer);
}

async function tidy() {
  for (const name of await caches.keys()) {
    if (name.startsWith("judge-") && name !== SHELF && name !== PHOTOS) await caches.delete(name);
  }
  await clients.claim();
}

addEventListener("fetch", (event) => {
  const { request } = event, { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate") {
    if (pathname === PAGE) event.respondWith(open(event));
  } else if (pathname in FILES) {
    if (!strangers.has(event.clientId)) event.respondWith(from(SHELF, pathname, request));
  } else if (pathname.startsWith("/photos/")) event.respondWith(from(PHOTOS, pathname, request));
});

/** The page: the server's, where it answers soon; else ours. */
async function open(event) {
  const stop = new AbortController(), timer = setTimeout(() => stop.abort(), PATIENCE);
  try {
    const answer = await fetch(event.request, { signal: stop.signal });
    if (answer.status >= 500) throw new Error("The server is not there");
    if (answer.headers.get("Contest-Shell") !== VERSION) strangers.add(event.resultingClientId);
    return answer;
  } catch {
    return (await (await caches.open(SHELF)).match(PAGE)) ?? Response.error();
  } finally {
    clearTimeout(timer);
  }
}

async function from(shelf, pathname, request) {
  return (await (await caches.open(shelf)).match(pathname)) ?? fetch(request);
}
