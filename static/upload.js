// Sends one entry with its photo, or a further photo of one, until the server has answered, and never enters it twice: every try carries the same
// id and the same bytes, and the server remembers ids. XMLHttpRequest, because fetch does not tell how far an upload is.

const DELAYS = [2, 4, 8, 15, 30];            // seconds between tries
const STALL_SECONDS = 30;                    // an upload that moves no byte for so long is on a dead wifi
const ANSWER_SECONDS = 150;                  // photos are decoded one at a time: a full hall queues

/**
 * One entry under way. `tell` is called with what happens:
 *   {phase: "sending", share: 0..1}   {phase: "arriving"}: all bytes are out, the server is at work
 *   {phase: "waiting", seconds, error}: the next try; error is the server's refusal, or null without a network
 *   {phase: "done", entry, mine}   {phase: "refused", error: {code, message, status, field}}   {phase: "cancelled"}
 */
export class Upload {
  constructor({ id, fields, photo, path = "/api/entries" }, tell) {
    this.id = id;
    this.path = path;
    this.tell = tell;
    this.fields = fields;
    this.photo = photo;
    this.tries = 0;
    this.ended = false;
    this.unsure = false;                     // whether the server may have taken it without our hearing of it
    this.wake = () => { if (this.timer) this.tryNow(); };
    this.seen = () => { if (document.visibilityState === "visible") this.wake(); };
    addEventListener("online", this.wake);
    document.addEventListener("visibilitychange", this.seen);
  }

  start() {
    this.#send();
    return this;
  }

  tryNow() {
    if (this.ended || !this.timer) return;
    this.#clear();
    this.#send();
  }

  cancel() {
    if (this.ended) return;
    this.request?.abort();
    this.#end({ phase: "cancelled" });
  }

  #send() {
    const form = new FormData();
    form.set("id", this.id);
    for (const [name, value] of Object.entries(this.fields)) form.set(name, value);
    form.set("photo", this.photo.blob, this.photo.name);
    const request = this.request = new XMLHttpRequest();
    const stall = (seconds) => {
      clearTimeout(this.stall);
      this.stall = setTimeout(() => { request.abort(); this.#again(null); }, seconds * 1000);
    };
    request.upload.onprogress = ({ loaded, total }) => {
      stall(STALL_SECONDS);
      this.tell({ phase: "sending", share: total ? loaded / total : 0 });
    };
    request.upload.onload = () => {
      stall(ANSWER_SECONDS);
      this.tell({ phase: "arriving" });
    };
    request.onload = () => this.#answered(request);
    request.onerror = () => this.#again(null);
    request.open("POST", this.path);
    request.setRequestHeader("Accept", "application/json");
    stall(STALL_SECONDS);
    this.tries += 1;
    this.unsure = true;                      // a connection can break after the last byte: silence proves nothing
    this.tell({ phase: "sending", share: 0 });
    request.send(form);
  }

  #answered(request) {
    clearTimeout(this.stall);
    const { status } = request;
    const body = read(request.responseText);
    if (status < 300 && body?.entry) {
      this.#end({ phase: "done", entry: body.entry, mine: body.mine });
      return;
    }
    const error = body?.error ? { ...body.error, status, params: body.error } : null;
    const late = status >= 500 || status === 408 || status === 429;
    if (error && !late) {
      // The same id was not taken, so it was not taken before either; only `id_reuse` says that something was.
      this.unsure = error.code === "id_reuse";
      this.#end({ phase: "refused", error });
    } else if (status === 413) {
      this.#end({ phase: "refused", error: { code: "photo_too_large", status } });
    } else {
      // An answer that is not the contest's (a hotel's sign-in page, a proxy's error) says nothing about the entry.
      this.#again(error, Number(request.getResponseHeader("Retry-After")) || 0);
    }
  }

  #again(error, least = 0) {
    if (this.ended) return;
    this.#clear();
    const usual = DELAYS[Math.min(this.tries - 1, DELAYS.length - 1)];
    // A hall's phones lose their network together: without the spread they would also come back together.
    let seconds = Math.max(1, least, Math.round(usual * (0.75 + Math.random() / 2)));
    const tick = () => {
      if (seconds <= 0) { this.tryNow(); return; }
      this.tell({ phase: "waiting", seconds, error });
      seconds -= 1;
    };
    this.timer = setInterval(tick, 1000);
    tick();
  }

  #clear() {
    clearTimeout(this.stall);
    clearInterval(this.timer);
    this.timer = null;
  }

  #end(state) {
    this.ended = true;
    this.#clear();
    removeEventListener("online", this.wake);
    document.removeEventListener("visibilitychange", this.seen);
    this.tell(state);
  }
}

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
