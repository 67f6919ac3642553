// The host's phone: the reveal remote, for whoever may use it.
import { ready } from "/static/words.js";
import { connect } from "/static/live.js";
import { showStatus } from "/static/status.js";
import { mountRemote } from "/static/remote.js";

await ready;
const live = connect({ page: "host", waiting: () => 0 });
const { store } = live;
const closed = document.querySelector("[data-closed]");
const place = document.querySelector("[data-remote]");
const name = document.querySelector(".host-name");
let unmount = null;

showStatus(live, document.querySelector("[data-status]"));
live.on("change", show);
live.on("status", show);

function show() {
  if (store.contest.name) name.textContent = store.contest.name;
  const mine = ["host", "admin"].includes(store.me.role);
  if (mine && !unmount) unmount = mountRemote(place, live);
  if (!mine && unmount) unmount = void unmount();
  closed.hidden = mine || live.status === "connecting";
}
