// Small words with a meaning: a state, a class, an outcome.
import { html, cx } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

const kinds = {
  enabled: "free", ok: "free", works: "free", closed: "free", resolved: "free",
  draining: "waiting", drained: "waiting", pending: "waiting", half_open: "waiting", unknown: "off", paused: "off", muted: "off", waiting: "waiting",
  disabled: "refused", open: "refused", firing: "refused", invalid: "refused", expired: "refused", exhausted: "refused", revoked: "off",
  shed: "refused", limited: "refused", no_room: "waiting", upstream_failed: "refused", client_gone: "off", timeout: "refused",
};

// Chip is a state: a shape and a word, and the colour of its meaning.
export function Chip({ state, text, title }) {
  return html`<span class="chip" title=${title || ""}><span class=${cx("dot", kinds[state] || "off")} aria-hidden="true"></span>${text || t("state." + state)}</span>`;
}

// Tag is a word that somebody has put to a thing.
export const Tag = ({ children }) => html`<span class="tag">${children}</span>`;

// Tabs are links among the parts of one page.
export function Tabs({ tabs, at, label }) {
  return html`<nav class="tabs" aria-label=${label}>${tabs.map((x) => html`
    <a key=${x.name} href=${x.href} aria-current=${x.name === at ? "page" : undefined}>${x.label}</a>`)}</nav>`;
}
