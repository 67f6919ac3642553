// What this phone remembers of a vote, and how it goes out. A vote is kept before it is sent and sent under one id until it was
// answered: a lost answer, a closed tab or a restart of the phone neither loses it nor doubles it.
import { call, newId, Refused } from "/static/api.js";

const KEY = "contest-vote";
const RETRY_MS = [1000, 2000, 4000, 8000, 15000];

/** {code, device, votes: {<code or category>: {id, entry, category, epoch, sent}}}; in memory alone where the browser keeps nothing. */
let kept = {};
try { kept = JSON.parse(localStorage.getItem(KEY)) ?? {}; } catch { /* nothing is kept here, or it is not ours */ }
kept = { code: "", device: newId(), votes: {}, ...kept };

function keep(changes) {
  Object.assign(kept, changes);
  try { localStorage.setItem(KEY, JSON.stringify(kept)); } catch { /* a private window: until the tab is closed */ }
}

/** A code as the server compares it. */
export const plain = (code) => code.toUpperCase().replace(/[^0-9A-Z]/g, "").replace(/O/g, "0").replace(/[IL]/g, "1").replace(/U/g, "V");

/** The code of a card: out of the address, where it stands behind the # and so in nobody's log, else the one used before. */
export function codeHere() {
  const code = plain(decodeURIComponent(location.hash.slice(1)));
  if (code) {
    keep({ code });
    history.replaceState(null, "", location.pathname);      // who passes the address on keeps the code
  }
  return kept.code;
}

export const setCode = (code) => keep({ code: plain(code) });

/** What votes: a code, or this device in a category. */
const ballot = ({ code, category }) => (code ? { code } : { category, device: kept.device });
const nameOf = ({ code, category }) => code || category;

/** The vote of a ballot as far as this phone knows: {id, entry, category, epoch: of the contest it was given in, sent}, or undefined. */
export const voteOf = (which) => kept.votes[nameOf(which)];

/** Whether a ballot can vote, and where: {category, state}. Errors are those of api.js. */
export const look = async (which) => (await call("POST", "/api/choice", ballot(which))).ballot;

export const note = (which, vote) => keep({ votes: { ...kept.votes, [nameOf(which)]: vote } });
export const forget = (which) => { const { [nameOf(which)]: _, ...votes } = kept.votes; keep({ votes }); };

/** A vote that is on its way from now on. */
export const begin = (which, entry, category, epoch) => note(which, { id: newId(), entry, category, epoch, sent: false });

const wait = (ms) => new Promise((done) => {
  const timer = setTimeout(end, ms * (0.5 + Math.random() / 2));
  function end() { clearTimeout(timer); removeEventListener("online", end); done(); }
  addEventListener("online", end);
});

/** Send a vote until it is answered. Throws `Refused` where it is not taken; then it is forgotten. */
export async function send(which) {
  const vote = voteOf(which);
  for (let tries = 0; ; tries++) {
    try {
      await call("PUT", "/api/choice", { ...ballot(which), entry: vote.entry }, { id: vote.id });
      return note(which, { ...vote, sent: true });
    } catch (problem) {
      const final = problem instanceof Refused && problem.status < 500 && problem.status !== 429;
      if (final) { forget(which); throw problem; }
      await wait(problem.after ? problem.after * 1000 : RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
    }
  }
}
