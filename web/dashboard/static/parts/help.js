// The keys, and what the colours mean.
import { html } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { pages, may } from "../lib/pages.js";
import { Dialog } from "./dialog.js";
import { Legend } from "./strip.js";

export function Help({ close, me }) {
  const keys = [["/", t("help.search")], ["?", t("help.help")], ["Esc", t("help.close")], ["↑ ↓", t("help.arrows")],
    ...pages().filter((p) => may(me.role, p)).map((p) => ["g " + p.key, p.title])];
  return html`<${Dialog} title=${t("help")} close=${close}>
    <dl class="keys">${keys.map(([k, what]) => html`<div key=${k}><dt><kbd>${k}</kbd></dt><dd>${what}</dd></div>`)}</dl>
    <h2>${t("help.colours")}</h2>
    <${Legend} />
  <//>`;
}
