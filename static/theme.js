// Light, dark, or as the system has it. A classic script in the head, not a module: it must run before the first paint,
// and the Content-Security-Policy allows none inline. A page that begins dark (data-theme="dark", as halls are) has a choice
// of its own, kept apart, where it has a switch.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const first = root.dataset.theme, name = first === "auto" ? "theme" : `theme-${root.dataset.page}`;
  const kept = () => { try { return localStorage.getItem(name); } catch { return null; } };
  if (["light", "dark"].includes(kept())) root.dataset.theme = kept();

  const isDark = () => root.dataset.theme === "dark" || (root.dataset.theme === "auto" && system.matches);
  const show = () => document.querySelectorAll("[data-theme-switch]").forEach((button) => button.setAttribute("aria-pressed", String(isDark())));

  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-theme-switch]")) return;
    const next = isDark() ? "light" : "dark";
    const back = first === "auto" ? (next === "dark") === system.matches : next === first;      // to the system's own choice: keep following it
    root.dataset.theme = back ? first : next;
    try { back ? localStorage.removeItem(name) : localStorage.setItem(name, next); } catch { /* private mode: this page only */ }
    show();
  });
  system.addEventListener("change", show);
  document.addEventListener("DOMContentLoaded", show);
})();
