// Where Next and Back lead: the steps of a reveal, where the screen stands in them, and what a tap comes to. Pure.

/** The drawn category that is rehearsed with has three places. */
export const REHEARSED = { places: [[0], [0], [0]] };

/** The steps of a decision in the order they are shown: [{step, phase, place?, entries?}], docs/http.md "Routes". */
export function stepsOf(decision) {
  const groups = decision.places;
  const steps = [{ step: 0, phase: "slate" }];
  if (!groups.length) return [...steps, { step: 1, phase: "none" }];
  for (let step = 1; step <= groups.length; step += 1) {
    const group = groups.length - step;
    const place = 1 + groups.slice(0, group).flat().length;
    for (const phase of ["stencil", "ink"]) steps.push({ step, phase, place, entries: groups[group] });
  }
  return [...steps, { step: groups.length + 1, phase: "hold", entries: groups.flat() }];
}

/** Where the screen stands in a category's steps, null being the rehearsal's; -1: it shows something else. */
export function positionOf(screen, category, steps) {
  if (screen.mode !== (category === null ? "rehearsal" : "reveal") || (screen.category ?? null) !== category) return -1;
  return steps.findIndex((step) => step.phase === screen.phase && (screen.step === undefined ? step.place === screen.place : step.step === screen.step));
}

/** The step that Next goes to when the category is not on the screen: where its reveal was left. */
export function entryStep(decision, steps) {
  if (!decision.revealed) return steps[0];
  const next = steps.find((step) => step.step > decision.revealed && step.phase === "stencil");
  return next ?? steps.at(-1);
}

/**
 * What a tap on Next and on Back comes to: {forward, backward, steps, at}; a goal is null where there is none. steps: those of the category the keys
 * are about, at: where the screen stands in them, -1 nowhere.
 *   seen      {screen, lit, last, rehearses}: what the screen shows; what it showed before it went black; the category it revealed last
 *   picked    {tab, current, chosen, dark}: what the keys are about; the category they are about, the one picked, the one picked when it went black
 *   store     of the page; next: the entry that follows on stage
 *   decided   the categories that are decided
 */
export function plan(seen, picked, store, decided, next) {
  const { screen, lit, last, rehearses } = seen, { tab, current, chosen, dark } = picked;
  const nothing = { forward: null, backward: null, steps: [], at: -1 };
  if (rehearses) return planRehearsal(screen, lit);
  // Out of the black there is one way: to what was there before, or to the category that was picked meanwhile.
  const wakes = screen.mode === "black" && (!current || chosen === dark);
  const wake = wakes ? { wake: wakeOf(lit ?? { mode: last ? "reveal" : "wall" }) } : null;
  if (tab === "stage") return wakes ? { ...nothing, forward: wake } : { ...nothing, ...planStage(store.stage.entry, next) };
  if (!current) return { ...nothing, forward: wake };
  const decision = store.decision(current), steps = stepsOf(decision), at = positionOf(screen, current, steps);
  const goal = (step) => step && { ...step, category: current };
  if (wakes) return { ...nothing, forward: wake, steps, at };
  if (at < 0) return { ...nothing, forward: screen.mode !== "reveal" && last === current ? { resume: true, category: current } : goal(entryStep(decision, steps)), steps };
  const waiting = decided.find((category) => category.id !== current && category.state === "decided");
  const forward = goal(steps[at + 1]) ?? (waiting ? { step: 0, phase: "slate", category: waiting.id, other: true } : null);
  return { forward, backward: goal(steps[at - 1]) ?? null, steps, at };
}

const wakeOf = (lit) => (lit.mode === "message" ? { mode: "message", text: lit.text } : { mode: lit.mode });

const planStage = (on, next) => ({ forward: next == null ? null : { stage: next }, backward: on == null ? null : { stage: null } });

function planRehearsal(screen, lit) {
  const steps = stepsOf(REHEARSED), dark = screen.mode === "black";
  const goal = (step) => (step ? { ...step, category: null } : null);
  const at = positionOf(dark ? lit : screen, null, steps);
  if (dark) return { forward: goal(steps[at]), backward: null, steps, at };
  return { forward: goal(steps[at + 1]) ?? { wake: { mode: "wall" } }, backward: goal(steps[at - 1]), steps, at };
}
