// /submit: a collector enters a tattoo on a phone, or the desk enters many. What is typed stands in the form and, as a draft,
// in this tab's storage; the photo only in memory. An entry's id is minted once and kept until the server has taken it.
import { t, ready, say, number } from "/static/words.js";
import { newId } from "/static/api.js";
import { connect } from "/static/live.js";
import { showStatus } from "/static/status.js";
import { shrink } from "/static/shrink.js";
import { Upload } from "/static/upload.js";
import { copies, drawIcons, isolated, linkOf, make, minePath, put, qrPath, showNumber } from "/static/submit/parts.js";
import { when, zoneOf } from "/static/moments.js";
import { ASKED, asksOf, broken, drawAsks } from "/static/submit/asks.js";
import { SecondPhoto, photoButtons } from "/static/submit/second.js";
import { Desk } from "/static/submit/desk.js";

const find = (name) => document.querySelector(`[data-${name}]`);
const fieldOf = (name) => document.querySelector(`[data-field="${name}"]`);
const form = find("form");
const TEXTS = ["collector", "artist", "studio", "say", "title", "phone"];
const KEPT_FOR_ANOTHER = ["collector", "phone"];         // one person often wears several
const ORDER = ["photo", "category", ...ASKED, "second", "collector", "artist", "studio", "say", "title", "phone", "consent", "adult", "override"];
const RULES = [...ASKED, "artist"];                       // what the desk may override
const FIELD_OF = {
  category_closed: "category", no_such_category: "category", winners_only: "category", wrong_age: "age", not_at_show: "at_show",
  size_out_of_range: "size_cm", too_many_of_artist: "artist", consent_missing: "consent", adult_missing: "adult", photo_missing: "photo",
  photo_heic: "photo", not_a_photo: "photo", photo_broken: "photo", photo_too_large: "photo", photo_too_small: "photo",
  photo_too_many_pixels: "photo", body_too_large: "photo",
};
const MAY_OVERRIDE = ["category_closed", "wrong_age", "not_at_show", "size_out_of_range", "too_many_of_artist"];
const wide = matchMedia("(min-width: 820px)");

await ready;
drawIcons();
let id = newId();
let photo = null;            // what shrink() made of the file
let reading = 0;             // counts the files chosen, so that a slow one cannot overwrite a later one
let upload = null;
let before = null;           // the upload that was cancelled when it may have arrived already
let drawn = "";              // the categories as they stand in the form
let second = null;           // the second photo, as shrink() made it
const seconds = [];          // the second photos on their way: the desk may have several

const underWay = () => (upload && !upload.ended ? 1 : 0) + seconds.filter((one) => one.busy).length;
const live = connect({ page: "submit", waiting: underWay });
const { store } = live;
showStatus(live, document.querySelector(".status"));
const isDesk = () => wide.matches && ["desk", "admin"].includes(store.me.role);
const chosen = () => form.querySelector("[name=category]:checked")?.value ?? "";      // form.elements lies where there is one radio only
const announce = (text) => { find("say").textContent = text; };
const category = () => store.category(chosen());
const desk = new Desk({ live, announce, isDesk });

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

// --- The second photo ------------------------------------------------------------

async function takeSecond(file) {
  if (!file) return;
  showError("second", "");
  try {
    second = await shrink(file);
  } catch (problem) {
    second = null;
    showError("second", say(problem.code ? problem : { code: "photo_broken" }));
    announce(fieldOf("second").querySelector("[data-error]").textContent);
  }
  drawSecond();
}

/** The slot of the form: what is chosen for a second photo, or the buttons to choose it. */
function drawSecond() {
  const slot = find("second-slot");
  for (const image of slot.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  if (!second) {
    slot.replaceChildren(photoButtons(takeSecond, "second-hint second-error"));
    return;
  }
  const image = second.shown && make("img", { alt: t("submit.second-chosen"), src: URL.createObjectURL(second.blob) });
  const other = make("button", { type: "button", class: "button button-quiet", "data-second-other": true, text: t("submit.second-other") });
  other.addEventListener("click", () => {
    second = null;
    drawSecond();
    slot.querySelector("input").focus();
  });
  slot.replaceChildren(make("div", { class: "second-chosen" }, image, make("span", { text: second.shown ? t("submit.second-chosen") : t("submit.photo-unseen", { name: second.name }) }), other));
}

/** Once the entry has its number: its second photo goes out, or is asked for here. */
function askSecond({ number: entry, needs, mine }, chosenPhoto) {
  const path = isDesk() ? `/api/entries/${entry}/photos` : `/api/mine/${encodeURIComponent(linkOf(mine))}/photos`;
  const one = new SecondPhoto({ path, words: `${t("common.entry", { number: entry })}: ${t(`submit.second-${needs}`)}`, ended: () => live.poke(),
    arrived: () => {
      announce(t("submit.second-done"));
      if (kept(DONE).number === entry) keep(DONE, { ...kept(DONE), needs: "" });
    } });
  seconds.push(one);
  if (isDesk()) find("seconds").replaceChildren(one.element, ...seconds.filter((other) => other !== one && other.busy).map((other) => other.element));
  else find("done-second").replaceChildren(one.element);
  find("done-second").hidden = isDesk();
  if (chosenPhoto) one.send(chosenPhoto);
}

// --- Categories ------------------------------------------------------------------

const entered = () => store.categories.filter((category) => !category.from?.length && category.method !== "choice");      // those are made of other entries
const openOnes = () => entered().filter((category) => category.state === "open");
const registers = () => store.contest.registration !== false || store.me.role === "desk" || store.me.role === "admin";

function drawCategories() {
  const open = openOnes(), others = entered().filter((category) => category.state !== "open");
  const now = JSON.stringify([store.contest.zone, open.map(({ id: key, name, closes_at }) => [key, name, closes_at]), others.map(({ name, state }) => [name, state])]);
  drawAsks(category(), store.contest);
  if (now === drawn) return;
  drawn = now;
  const box = find("categories");
  const wanted = chosen() || draft().category || (entered().length === 1 ? open[0]?.id : "");
  const focused = document.activeElement?.name === "category" ? document.activeElement.value : null;
  box.toggleAttribute("data-short", open.length > 6 && open.every(({ name }) => name.length <= 18));      // two columns where no word would break
  box.replaceChildren(...open.map(({ id: key, name, closes_at }) => make("label", { class: "choice" },
    make("input", { type: "radio", name: "category", value: key, checked: key === wanted, "aria-describedby": "category-error" }),
    make("span", {}, make("span", { class: "category-name", text: name, dir: "auto" }),
      closes_at && make("span", { class: "category-closes muted", text: t(Date.now() > closes_at ? "rule.closed" : "rule.closes", { time: when(closes_at, zoneOf(store.contest)) }) })))));
  drawAsks(category(), store.contest);
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
  const shut = !registers() ? "submit.registration-closed" : !entered().length ? "submit.no-categories" : none ? "submit.none-open" : "";
  form.hidden = Boolean(shut) && !busy;
  const words = shut || (store.contest.registration === false ? "submit.desk-only" : "");
  box.hidden = !words;
  if (box.dataset.words === words && (words !== "submit.none-open" || box.dataset.drawn === drawn)) return;
  box.dataset.words = words;
  box.dataset.drawn = drawn;
  box.replaceChildren(make("p", { text: words && t(words) }));
  if (words === "submit.none-open") {
    box.append(make("ul", { class: "states" }, ...entered().map(({ name, state }) =>
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
  const { age = "", size_cm = "", at_show = "" } = { age: form.querySelector("[name=age]:checked")?.value, size_cm: form.elements.size_cm.value, at_show: form.elements.at_show.checked };
  keep(DRAFT, { ...texts, age, size_cm, at_show, category: chosen() || draft().category, id });
}

function loadDraft() {
  const found = draft();
  for (const name of TEXTS) if (found[name]) form.elements[name].value = found[name];
  if (found.size_cm) form.elements.size_cm.value = found.size_cm;
  if (found.age) form.querySelector(`[name=age][value="${CSS.escape(found.age)}"]`)?.click();
  form.elements.at_show.checked = found.at_show === true;
  if (found.id) ({ id } = found);      // a try from before a reload may have arrived: under its id it cannot count twice
}

// --- Errors ----------------------------------------------------------------------

const controlOf = (name) => {
  if (name === "photo") return document.getElementById("photo-choose");
  if (name === "category") return form.querySelector("[name=category]:checked") ?? form.querySelector("[name=category]");
  if (name === "age") return form.querySelector("[name=age]:checked") ?? form.querySelector("[name=age]");
  if (name === "second") return find("second-slot").querySelector("input, button");
  return form.elements[name];
};

function showError(name, text) {
  const field = fieldOf(name);
  const error = field.querySelector("[data-error]");
  put(error, text);
  error.hidden = !text;
  const marked = name === "photo" ? field.querySelectorAll("[data-photo]") : ["category", "age", "second"].includes(name) ? [] : [controlOf(name)];
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

/** The reason for which the desk lets in what breaks a rule; the field shows once there is such a rule. */
const override = () => (fieldOf("override").hidden ? "" : form.elements.override.value.trim());

function offerOverride(names) {
  if (!isDesk()) return;
  fieldOf("override").hidden = false;
  put(find("override-hint"), t("submit.override-hint", { rules: names.join(" ") }));
}

/** Marks what is missing; returns the first of it, or "". */
function check() {
  const rules = override() ? {} : broken(category(), { ...asksOf(category(), form), artist: form.elements.artist.value.trim() });
  if (Object.keys(rules).length) offerOverride(Object.values(rules));
  const found = {
    ...rules,
    photo: photo ? "" : t(reading && find("slot").dataset.slotState === "reading" ? "submit.photo-reading" : "error.photo_missing"),
    category: chosen() ? "" : t("submit.choose-category"),
    collector: form.elements.collector.value.trim() ? "" : t("submit.collector-missing"),
    consent: form.elements.consent.checked ? "" : t("error.consent_missing"),
    adult: form.elements.adult.checked ? "" : t("error.adult_missing"),
  };
  for (const name of ORDER) showError(name, found[name] ?? "");
  if (fieldOf("second").hidden) second = null;
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
  const fields = { category: chosen(), consent: "yes", adult: "yes", ...asksOf(category(), form), ...(override() && { override: override() }) };
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
  const words = error.code === "bad_field" && error.field === "size_cm" ? t("submit.size-missing") : say(error);
  if (MAY_OVERRIDE.includes(error.code) && (error.code !== "category_closed" || category()?.state === "open")) offerOverride([words]);
  if (name) showError(name, words);
  if (name) find("summary").hidden = false;
  drawSummary(name ? "" : say(error));
  if (name) goTo(name);
  else { announce(say(error)); find("send").focus(); }
}

// --- Done --------------------------------------------------------------------------

function arrived({ entry, mine }) {
  const edited = TEXTS.some((name) => (upload.fields[name] ?? "") !== form.elements[name].value.trim());      // after a cancelled try
  const link = linkOf(mine), needs = store.category(entry.category)?.needs ?? "", photoOfSecond = second;
  const done = { number: entry.number, category: entry.category, mine, edited, needs };
  before = null;
  clearForm(isDesk() ? [] : KEPT_FOR_ANOTHER);
  fillTicket(done, link);
  if (isDesk()) {
    showNumber(find("saved-number"), done.number);
    put(find("saved-words"), t("submit.saved", { number: done.number }));
    find("saved").hidden = false;
    announce(t("submit.saved", { number: done.number }));
    if (needs) askSecond(done, photoOfSecond);
    scrollTo({ top: 0 });
    document.getElementById("photo-choose").focus({ preventScroll: true });
    return;
  }
  keep(DONE, done);
  showDone(done, true, photoOfSecond);
}

function clearForm(names) {
  const texts = Object.fromEntries(names.map((name) => [name, form.elements[name].value]));
  form.reset();
  for (const name of names) form.elements[name].value = texts[name];
  id = newId();
  photo = null;
  second = null;
  drawSecond();
  fieldOf("override").hidden = true;
  drawAsks(category(), store.contest);
  reading += 1;
  showPhoto("empty", t("submit.photo-none"));
  for (const name of ORDER) showError(name, "");
  find("summary").hidden = true;
  keep(DRAFT, null);
  saveDraft();
}

function showDone(done, moved, secondPhoto) {
  const link = linkOf(done.mine);
  showNumber(find("done-number"), done.number);
  put(find("done-words"), t(done.edited ? "submit.show-desk-edited" : "submit.show-desk"));
  put(find("done-category"), store.category(done.category)?.name ?? "");
  find("done-qr").src = qrPath(link);
  find("done-address").value = done.mine;
  find("done-open").href = minePath(link);
  find("done").hidden = false;
  find("form-part").hidden = true;
  find("done-second").hidden = true;
  if (done.needs) askSecond(done, secondPhoto);
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

// --- Wiring ----------------------------------------------------------------------------

function draw() {
  drawCategories();
  drawNotice();
  find("submit").toggleAttribute("data-desk", isDesk());
  desk.draw();
  if (!find("done").hidden) put(find("done-category"), store.category(kept(DONE).category)?.name ?? "");
}

loadDraft();
drawSecond();
showPhoto("empty", t("submit.photo-none"));
const last = kept(DONE);
if (last.mine) showDone(last, false);

form.addEventListener("submit", begin);
form.addEventListener("input", ({ target }) => {
  if (target.name && fieldOf(target.name)?.hasAttribute("data-wrong")) showError(target.name, "");
  if (target.name === "category") {
    for (const name of [...RULES, "second"]) showError(name, "");
    drawAsks(category(), store.contest);
  }
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
addEventListener("beforeunload", (event) => { if (underWay()) event.preventDefault(); });
live.on("change", draw);
