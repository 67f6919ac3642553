// /submit: a collector enters a tattoo on a phone, or the desk enters many. What is typed stands in the form and, as a draft,
// in this tab's storage; the photo only in memory. An entry's id is minted once and kept until the server has taken it.
//
// The parts stand in static/submit/: the form with its errors, the draft, the photos, the choice of categories, what comes after. Here they are
// put together, and the entry goes out.
import { t, ready, say } from "/static/words.js";
import { newId } from "/static/api.js";
import { connect } from "/static/live.js";
import { showStatus } from "/static/status.js";
import { Upload } from "/static/upload.js";
import { ASKED, asksOf, broken, drawAsks } from "/static/submit/asks.js";
import { drawCategories, drawNotice } from "/static/submit/choices.js";
import { Desk } from "/static/submit/desk.js";
import { Done } from "/static/submit/done.js";
import { DONE, DRAFT, keep, kept, loadDraft, saveDraft } from "/static/submit/draft.js";
import { announce, chosen, drawSummary, fieldOf, find, form, goTo, ORDER, showError, TEXTS } from "/static/submit/form.js";
import { copies, drawIcons, put } from "/static/submit/parts.js";
import { Photos } from "/static/submit/photos.js";
import { hideSending, showProgress, showSending } from "/static/submit/progress.js";

const KEPT_FOR_ANOTHER = ["collector", "phone"];         // one person often wears several
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
let upload = null;
let before = null;           // the upload that was cancelled when it may have arrived already

const isSending = () => Boolean(upload && !upload.ended);
const underWay = () => Number(isSending()) + done.busy;
const live = connect({ page: "submit", waiting: underWay });
const { store } = live;
showStatus(live, document.querySelector(".status"));
const isDesk = () => wide.matches && ["desk", "admin"].includes(store.me.role);
const category = () => store.category(chosen());
const desk = new Desk({ live, announce, isDesk });
const done = new Done(live, isDesk);
const photos = new Photos(isSending);

// --- What is missing --------------------------------------------------------------

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
    photo: photos.photo ? "" : t(photos.reads ? "submit.photo-reading" : "error.photo_missing"),
    category: chosen() ? "" : t("submit.choose-category"),
    collector: form.elements.collector.value.trim() ? "" : t("submit.collector-missing"),
    consent: form.elements.consent.checked ? "" : t("error.consent_missing"),
    adult: form.elements.adult.checked ? "" : t("error.adult_missing"),
  };
  for (const name of ORDER) showError(name, found[name] ?? "");
  if (fieldOf("second").hidden) photos.second = null;
  const first = ORDER.find((name) => found[name]);
  find("summary").hidden = !first;
  drawSummary();
  return first ?? "";
}

// --- Sending ---------------------------------------------------------------------

function begin(event) {
  event.preventDefault();
  if (isSending()) return;
  find("saved").hidden = true;
  const first = check();
  if (first) { goTo(first); return; }
  const fields = { category: chosen(), consent: "yes", adult: "yes", ...asksOf(category(), form), ...(override() && { override: override() }) };
  for (const name of TEXTS) {
    const value = form.elements[name].value.trim();
    if (value) fields[name] = value;
  }
  saveDraft(id);
  send({ id, fields, photo: photos.photo });
}

function send(entry) {
  upload = new Upload(entry, told);
  showSending();
  if (!isDesk()) find("form-part").scrollIntoView({ block: "start" });
  upload.start();
  live.poke();
}

function told(state) {
  if (!upload.ended) return showProgress(state);
  hideSending();
  live.poke();
  return ({ done: arrived, refused, cancelled })[state.phase](state);
}

function cancelled() {
  before = upload.unsure ? upload : before;
  drawNotice(store, isSending());
  find("send").focus();
}

function refused({ error }) {
  drawNotice(store, isSending());
  if (error.code === "id_reuse" && before) {
    // The try that was cancelled had arrived after all. Asked again with the same content, the server names that entry.
    const { id: same, fields, photo: sent } = before;
    before = null;
    send({ id: same, fields, photo: sent });
    return;
  }
  if (error.code === "id_reuse") {
    id = newId();
    saveDraft(id);
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

function arrived({ entry, mine }) {
  const edited = TEXTS.some((name) => (upload.fields[name] ?? "") !== form.elements[name].value.trim());      // after a cancelled try
  const made = { number: entry.number, category: entry.category, mine, edited, needs: store.category(entry.category)?.needs ?? "" };
  const secondPhoto = photos.second;
  before = null;
  clearForm(isDesk() ? [] : KEPT_FOR_ANOTHER);
  if (isDesk()) return done.saved(made, secondPhoto);
  keep(DONE, made);
  return done.show(made, { moved: true, secondPhoto });
}

function clearForm(names) {
  const texts = Object.fromEntries(names.map((name) => [name, form.elements[name].value]));
  form.reset();
  for (const name of names) form.elements[name].value = texts[name];
  id = newId();
  photos.clear();
  fieldOf("override").hidden = true;
  drawAsks(category(), store.contest);
  for (const name of ORDER) showError(name, "");
  find("summary").hidden = true;
  keep(DRAFT, null);
  saveDraft(id);
}

// --- Wiring ----------------------------------------------------------------------------

function draw() {
  drawCategories(store);
  drawNotice(store, isSending());
  find("submit").toggleAttribute("data-desk", isDesk());
  desk.draw();
  done.draw();
}

id = loadDraft() ?? id;
const last = kept(DONE);
if (last.mine) done.show(last);

form.addEventListener("submit", begin);
form.addEventListener("input", ({ target }) => {
  if (target.name && fieldOf(target.name)?.hasAttribute("data-wrong")) showError(target.name, "");
  if (target.name === "category") {
    for (const name of [...RULES, "second"]) showError(name, "");
    drawAsks(category(), store.contest);
  }
  saveDraft(id);
});
for (const input of form.querySelectorAll("[data-photo]")) {
  input.addEventListener("change", () => {
    photos.take(input.files[0]);
    input.value = "";        // so that choosing the same file again is a change too
  });
}
const slot = find("slot");
slot.addEventListener("dragover", (event) => event.preventDefault());
slot.addEventListener("drop", (event) => { event.preventDefault(); photos.take(event.dataTransfer.files[0]); });
find("try").addEventListener("click", () => upload.tryNow());
find("cancel").addEventListener("click", () => upload.cancel());
find("another").addEventListener("click", () => done.another());
find("print").addEventListener("click", () => done.print());
copies(find("done-copy"), find("done-address"), announce);
wide.addEventListener("change", draw);
addEventListener("beforeunload", (event) => { if (underWay()) event.preventDefault(); });
live.on("change", draw);
