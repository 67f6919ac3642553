// The form of one password, for /login and /setup: show it, send it once, say what was wrong at the field.
import { call } from "./api.js";
import { ready, say, t } from "./words.js";

/** Bind the page's form. `path` takes the command, `more` is what goes beside the password, `next` is the page after it. */
export async function passwordForm(path, more, next) {
  const form = document.querySelector("[data-form]");
  const [field, problem, button] = [form.password, form.querySelector("[data-problem]"), form.querySelector("button")];
  form.querySelector("[data-show]").addEventListener("change", (event) => { field.type = event.target.checked ? "text" : "password"; });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    await ready;
    const wrong = (text) => {
      problem.textContent = text;
      field.setAttribute("aria-invalid", String(Boolean(text)));
      if (text) field.focus();
    };
    wrong("");
    if (!field.value) return wrong(t("login.empty"));
    button.setAttribute("aria-disabled", "true");
    try {
      await call("POST", path, { ...more, password: field.value });
      location.assign(next);
    } catch (error) {
      wrong(error.after ? t("login.wait", { n: error.after }) : say(error));
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
  field.focus();
}
