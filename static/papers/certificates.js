// /papers, certificates: one A4 sheet across for each place that is decided, in the look of the screen: stencil, yellow, ink.
import { html, useSignal } from "/static/ui.js";
import { t } from "/static/words.js";
import { isolated, placeWords, wearer } from "/static/papers/model.js";
import { Choice, Empty } from "/static/papers/parts.js";

const today = () => new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
/** A day as the language writes it out: "23 November 2026". Noon, so that no time zone makes it another day. */
const inWords = (day) => new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "long" }).format(new Date(`${day}T12:00`));

export default function Certificates({ now, category: wanted }) {
  const day = useSignal(today());
  const decided = now.categories.filter((category) => now.awards(category.id)?.length);
  const list = decided.filter((category) => !wanted || category.id === wanted);
  return html`<div class="papers-tools" data-no-print><h1>${t("papers.certificates")}</h1>
      <${Choice} paper="certificates" categories=${decided} category=${wanted} all />
      ${decided.length > 0 && html`<label class="papers-choice"><span>${t("papers.date")}</span><input class="input" type="date" required value=${day} onInput=${(e) => { if (e.target.value) day.value = e.target.value; }} /></label>`}
      ${list.some((category) => category.state !== "announced") && html`<p class="notice notice-pending" data-secret>${t("papers.still-secret")}</p>`}</div>
    ${!list.length && html`<${Empty}>${t("papers.none-decided")}<//>`}
    ${list.flatMap((category) => now.awards(category.id).map((award) => html`<${Certificate} key=${`${category.id}-${award.entry.number}`} now=${now} category=${category} award=${award} day=${day.value} />`))}`;
}

function Certificate({ now, category, award, day }) {
  const { entry, place } = award;
  const name = wearer(entry), by = [entry.artist && t("common.by", { artist: isolated(entry.artist) }), isolated(entry.studio)].filter(Boolean).join(", ");
  return html`<article class="paper certificate" data-certificate=${entry.number} data-place=${place}>
    <div class="certificate-art">${entry.photo && html`<img src="/photos/${entry.photo.stencil}" alt="" />`}</div>
    <div class="certificate-words"><p class="certificate-event gothic ${now.name.length > 40 ? "is-long" : ""}" dir="auto">${now.name}</p>
      <p class="certificate-place">${placeWords(award)}</p><h2 class="certificate-category gothic" dir="auto">${category.name}</h2>
      <p class="certificate-name gothic ${name.length > 28 ? "is-long" : ""}" dir="auto">${name}</p>
      ${entry.title && html`<p class="certificate-title" dir="auto">${entry.title}</p>`}${by && html`<p class="certificate-by" dir="auto">${by}</p>`}
      <footer class="certificate-foot"><span>${inWords(day)}</span><span class="certificate-line">${t("papers.signed")}</span></footer></div></article>`;
}
