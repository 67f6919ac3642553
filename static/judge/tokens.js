// A category judged by tokens: all its entries in a grid. A tap gives a token, a tap takes it back.
import { html, icon, useEffect, useState } from "/static/ui.js";
import { t } from "/static/words.js";
import { Look, Thumb, isHere, whyNot } from "/static/judge/look.js";
import { StageChip } from "/static/judge/stage.js";
import * as model from "/static/judge/model.js";
import * as marking from "/static/judge/marking.js";
import * as place from "/static/judge/place.js";

const SAID_MS = 8000;       // how long "all tokens are given" stands

export function Tokens({ category, wide, locked, onRecuse }) {
  const [looked, setLooked] = useState(null);
  const [full, setFull] = useState(false);
  const given = model.handOf(category), sent = model.handSent(category);
  const { all } = model.tally(category);
  useEffect(() => {
    if (!full) return undefined;
    const timer = setTimeout(() => setFull(false), SAID_MS);
    return () => clearTimeout(timer);
  }, [full]);

  const tap = (entry) => {
    if (locked) return;
    const has = given.includes(entry.number);
    setFull(!has && given.length >= category.tokens);
    if (!has && given.length >= category.tokens) return;
    marking.setHand(category, has ? given.filter((n) => n !== entry.number) : [...given, entry.number], t("judge.entry", { number: entry.number }));
  };
  const button = (entry) => {
    const has = given.includes(entry.number);
    return html`
      <button type="button" class="token" data-token=${entry.number} data-given=${has ? (sent.includes(entry.number) ? "sent" : "here") : undefined}
        disabled=${locked} onClick=${() => tap(entry)}>
        ${icon(has ? "check" : "plus")} ${t(has ? "judge.token-given" : "judge.token-give")} <span class="visually-hidden">${t(has ? "judge.token-from" : "judge.token-to", { number: entry.number })}</span>
      </button>`;
  };
  const onLook = (entry) => { if (wide) place.goTo(entry.number); else setLooked(entry.number); };
  const entry = model.entries.value.find((e) => e.number === looked);
  return html`
    <section class="hand-body" data-tokens aria-label=${t("judge.entries")}>
      <div class="hand-head">
        <p class="pips" data-given=${given.length}>
          <span aria-hidden="true">${Array.from({ length: all }, (_, i) => html`<i key=${i} data-pip=${i < given.length ? (sent.includes(given[i]) ? "sent" : "here") : "none"}></i>`)}</span>
          <strong>${t("judge.count-tokens", { judged: given.length, all })}</strong></p>
        <${StageChip} />
        ${full && html`<p class="hand-say" role="alert" data-full>${t("judge.token-full", { n: category.tokens })}</p>`}
      </div>
      <ul class="tiles">${model.entries.value.map((e) => {
        const why = whyNot(e, category);
        return html`
          <li key=${e.number} data-tile=${e.number} data-current=${isHere(e, wide) || undefined} data-away=${Boolean(why) || undefined}>
            <${Thumb} entry=${e} onLook=${onLook} />
            ${why ? html`<p class="tile-why">${why}</p>` : button(e)}
          </li>`;
      })}</ul>
      ${entry && html`<${Look} entry=${entry} category=${category} onClose=${() => setLooked(null)}
        onRecuse=${() => { setLooked(null); onRecuse(entry); }}>${button(entry)}<//>`}
    </section>`;
}
