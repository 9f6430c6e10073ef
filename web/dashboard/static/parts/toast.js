// What an act has done, and a way back where there is one.
import { html, cx } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { store, useStore } from "../lib/store.js";

const toasts = store([]);
let last = 0;

// say shows a line for a while. undo, where there is a way back, answers a promise.
export function say(text, { undo, kind } = {}) {
  const id = ++last;
  toasts.set((list) => [...list.slice(-3), { id, text, undo, kind }]);
  const leave = () => setTimeout(() => (held(id) ? leave() : drop(id)), undo ? 12_000 : 6_000);
  leave();
}

// held says whether somebody has the mouse or the focus on a line.
const held = (id) => document.querySelector(`[data-toast="${id}"]:is(:hover, :focus-within)`);

// complain shows an error of the API.
export const complain = (error) => say(error.message, { kind: "refused" });

const drop = (id) => toasts.set((list) => list.filter((x) => x.id !== id));

export function Toasts() {
  const list = useStore(toasts);
  return html`<div class="toasts" role="status" aria-live="polite">
    ${list.map((x) => html`<div key=${x.id} data-toast=${x.id} class=${cx("toast", x.kind)}>
      <span>${x.text}</span>
      ${x.undo && html`<button class="plain" onClick=${async () => { drop(x.id); try { await x.undo(); say(t("undone")); } catch (e) { complain(e); } }}>${t("undo")}</button>`}
      <button class="plain" onClick=${() => drop(x.id)} aria-label=${t("close")}>✕</button>
    </div>`)}
  </div>`;
}
