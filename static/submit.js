// /submit: a collector enters a tattoo on a phone, or the desk enters many. What is typed stands in the form and, as a draft,
// in this tab's storage; the photo only in memory. An entry's id is minted once and kept until the server has taken it.
import { t, ready, say, number } from "/static/words.js";
import { call, newId } from "/static/api.js";
import { connect } from "/static/live.js";
import { showStatus } from "/static/status.js";
import { shrink } from "/static/shrink.js";
import { Upload } from "/static/upload.js";
import { copies, drawIcons, isolated, linkOf, make, minePath, put, qrPath, showNumber } from "/static/submit/parts.js";

const find = (name) => document.querySelector(`[data-${name}]`);
const fieldOf = (name) => document.querySelector(`[data-field="${name}"]`);
const form = find("form");
const TEXTS = ["collector", "artist", "studio", "title", "phone"];
const KEPT_FOR_ANOTHER = ["collector", "phone"];         // one person often wears several
const ORDER = ["photo", "category", "collector", "artist", "studio", "title", "phone", "consent", "adult"];
const FIELD_OF = {
  category_closed: "category", no_such_category: "category", consent_missing: "consent", adult_missing: "adult", photo_missing: "photo",
  photo_heic: "photo", not_a_photo: "photo", photo_broken: "photo", photo_too_large: "photo", photo_too_small: "photo",
  photo_too_many_pixels: "photo", body_too_large: "photo",
};
const RECENT = 10;
const wide = matchMedia("(min-width: 820px)");

await ready;
drawIcons();
let id = newId();
let photo = null;            // what shrink() made of the file
let reading = 0;             // counts the files chosen, so that a slow one cannot overwrite a later one
let upload = null;
let before = null;           // the upload that was cancelled when it may have arrived already
let drawn = "";              // the categories as they stand in the form

const live = connect({ page: "submit", waiting: () => (upload && !upload.ended ? 1 : 0) });
const { store } = live;
showStatus(live, document.querySelector(".status"));
const isDesk = () => wide.matches && ["desk", "admin"].includes(store.me.role);
const chosen = () => form.querySelector("[name=category]:checked")?.value ?? "";      // form.elements lies where there is one radio only
const announce = (text) => { find("say").textContent = text; };

// --- The photo -----------------------------------------------------------------

function showPhoto(state, words = "") {
  const image = find("slot-photo");
  find("slot").dataset.slotState = state;
  if (image.src) URL.revokeObjectURL(image.src);
  image.hidden = !photo?.shown;
  if (photo?.shown) image.src = URL.createObjectURL(photo.blob);
  else image.removeAttribute("src");
  put(find("slot-words"), words);
}

async function takePhoto(file) {
  if (!file || (upload && !upload.ended)) return;
  const mine = ++reading;
  photo = null;
  showError("photo", "");
  showPhoto("reading", t("submit.photo-reading"));
  try {
    const made = await shrink(file);
    if (mine !== reading) return;
    photo = made;
    showError("photo", "");
    showPhoto("chosen", made.shown ? "" : t("submit.photo-unseen", { name: made.name }));
    announce(t("submit.photo-ready"));
  } catch (problem) {
    if (mine !== reading) return;
    showPhoto("empty", t("submit.photo-none"));
    showError("photo", say(problem.code ? problem : { code: "photo_broken" }));
    announce(say(problem.code ? problem : { code: "photo_broken" }));
  }
}

// --- Categories ------------------------------------------------------------------

const openOnes = () => store.categories.filter((category) => category.state === "open");
const registers = () => store.contest.registration !== false || store.me.role === "desk" || store.me.role === "admin";

function drawCategories() {
  const open = openOnes(), others = store.categories.filter((category) => category.state !== "open");
  const now = JSON.stringify([open.map(({ id: key, name }) => [key, name]), others.map(({ name, state }) => [name, state])]);
  if (now === drawn) return;
  drawn = now;
  const box = find("categories");
  const wanted = chosen() || draft().category || (store.categories.length === 1 ? open[0]?.id : "");
  const focused = document.activeElement?.name === "category" ? document.activeElement.value : null;
  box.toggleAttribute("data-short", open.length > 6 && open.every(({ name }) => name.length <= 18));      // two columns where no word would break
  box.replaceChildren(...open.map(({ id: key, name }) => make("label", { class: "choice" },
    make("input", { type: "radio", name: "category", value: key, checked: key === wanted, "aria-describedby": "category-error" }),
    make("span", { class: "category-name", text: name, dir: "auto" }))));
  if (focused) box.querySelector(`[value="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  const gone = store.category(wanted);
  if (gone && gone.state !== "open") {
    showError("category", t("submit.category-gone", { name: isolated(gone.name), state: t(`category-state.${gone.state}`) }));
    announce(fieldOf("category").querySelector("[data-error]").textContent);
  }
  const rest = find("other-categories");
  rest.hidden = !others.length || !open.length;
  rest.replaceChildren(make("span", { text: `${t("submit.not-taking")} ` }), ...others.flatMap(({ name, state }, i) =>
    [i ? ", " : "", make("bdi", { text: name }), ` (${t(`category-state.${state}`)})`]));
}

/** Says in words why nobody can enter now, in place of a form that could not be sent. */
function drawNotice() {
  const box = find("notice"), none = !openOnes().length, busy = upload && !upload.ended;
  const shut = !registers() ? "submit.registration-closed" : !store.categories.length ? "submit.no-categories" : none ? "submit.none-open" : "";
  form.hidden = Boolean(shut) && !busy;
  const words = shut || (store.contest.registration === false ? "submit.desk-only" : "");
  box.hidden = !words;
  if (box.dataset.words === words && (words !== "submit.none-open" || box.dataset.drawn === drawn)) return;
  box.dataset.words = words;
  box.dataset.drawn = drawn;
  box.replaceChildren(make("p", { text: words && t(words) }));
  if (words === "submit.none-open") {
    box.append(make("ul", { class: "states" }, ...store.categories.map(({ name, state }) =>
      make("li", {}, make("bdi", { text: name }), make("span", { class: "muted", text: t(`category-state.${state}`) })))));
  }
}

// --- The draft -------------------------------------------------------------------

const DRAFT = "contest-submit-draft", DONE = "contest-submit-done";

function kept(key) {
  try { return JSON.parse(sessionStorage.getItem(key)) ?? {}; } catch { return {}; }
}
function keep(key, value) {
  try { value ? sessionStorage.setItem(key, JSON.stringify(value)) : sessionStorage.removeItem(key); } catch { /* private mode: this page only */ }
}
const draft = () => kept(DRAFT);

function saveDraft() {
  const texts = Object.fromEntries(TEXTS.map((name) => [name, form.elements[name].value]));
  keep(DRAFT, { ...texts, category: chosen() || draft().category, id });
}

function loadDraft() {
  const found = draft();
  for (const name of TEXTS) if (found[name]) form.elements[name].value = found[name];
  if (found.id) ({ id } = found);      // a try from before a reload may have arrived: under its id it cannot count twice
}

// --- Errors ----------------------------------------------------------------------

const controlOf = (name) => {
  if (name === "photo") return document.getElementById("photo-choose");
  if (name === "category") return form.querySelector("[name=category]:checked") ?? form.querySelector("[name=category]");
  return form.elements[name];
};

function showError(name, text) {
  const field = fieldOf(name);
  const error = field.querySelector("[data-error]");
  put(error, text);
  error.hidden = !text;
  const marked = name === "photo" ? field.querySelectorAll("[data-photo]") : name === "category" ? [] : [controlOf(name)];
  for (const control of marked) text ? control.setAttribute("aria-invalid", "true") : control.removeAttribute("aria-invalid");
  field.toggleAttribute("data-wrong", Boolean(text));
  if (!text) drawSummary();
}

function drawSummary(general = "") {
  const wrong = ORDER.filter((name) => fieldOf(name).hasAttribute("data-wrong"));
  const box = find("summary");
  if (!general && (box.hidden || wrong.length === 0)) { box.hidden = true; return; }
  box.hidden = false;
  put(find("summary-words"), general || t("submit.missing", { n: wrong.length }));
  find("summary-list").replaceChildren(...wrong.map((name) => {
    const link = make("a", { href: `#${name}`, text: fieldOf(name).querySelector("[data-error]").textContent });
    link.addEventListener("click", (event) => { event.preventDefault(); goTo(name); });
    return make("li", {}, link);
  }));
}

function goTo(name) {
  const field = fieldOf(name);
  controlOf(name)?.focus({ preventScroll: true });
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  field.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
}

/** Marks what is missing; returns the first of it, or "". */
function check() {
  const found = {
    photo: photo ? "" : t(reading && find("slot").dataset.slotState === "reading" ? "submit.photo-reading" : "error.photo_missing"),
    category: chosen() ? "" : t("submit.choose-category"),
    collector: form.elements.collector.value.trim() ? "" : t("submit.collector-missing"),
    consent: form.elements.consent.checked ? "" : t("error.consent_missing"),
    adult: form.elements.adult.checked ? "" : t("error.adult_missing"),
  };
  for (const name of ORDER) showError(name, found[name] ?? "");
  const first = ORDER.find((name) => found[name]);
  find("summary").hidden = !first;
  drawSummary();
  return first ?? "";
}

// --- Sending ---------------------------------------------------------------------

function begin(event) {
  event.preventDefault();
  if (upload && !upload.ended) return;
  find("saved").hidden = true;
  const first = check();
  if (first) { goTo(first); return; }
  const fields = { category: chosen(), consent: "yes", adult: "yes" };
  for (const name of TEXTS) {
    const value = form.elements[name].value.trim();
    if (value) fields[name] = value;
  }
  saveDraft();
  send({ id, fields, photo });
}

function send(entry) {
  upload = new Upload(entry, told);
  find("submit").dataset.busy = "";
  find("sending").hidden = false;
  find("rest").disabled = true;
  find("photo-buttons").hidden = true;
  find("sending").focus({ preventScroll: true });
  if (!isDesk()) find("form-part").scrollIntoView({ block: "start" });
  upload.start();
  live.poke();
}

function told(state) {
  const words = find("sending-words"), more = find("sending-more");
  find("try").hidden = state.phase !== "waiting";
  if (state.phase === "sending") {
    edge(state.share);
    put(words, t("submit.sending", { percent: number(Math.floor(state.share * 100), 0) }));
    put(more, t("submit.keep-open"));
  } else if (state.phase === "arriving") {
    edge(1);
    put(words, t("submit.arriving"));
  } else if (state.phase === "waiting") {
    edge(0);
    put(words, t("submit.again", { n: state.seconds }));
    put(more, `${state.error ? say(state.error) : t("submit.no-network")} ${t("submit.keep-open")}`);
    if (find("say").textContent !== more.textContent) announce(more.textContent);      // once, not with every second
  } else {
    stopSending();
    ({ done: arrived, refused, cancelled })[state.phase](state);
  }
}

function stopSending() {
  delete find("submit").dataset.busy;
  find("sending").hidden = true;
  find("rest").disabled = false;
  find("photo-buttons").hidden = false;
  edge(0);
  announce("");
  live.poke();
}

function edge(share) {
  find("slot-edge").style.strokeDasharray = `${share * 100} 100`;
  find("slot").toggleAttribute("data-full", share === 1);
}

function cancelled() {
  before = upload.unsure ? upload : before;
  drawNotice();
  find("send").focus();
}

function refused({ error }) {
  drawNotice();
  if (error.code === "id_reuse" && before) {
    // The try that was cancelled had arrived after all. Asked again with the same content, the server names that entry.
    const { id: same, fields, photo: sent } = before;
    before = null;
    send({ id: same, fields, photo: sent });
    return;
  }
  if (error.code === "id_reuse") {
    id = newId();
    saveDraft();
    drawSummary(t("submit.arrived-before"));
    find("summary").scrollIntoView({ block: "center" });
    announce(t("submit.arrived-before"));
    find("send").focus({ preventScroll: true });
    return;
  }
  const name = FIELD_OF[error.code] ?? (ORDER.includes(error.field) ? error.field : "");
  if (name) showError(name, say(error));
  if (name) find("summary").hidden = false;
  drawSummary(name ? "" : say(error));
  if (name) goTo(name);
  else { announce(say(error)); find("send").focus(); }
}

// --- Done --------------------------------------------------------------------------

function arrived({ entry, mine }) {
  const edited = TEXTS.some((name) => (upload.fields[name] ?? "") !== form.elements[name].value.trim());      // after a cancelled try
  const link = linkOf(mine), done = { number: entry.number, category: entry.category, mine, edited };
  before = null;
  clearForm(isDesk() ? [] : KEPT_FOR_ANOTHER);
  fillTicket(done, link);
  if (isDesk()) {
    showNumber(find("saved-number"), done.number);
    put(find("saved-words"), t("submit.saved", { number: done.number }));
    find("saved").hidden = false;
    announce(t("submit.saved", { number: done.number }));
    scrollTo({ top: 0 });
    document.getElementById("photo-choose").focus({ preventScroll: true });
    return;
  }
  keep(DONE, done);
  showDone(done, true);
}

function clearForm(names) {
  const texts = Object.fromEntries(names.map((name) => [name, form.elements[name].value]));
  form.reset();
  for (const name of names) form.elements[name].value = texts[name];
  id = newId();
  photo = null;
  reading += 1;
  showPhoto("empty", t("submit.photo-none"));
  for (const name of ORDER) showError(name, "");
  find("summary").hidden = true;
  keep(DRAFT, null);
  saveDraft();
}

function showDone(done, moved) {
  const link = linkOf(done.mine);
  showNumber(find("done-number"), done.number);
  put(find("done-words"), t(done.edited ? "submit.show-desk-edited" : "submit.show-desk"));
  put(find("done-category"), store.category(done.category)?.name ?? "");
  find("done-qr").src = qrPath(link);
  find("done-address").value = done.mine;
  find("done-open").href = minePath(link);
  find("done").hidden = false;
  find("form-part").hidden = true;
  if (!moved) return;
  scrollTo({ top: 0 });
  find("done").focus({ preventScroll: true });
}

function another() {
  keep(DONE, null);
  find("done").hidden = true;
  find("form-part").hidden = false;
  scrollTo({ top: 0 });
  document.getElementById("photo-take").focus({ preventScroll: true });
}

function fillTicket(done, link) {
  showNumber(find("ticket-number"), done.number);
  put(find("ticket-category"), store.category(done.category)?.name ?? "");
  find("ticket-qr").src = qrPath(link);
  find("ticket-qr").hidden = false;
}

async function printTicket() {
  await find("ticket-qr").decode().catch(() => {});      // a number without its code is still a number
  document.documentElement.dataset.printing = "ticket";
  addEventListener("afterprint", () => { delete document.documentElement.dataset.printing; }, { once: true });
  print();
}

// --- The desk's last entries ---------------------------------------------------------

const rows = new Map();      // number -> {row, check, ...}: rows stay, so that focus and half a click survive an update

function drawRecent() {
  const desk = isDesk();
  find("recent").hidden = !desk;
  find("submit").toggleAttribute("data-desk", desk);
  if (!desk) return;
  const shown = store.entries.slice(-RECENT).reverse();
  find("recent-none").hidden = shown.length > 0;
  for (const key of rows.keys()) {
    if (shown.some((entry) => entry.number === key)) continue;
    rows.get(key).row.remove();
    rows.delete(key);
  }
  const list = find("recent-list");
  shown.forEach((entry, i) => {
    if (!rows.has(entry.number)) rows.set(entry.number, makeRow(entry));
    const parts = rows.get(entry.number);
    if (list.children[i] !== parts.row) list.insertBefore(parts.row, list.children[i] ?? null);
    fillRow(parts, entry);
  });
}

function makeRow({ number: entry }) {
  const parts = {
    photo: make("img", { class: "recent-photo", alt: "", width: 64, height: 64 }),
    name: make("p", { class: "recent-name", dir: "auto" }), by: make("p", { class: "recent-by muted" }), in: make("p", { class: "recent-in muted", dir: "auto" }),
    state: make("span", { class: "chip", tabindex: -1 }),
    check: make("button", { type: "button", class: "button", text: t("submit.check-in"), "aria-label": t("submit.check-in-entry", { number: entry }) }),
  };
  parts.check.addEventListener("click", () => checkIn(entry, parts));
  parts.row = make("li", { class: "recent-row", "data-entry": entry },
    make("div", { class: "recent-picture" }, parts.photo, make("span", { class: "number number-small", text: entry })),
    make("div", { class: "recent-words" }, parts.name, parts.by, parts.in),
    make("div", { class: "recent-state" }, parts.state, parts.check));
  return parts;
}

function fillRow(parts, entry) {
  const thumb = entry.photo ? `/photos/${entry.photo.thumb}` : "";
  if (thumb && parts.photo.getAttribute("src") !== thumb) parts.photo.src = thumb;
  parts.photo.hidden = !thumb;
  put(parts.name, entry.collector || "");
  put(parts.by, [entry.artist, entry.studio].filter(Boolean).join(", "));
  put(parts.in, store.category(entry.category)?.name ?? "");
  put(parts.state, t(entry.hidden ? "entry-state.hidden" : `entry-state.${entry.state}`));
  parts.state.classList.toggle("chip-good", ["checked-in", "called", "on-stage"].includes(entry.state));
  parts.state.classList.toggle("chip-bad", ["withdrawn", "disqualified", "no-show"].includes(entry.state));
  parts.state.classList.toggle("chip-pending", entry.state === "registered");
  const left = parts.check === document.activeElement;
  parts.check.hidden = entry.state !== "registered";
  if (left && parts.check.hidden) parts.state.focus();      // not the next button: a second Enter must not check in somebody else
}

async function checkIn(entry, { check }) {
  if (check.getAttribute("aria-disabled")) return;
  check.setAttribute("aria-disabled", "true");      // `disabled` would throw the focus away
  const error = find("recent-error");
  error.hidden = true;
  try {
    await call("POST", `/api/entries/${entry}/check-in`, {});
    announce(t("submit.checked-in", { number: entry }));
  } catch (problem) {
    put(error, `${t("common.entry", { number: entry })}: ${say(problem)}`);
    error.hidden = false;
    announce(error.textContent);
  }
  check.removeAttribute("aria-disabled");
}

// --- Wiring ----------------------------------------------------------------------------

function draw() {
  drawCategories();
  drawNotice();
  drawRecent();
  if (!find("done").hidden) put(find("done-category"), store.category(kept(DONE).category)?.name ?? "");
}

loadDraft();
showPhoto("empty", t("submit.photo-none"));
const last = kept(DONE);
if (last.mine) showDone(last, false);

form.addEventListener("submit", begin);
form.addEventListener("input", ({ target }) => {
  if (target.name && fieldOf(target.name)?.hasAttribute("data-wrong")) showError(target.name, "");
  saveDraft();
});
for (const input of form.querySelectorAll("[data-photo]")) {
  input.addEventListener("change", () => {
    takePhoto(input.files[0]);
    input.value = "";        // so that choosing the same file again is a change too
  });
}
const slot = find("slot");
slot.addEventListener("dragover", (event) => event.preventDefault());
slot.addEventListener("drop", (event) => { event.preventDefault(); takePhoto(event.dataTransfer.files[0]); });
find("try").addEventListener("click", () => upload.tryNow());
find("cancel").addEventListener("click", () => upload.cancel());
find("another").addEventListener("click", another);
find("print").addEventListener("click", printTicket);
copies(find("done-copy"), find("done-address"), announce);
wide.addEventListener("change", draw);
addEventListener("beforeunload", (event) => { if (upload && !upload.ended) event.preventDefault(); });
live.on("change", draw);
