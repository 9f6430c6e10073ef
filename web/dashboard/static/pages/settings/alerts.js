// Alerts: the rules, what has become of them, and who was told.
import { html } from "../../lib/dom.js";
import { t, known } from "../../lib/i18n.js";
import { get, patch } from "../../lib/api.js";
import { useLoad } from "../../lib/load.js";
import { span, count } from "../../lib/format.js";
import { alertSays } from "../../lib/limiting.js";
import { Ago, relative } from "../../parts/time.js";
import { can, operators } from "../../lib/who.js";
import { Chip, Tag } from "../../parts/chips.js";
import { Loading, Failure } from "../../parts/states.js";
import { say, complain } from "../../parts/toast.js";

// about says what a rule looks at.
function about(r) {
  const name = "metric." + r.condition.split(" ")[0];
  return known(name) ? t(name) : r.about;
}

export function Alerts() {
  const { data, error, again } = useLoad(() => get("/alerts"), [], 3000);
  if (error) return html`<${Failure} error=${error} again=${again} />`;
  if (!data) return html`<${Loading} />`;
  const mute = async (r) => {
    const until = r.muted_until ? null : new Date(Date.now() + 36e5).toISOString();
    try {
      await patch("/alerts/" + encodeURIComponent(r.name), { muted_until: until });
      say(t(until ? "alert.muted" : "alert.told", { name: r.name }), { undo: async () => { await patch("/alerts/" + encodeURIComponent(r.name), { muted_until: r.muted_until }); again(); } });
      again();
    } catch (e) { complain(e); }
  };
  return html`<section class="band"><header><h2>${t("alert.rules")}</h2><span class="quiet small">${t("alert.about")}</span></header><table><thead><tr><th>${t("state")}</th><th>${t("alert.rule")}</th><th>${t("alert.when")}</th><th>${t("alert.do")}</th><th><span class="hidden-label">${t("actions")}</span></th></tr></thead><tbody>
    ${data.data.map((r) => html`<tr key=${r.name}><td><${Chip} state=${r.state} />${r.muted_until && html` <${Chip} state="muted" text=${t("alert.until", { when: relative(r.muted_until) })} />`}</td><td><strong>${r.name}</strong> ${r.shipped && html`<${Tag}>${t("alert.shipped")}<//>`}${r.alerts.filter((a) => a.state !== "resolved").map((a) => html`<div key=${a.id} class="small">${alertSays(a)} <span class="quiet"><${Ago} at=${a.since} /></span></div>`)}</td>
      <td><code>${r.condition}</code> <span class="quiet small">${r.for_ms ? t("alert.for", { span: span(r.for_ms) }) : ""} ${r.clears_at ? t("alert.clears", { at: r.clears_at }) : ""}</span><div class="small soft">${about(r)}</div></td><td>${r.do.join(", ")}</td>
      <td class="num">${can(...operators) && html`<button class="plain" onClick=${() => mute(r)}>${t(r.muted_until ? "alert.unmute" : "alert.mute")}</button>`}</td></tr>`)}</tbody></table></section>
  ${data.webhooks?.length > 0 && html`<section class="band"><header><h2>${t("alert.webhooks")}</h2></header><table><tbody>${data.webhooks.map((w) => html`<tr key=${w.host}><td><strong>${w.host}</strong></td><td>${t("alert.delivered", { n: count(w.delivered), failed: count(w.failed), waiting: count(w.waiting) })}</td><td class="wrong">${w.last_error || ""}</td></tr>`)}</tbody></table></section>`}
  <section class="band"><header><h2>${t("alert.history")}</h2></header>${data.history.length === 0 ? html`<p class="quiet">${t("alert.nohistory")}</p>` : html`<table><tbody>${data.history.slice(0, 100).map((h, i) => html`<tr key=${i}><td class="nowrap"><${Ago} at=${h.at} /></td><td><${Chip} state=${h.state} /></td><td><strong>${h.name}</strong></td><td>${alertSays(h)}${h.muted ? html` <span class="quiet">${t("alert.untold")}</span>` : ""}</td></tr>`)}</tbody></table>`}</section>`;
}
