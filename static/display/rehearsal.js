// The rehearsal: the reveal of a drawn category, whose pictures are files of the program. The server says phase and place only; what a
// reveal's scenes want to know beside that is made here, so that the screens show exactly the motion of the evening, and nothing of it.
import { t } from "/static/words.js";

const PLACES = 3;
const SHAPES = { 1: [720, 900], 2: [900, 675], 3: [720, 900] };      // px of the pictures; one lies across, as photos do

const drawing = (place) => ({
  stencil: `/static/rehearsal/${place}-stencil.webp`, large: `/static/rehearsal/${place}.webp`, thumb: `/static/rehearsal/${place}.webp`,
  width: SHAPES[place][0], height: SHAPES[place][1],
});

/** Somebody who does not exist, where a winner stands. "000" is no entry's number. */
const nobody = (place) => ({ number: "000", collector: t(`rehearsal.name-${place}`), artist: t("rehearsal.artist"), photo: drawing(place) });

/** A screen of a rehearsal as one of a reveal, with its category: {name, places, filled}; any other screen as it is. */
export function drawn(screen) {
  if (screen.mode !== "rehearsal") return screen;
  const { phase, place } = screen;
  const seen = { mode: "reveal", category: null, phase, place, rehearsed: { name: t("rehearsal.category"), places: PLACES, filled: filled(phase, place) } };
  if (phase === "stencil") return { ...seen, stencils: [drawing(place)] };
  if (phase === "ink") return { ...seen, entries: [nobody(place)] };
  if (phase === "hold") return { ...seen, places: [1, 2, 3].map((each) => ({ place: each, entries: [nobody(each)] })) };
  return seen;
}

/** How many bars are full: the places that were shown, from the last to the first. */
const filled = (phase, place) => (place ? PLACES - place + (phase === "ink" ? 1 : 0) : 0);

/** The pictures of a rehearsal, to be fetched before they are wanted. */
export const drawings = () => [3, 2, 1].flatMap((place) => [drawing(place).stencil, drawing(place).large]);
