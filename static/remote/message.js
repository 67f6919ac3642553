// The words that the host puts on the screen.
import { t } from "/static/words.js";
import { make, put } from "/static/remote/parts.js";

export class Message {
  /** show(text): on the screen; touched(): what was said of the last tap is old. */
  constructor({ show, touched }) {
    this.text = make("textarea", { id: "remote-text", class: "input", maxlength: "300", rows: "2", dir: "auto", "aria-describedby": "remote-text-error", oninput: touched });
    this.error = make("p", { id: "remote-text-error", class: "field-error", role: "alert" });
    const onsubmit = (event) => {
      event.preventDefault();
      const text = this.text.value.trim();
      touched();
      if (text) show(text);
      else this.fail(t("remote.message-missing"));
    };
    this.element = make("form", { class: "remote-form", onsubmit, novalidate: true },
      make("div", { class: "field" }, make("label", { for: "remote-text", text: t("remote.message") }), this.text, this.error),
      make("div", { class: "buttons" }, make("button", { type: "submit", class: "button", "data-key": "message", text: t("remote.message-show") })));
  }

  /** Said below the words; "" takes it away. */
  fail(text) {
    put(this.error, text);
    this.text.setAttribute("aria-invalid", String(Boolean(text)));
    if (text) this.text.focus();
  }
}
