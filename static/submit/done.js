// After the entry: its number, large; the collector's link; the second photo, where one is asked for; the ticket that the desk prints.
import { t } from "/static/words.js";
import { DONE, keep, kept } from "/static/submit/draft.js";
import { announce, find } from "/static/submit/form.js";
import { linkOf, minePath, put, qrPath, showNumber } from "/static/submit/parts.js";
import { SecondPhoto } from "/static/submit/second.js";

export class Done {
  #live;
  #isDesk;
  #seconds = [];               // the second photos on their way: the desk may have several

  constructor(live, isDesk) {
    [this.#live, this.#isDesk] = [live, isDesk];
  }

  /** How many second photos are on their way. */
  get busy() { return this.#seconds.filter((one) => one.busy).length; }

  /** At the desk the form stays, with the number above it. done: {number, category, mine, edited, needs} */
  saved(done, secondPhoto) {
    this.#fillTicket(done, linkOf(done.mine));
    showNumber(find("saved-number"), done.number);
    put(find("saved-words"), t("submit.saved", { number: done.number }));
    find("saved").hidden = false;
    announce(t("submit.saved", { number: done.number }));
    if (done.needs) this.#askSecond(done, secondPhoto);
    scrollTo({ top: 0 });
    document.getElementById("photo-choose").focus({ preventScroll: true });
  }

  /** The category may have got another name meanwhile. */
  draw() {
    if (!find("done").hidden) put(find("done-category"), this.#live.store.category(kept(DONE).category)?.name ?? "");
  }

  /** Once the entry has its number: its second photo goes out, or is asked for here. */
  #askSecond({ number: entry, needs, mine }, chosenPhoto) {
    const path = this.#isDesk() ? `/api/entries/${entry}/photos` : `/api/mine/${encodeURIComponent(linkOf(mine))}/photos`;
    const one = new SecondPhoto({ path, words: `${t("common.entry", { number: entry })}: ${t(`submit.second-${needs}`)}`, ended: () => this.#live.poke(),
      arrived: () => {
        announce(t("submit.second-done"));
        if (kept(DONE).number === entry) keep(DONE, { ...kept(DONE), needs: "" });
      } });
    this.#seconds.push(one);
    if (this.#isDesk()) find("seconds").replaceChildren(one.element, ...this.#seconds.filter((other) => other !== one && other.busy).map((other) => other.element));
    else find("done-second").replaceChildren(one.element);
    find("done-second").hidden = this.#isDesk();
    if (chosenPhoto) one.send(chosenPhoto);
  }

  /** `moved`: the page goes there; secondPhoto: what was chosen for it already. */
  show(done, { moved = false, secondPhoto = null } = {}) {
    const link = linkOf(done.mine);
    showNumber(find("done-number"), done.number);
    put(find("done-words"), t(done.edited ? "submit.show-desk-edited" : "submit.show-desk"));
    put(find("done-category"), this.#live.store.category(done.category)?.name ?? "");
    find("done-qr").src = qrPath(link);
    find("done-address").value = done.mine;
    find("done-open").href = minePath(link);
    find("done").hidden = false;
    find("form-part").hidden = true;
    find("done-second").hidden = true;
    if (done.needs) this.#askSecond(done, secondPhoto);
    if (!moved) return;
    this.#fillTicket(done, link);
    scrollTo({ top: 0 });
    find("done").focus({ preventScroll: true });
  }

  /** From the number back to an empty form. */
  another() {
    keep(DONE, null);
    find("done").hidden = true;
    find("form-part").hidden = false;
    scrollTo({ top: 0 });
    document.getElementById("photo-take").focus({ preventScroll: true });
  }

  #fillTicket(done, link) {
    showNumber(find("ticket-number"), done.number);
    put(find("ticket-category"), this.#live.store.category(done.category)?.name ?? "");
    find("ticket-qr").src = qrPath(link);
    find("ticket-qr").hidden = false;
  }

  /** The ticket of the entry that was made last. */
  async print() {
    await find("ticket-qr").decode().catch(() => {});      // a number without its code is still a number
    document.documentElement.dataset.printing = "ticket";
    addEventListener("afterprint", () => { delete document.documentElement.dataset.printing; }, { once: true });
    print();
  }
}
