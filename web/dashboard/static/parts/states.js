// What stands where there is nothing to show: not yet, not any more, not for you.
import { html, useEffect, useRef, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

// Loading keeps the place of what comes.
export function Loading({ rows = 6 }) {
  return html`<div class="loading" role="status" aria-label=${t("loading")}>
    ${Array.from({ length: rows }, (_, i) => html`<div key=${i} class="bone"></div>`)}
  </div>`;
}

// Failure is an error of the API in words, with a way to try again.
export function Failure({ error, again }) {
  if (error?.status === 403) return html`<${Broken} kind="forbidden" />`;
  return html`<div class="notice refused" role="alert">
    <p>${t(error?.code === "unreachable" ? "error.unreachable" : "error.said", { message: error?.message })}</p>
    ${again && html`<button onClick=${again}>${t("again")}</button>`}
  </div>`;
}

// Broken is a page that cannot be shown, and who would see it.
export function Broken({ kind, roles, title }) {
  return html`${title && html`<div class="pagehead"><h1>${title}</h1></div>`}<div class="empty"><p>${t("state." + kind)}</p>
    ${roles && html`<p class="quiet">${t("state.roles", { roles: roles.map((r) => t("role." + r)).join(", ") })}</p>`}</div>`;
}

// Empty says what would stand here, and what brings it about.
export function Empty({ children }) {
  return html`<div class="empty">${children}</div>`;
}

// Scroll holds what may be wider than the screen: then it is a stop of Tab, and the arrows push it.
export function Scroll({ label, children }) {
  const ref = useRef();
  const [wide, set] = useState(false);
  useEffect(() => {
    const box = ref.current;
    const size = new ResizeObserver(() => set(box.scrollWidth > box.clientWidth));
    size.observe(box);
    size.observe(box.firstElementChild);
    return () => size.disconnect();
  }, []);
  return html`<div class="scroll" ref=${ref} role="group" aria-label=${label} tabindex=${wide ? "0" : undefined}>${children}</div>`;
}
