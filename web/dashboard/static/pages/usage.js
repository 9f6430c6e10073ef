// Usage and cost: by key, owner, model, provider and day; as a chart, a table and a file.
import { html, useMemo } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { get, url } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { refine } from "../lib/router.js";
import { count, money, day } from "../lib/format.js";
import { Chart, Figure } from "../parts/chart.js";
import { List } from "../parts/list.js";
import { Choice, Text } from "../parts/field.js";
import { Loading, Failure, Empty } from "../parts/states.js";

const dimensions = ["owner", "key", "route", "model", "provider"];
const spans = { 1: "usage.day", 7: "usage.week", 30: "usage.month", 90: "usage.quarter" };
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

const sum = (rows, f) => rows.reduce((a, r) => a + f(r), 0);

// Past is what was used over time.
function Past({ rows, by }) {
  const times = rows.map((r) => new Date(by === "hour" ? r.group.hour : r.group.day + "T00:00:00").getTime() / 1000);
  const one = (label, colour, f) => [{ label, colour, values: rows.map(f), fill: true }];
  return html`<div class="charts">
    <${Chart} group="usage" title=${t("usage.cost")} times=${times} write=${money} series=${one(t("cost"), "accent", (r) => r.cost_nano_usd)} />
    <${Chart} group="usage" title=${t("usage.tokens")} times=${times} series=${one(t("tokens"), "free", (r) => r.input_tokens + r.output_tokens)} />
    <${Chart} group="usage" title=${t("usage.requests")} times=${times} series=${[...one(t("now.requests"), "reserved", (r) => r.requests), { label: t("usage.refused"), colour: "refused", values: rows.map((r) => r.refused), dash: [5, 3] }]} />
  </div>`;
}

const columns = (by) => [
  { name: "what", label: t("usage.by." + by), cell: (r) => html`<strong>${r.group[by] || t("usage.nobody")}</strong>` },
  { name: "requests", label: t("now.requests"), num: true, width: "100px", cell: (r) => count(r.requests) }, { name: "refused", label: t("usage.refused"), num: true, width: "92px", cell: (r) => count(r.refused) },
  { name: "attempts", label: t("usage.attempts"), num: true, width: "92px", cell: (r) => count(r.attempts) }, { name: "failed", label: t("usage.failed"), num: true, width: "92px", cell: (r) => count(r.failed_attempts) },
  { name: "in", label: t("tokens.input"), num: true, width: "100px", cell: (r) => count(r.input_tokens) }, { name: "cached", label: t("usage.cached"), num: true, width: "100px", cell: (r) => count(r.cached_input_tokens) },
  { name: "out", label: t("tokens.output"), num: true, width: "100px", cell: (r) => count(r.output_tokens) }, { name: "cost", label: t("cost"), num: true, width: "110px", cell: (r) => html`<strong>${money(r.cost_nano_usd)}</strong>` },
];

export function Page({ at }) {
  const { by = "owner", days = "7", owner = "", key_id = "" } = at.query;
  const from = useMemo(() => { const d = new Date(); d.setDate(d.getDate() - Number(days) + 1); return day(d) + "T00:00:00Z"; }, [days]);
  const narrow = { from, zone, owner, key_id };
  const step = days === "1" ? "hour" : "day";
  const past = useLoad(() => get("/usage", { ...narrow, group_by: step }), [from, owner, key_id, step], 30_000);
  const groups = useLoad(() => get("/usage", { ...narrow, group_by: by }), [from, owner, key_id, by], 30_000);
  const error = past.error || groups.error;
  const rows = useMemo(() => [...(groups.data?.data || [])].sort((a, b) => b.cost_nano_usd - a.cost_nano_usd || b.requests - a.requests), [groups.data]);
  if (error) return html`<${Failure} error=${error} again=${() => { past.again(); groups.again(); }} />`;
  if (!past.data || !groups.data) return html`<${Loading} />`;
  return html`<div class="pagehead"><h1>${t("page.usage")}</h1><span class="quiet small">${t("usage.zone", { zone })}</span><span class="grow"></span>
      <a href=${url("/usage", { ...narrow, group_by: `${by},day`, format: "csv" })} download="usage.csv">${t("export.csv")}</a></div>
    <section class="band"><div class="form"><${Choice} label=${t("usage.span")} value=${days} set=${(v) => refine({ days: v })} options=${Object.entries(spans).map(([d, name]) => [d, t(name)])} />
      <${Choice} label=${t("usage.by")} value=${by} set=${(v) => refine({ by: v })} options=${dimensions.map((d) => [d, t("usage.by." + d)])} />
      <${Text} label=${t("key.owner")} value=${owner} set=${(v) => refine({ owner: v })} /></div></section>
    ${rows.length === 0 ? html`<${Empty}><p>${t("usage.none")}</p><//>` : html`
      <section class="band figures"><${Figure} label=${t("cost")} value=${money(sum(rows, (r) => r.cost_nano_usd))} unit="" about="" /><${Figure} label=${t("now.requests")} value=${count(sum(rows, (r) => r.requests))} unit="" about="" />
        <${Figure} label=${t("usage.tokens")} value=${count(sum(rows, (r) => r.input_tokens + r.output_tokens))} unit="" about="" /><${Figure} label=${t("usage.refused")} value=${count(sum(rows, (r) => r.refused))} unit="" about="" /></section>
      ${past.data.data.length > 1 && html`<section class="band"><${Past} rows=${past.data.data} by=${step} /></section>`}
      <${List} label=${t("page.usage")} rows=${rows} columns=${columns(by)} rowKey=${(r) => r.group[by] + (r.group.key_id || "")} />`}`;
}
