// The one door to preact: /judge and /admin import from here and never from static/vendor, so a new version is one edit.
import { h, render, Fragment } from "./vendor/preact@11.2.0/preact.js";
import { useState, useEffect, useRef, useMemo, useCallback } from "./vendor/preact@11.2.0/hooks.js";
import { signal, computed, effect, batch, useSignal, useComputed } from "./vendor/signals@2.11.4/signals.js";
import htm from "./vendor/htm@3.1.1/htm.js";
import { shapes, frame } from "./icons.js";

const html = htm.bind(h);

/** An icon as a vnode, silent to screen readers: its button carries the words. */
function icon(name) {
  if (!shapes[name]) console.error(`no icon named ${name}`);
  return h("svg", frame, (shapes[name] ?? []).map(([tag, attributes]) => h(tag, attributes)));
}

export { html, render, h, Fragment, useState, useEffect, useRef, useMemo, useCallback, signal, computed, effect, batch, useSignal, useComputed, icon };
