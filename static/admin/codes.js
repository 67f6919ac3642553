// /admin, People's choice: codes on paper. 24 cards of 63 x 34 mm on an A4 page, each with its code and a QR that leads to it.
// The server sends the QR as a path, so that a code stands in no address and therefore in no log.
import { html, signal } from "/static/ui.js";
import { t } from "/static/words.js";
import { ask, store } from "/static/admin/contest.js";

const PAGE = 24;
const printed = signal([]);      // the codes that are on paper: [{number, code, path, size}]

/** Fetch a batch's codes, draw their cards, then ask for the printer. Nothing else of the page is printed meanwhile. */
export async function printCodes(batch) {
  const all = [];
  while (all.length < batch.count) all.push(...(await ask(`/api/choice/codes/${encodeURIComponent(batch.id)}?first=${all.length + 1}`)).codes);
  printed.value = all;
  document.documentElement.dataset.print = "codes";
  await new Promise((drawn) => setTimeout(drawn, 100));
  window.print();
  delete document.documentElement.dataset.print;
}

export function CodeCards() {
  const { contest } = store();
  const pages = Array.from({ length: Math.ceil(printed.value.length / PAGE) }, (_, at) => printed.value.slice(at * PAGE, (at + 1) * PAGE));
  return html`<div class="codes" data-codes aria-hidden="true">${pages.map((page, at) => html`<ul class="codes-page" key=${at}>${page.map(({ number, code, path, size }) => html`<li class="code-card" key=${number}>
    <svg viewBox=${`-2 -2 ${size + 4} ${size + 4}`}><path d=${path} /></svg>
    <div class="code-words"><p class="code-event gothic" dir="auto">${contest.name}</p><p class="code-how">${t("admin.code-card")}</p>
      <p class="code-code">${code}</p><p class="code-where" dir="ltr">${contest.address.split("://").at(-1)}/vote</p></div></li>`)}</ul>`)}</div>`;
}
