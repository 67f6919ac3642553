// A modal <dialog> that is open as long as it is rendered. Escape, the backdrop and the page's own buttons close it.
import { html, useEffect, useRef } from "/static/ui.js";

export function Dialog({ label, labelledby, class: name = "", onClose, children }) {
  const dialog = useRef(null);
  useEffect(() => {
    const back = document.activeElement;
    dialog.current.showModal();
    return () => { if (back?.isConnected) back.focus({ preventScroll: true }); };
  }, []);
  const onClick = (e) => { if (e.target === dialog.current) onClose(); };
  return html`
    <dialog ref=${dialog} class=${name} aria-label=${label} aria-labelledby=${labelledby} onClick=${onClick}
      onCancel=${(e) => { e.preventDefault(); onClose(); }} onClose=${onClose}>${children}</dialog>`;
}
