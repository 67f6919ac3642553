// The remote in words: what the screen shows, what Next does, what the host says.
import { t } from "/static/words.js";
import { isolated, nameOf, placeWords } from "/static/remote/parts.js";
import { REHEARSED } from "/static/remote/plan.js";

const winnersOf = (decision) => decision.places.flat().length;

export class Says {
  #store;

  constructor(store) { this.#store = store; }

  /** "entry 118, Zoë, tattooed by Marta": what the host says. */
  person(number) {
    const entry = this.#store.entry(number);
    const [name, artist] = [nameOf(entry), entry?.artist?.trim() || ""];
    const person = name && artist ? t("remote.person-artist", { number, name: isolated(name), artist: isolated(artist) })
      : name ? t("remote.person", { number, name: isolated(name) }) : t("remote.person-number", { number });
    return entry?.say ? t("remote.person-said", { person, say: isolated(entry.say) }) : person;
  }

  group(place, entries) {
    return t("remote.line", { place: placeWords(place), people: entries.map((number) => this.person(number)).join("; ") });
  }

  /** What the screen shows now. */
  describe(screen) {
    const category = isolated(screen.category === null ? t("rehearsal.category") : this.#store.category(screen.category)?.name ?? "");
    if (screen.mode === "wall" || screen.mode === "black") return t(`remote.now-${screen.mode}`);
    if (screen.mode === "message") return t("remote.now-message", { text: isolated(screen.text) });
    if (screen.mode === "stage") return screen.entry ? t("remote.now-stage", { number: screen.entry.number }) : t("remote.now-stage-empty");
    if (screen.mode === "rehearsal") return t("remote.now-rehearsal", { what: this.describe({ ...screen, mode: "reveal", category: null }) });
    if (screen.phase === "stencil") return t("remote.now-stencil", { category, place: placeWords(screen.place) });
    if (screen.phase === "ink" && !screen.entries) return t("remote.now-ink", { category, line: placeWords(screen.place) });
    if (screen.phase === "ink") {
      return t("remote.now-ink", { category, line: this.group(screen.place, screen.entries.map((winner) => winner.number)) });
    }
    return t(`remote.now-${screen.phase}`, { category });
  }

  /** What stands on Next. now: {status of the page, tab, rehearses, undecided: there is no category to reveal} */
  label(goal, { status, tab, rehearses, undecided }) {
    if (status !== "live") return t(`remote.next-${status}`);
    if (!goal && tab === "stage") return t("remote.line-through");
    if (!goal) return t(undecided ? "remote.next-undecided" : "remote.next-none");
    if ("stage" in goal) return t("remote.next-stage", { number: goal.stage });
    if (goal.wake && rehearses) return t("remote.rehearsal-end");
    if (goal.wake) return t(`remote.wake-${goal.wake.mode}`);
    const drawn = goal.category === null;
    const category = drawn ? t("rehearsal.category") : this.#store.category(goal.category)?.name ?? "";
    const decision = drawn ? REHEARSED : this.#store.decision(goal.category);
    if (goal.resume) return t("remote.next-resume");
    if (goal.phase === "slate") return t(goal.other ? "remote.next-category" : "remote.next-slate", { category: isolated(category) });
    if (goal.phase === "stencil") return t("remote.next-stencil", { place: placeWords(goal.place) });
    if (goal.phase === "ink") return t("remote.next-ink", { n: goal.entries.length });
    if (goal.phase === "none") return t("remote.next-no-award");
    return t({ 1: "remote.next-hold-one", 2: "remote.next-hold-both", 3: "remote.next-hold-three" }[winnersOf(decision)] ?? "remote.next-hold", { n: winnersOf(decision) });
  }
}
