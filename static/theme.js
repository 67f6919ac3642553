// Light, dark, or as the system has it. A classic script in the head, not a module: it must run before the first paint,
// and the Content-Security-Policy allows none inline. Pages that are dark by design (data-theme="dark") are left alone.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const kept = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  if (root.dataset.theme === "auto" && ["light", "dark"].includes(kept())) root.dataset.theme = kept();

  const isDark = () => root.dataset.theme === "dark" || (root.dataset.theme === "auto" && system.matches);
  const show = () => document.querySelectorAll("[data-theme-switch]").forEach((button) => button.setAttribute("aria-pressed", String(isDark())));

  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-theme-switch]")) return;
    const next = isDark() ? "light" : "dark";
    const follow = (next === "dark") === system.matches;      // back to the system's own choice: keep following it
    root.dataset.theme = follow ? "auto" : next;
    try { follow ? localStorage.removeItem("theme") : localStorage.setItem("theme", next); } catch { /* private mode: this page only */ }
    show();
  });
  system.addEventListener("change", show);
  document.addEventListener("DOMContentLoaded", show);
})();
