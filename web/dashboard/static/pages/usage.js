// Usage and cost: by key, owner, model, provider and day; as a chart, a table and a file.
import { html, useMemo } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { get, url } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { href, refine } from "../lib/router.js";
import { count, money, day, percent } from "../lib/format.js";
import { Chart, Figure } from "../parts/chart.js";
import { List } from "../parts/list.js";
import { Choice, Text } from "../parts/field.js";
import { Loading, Failure, Empty } from "../parts/states.js";

const dimensions = ["owner", "key", "route", "model", "provider", "day"];
const spans = { 1: "usage.day", 7: "usage.week", 30: "usage.month", 90: "usage.quarter" };
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

const sum = (rows, f) => rows.reduce((a, r) => a + f(r), 0);

// steps are the beginnings of all days, or of today's hours, from one moment on.
function steps(from, by) {
  const out = [];
  for (const d = new Date(from); d <= new Date(); by === "hour" ? d.setHours(d.getHours() + 1) : d.setDate(d.getDate() + 1)) out.push(d.getTime() / 1000);
  return out;
}

// Past is what was used over time; where nothing was, it is zero.
function Past({ rows, by, from }) {
  const at = new Map(rows.map((r) => [new Date(by === "hour" ? r.group.hour : r.group.day + "T00:00:00").getTime() / 1000, r]));
  const times = steps(from, by);
  const values = (f) => times.map((x) => (at.has(x) ? f(at.get(x)) : 0));
  const one = (label, colour, f) => [{ label, colour, values: values(f), fill: true }];
  const more = { group: "usage", times, daily: by === "day", span: [times[0] - (by === "day" ? 43200 : 0), times.at(-1) + (by === "day" ? 43200 : 3600)] };
  return html`<div class="charts three">
    <${Chart} ...${more} title=${t("usage.cost")} write=${money} series=${one(t("cost"), "accent", (r) => r.cost_nano_usd)} />
    <${Chart} ...${more} title=${t("usage.tokens")} series=${[...one(t("tokens.input"), "free", (r) => r.input_tokens), { label: t("tokens.output"), colour: "waiting", values: values((r) => r.output_tokens) }]} />
    <${Chart} ...${more} title=${t("usage.requests")} series=${[...one(t("now.requests"), "reserved", (r) => r.requests), { label: t("usage.refused"), colour: "refused", values: values((r) => r.refused), dash: [5, 3] }]} />
  </div>`;
}

// named is whose row it is, with the page that has more of it.
function named(r, by) {
  const name = r.group[by] || t("usage.nobody");
  const to = { owner: r.group.owner && href("usage", [], { owner: r.group.owner, by: "key" }), key: r.group.key_id && href("usage", [], { key_id: r.group.key_id, by: "model" }), route: r.group.route && href("routes", [r.group.route]) }[by];
  return to ? html`<a href=${to}><strong>${name}</strong></a>` : html`<strong>${name}</strong>`;
}

// Share is a row's part of the whole cost, as a bar.
const Share = ({ part }) => html`<span class="sharebar"><i style=${{ width: (part * 100).toFixed(1) + "%" }}></i></span>`;

const columns = (by, whole) => [
  { name: "what", label: t("usage.by." + by), cell: (r) => named(r, by) },
  { name: "share", label: t("usage.share"), width: "128px", cell: (r) => html`<${Share} part=${whole ? r.cost_nano_usd / whole : 0} /> <span class="quiet small">${whole ? percent(r.cost_nano_usd / whole) : "–"}</span>` },
  { name: "requests", label: t("now.requests"), num: true, width: "100px", cell: (r) => count(r.requests) }, { name: "refused", label: t("usage.refused"), num: true, width: "92px", cell: (r) => count(r.refused) },
  { name: "attempts", label: t("usage.attempts"), num: true, width: "92px", cell: (r) => count(r.attempts) }, { name: "failed", label: t("usage.failed"), num: true, width: "92px", cell: (r) => count(r.failed_attempts) },
  { name: "in", label: t("tokens.input"), num: true, width: "100px", cell: (r) => count(r.input_tokens) }, { name: "cached", label: t("usage.cached"), num: true, width: "100px", cell: (r) => count(r.cached_input_tokens) },
  { name: "out", label: t("tokens.output"), num: true, width: "100px", cell: (r) => count(r.output_tokens) }, { name: "cost", label: t("cost"), num: true, width: "110px", cell: (r) => html`<strong>${money(r.cost_nano_usd)}</strong>` },
];

export function Page({ at }) {
  const { by = "owner", days = "7", owner = "", key_id = "" } = at.query;
  const today = day(new Date());
  const from = useMemo(() => { const d = new Date(); d.setHours(0, 0, 0, 0); d.setDate(d.getDate() - Number(days) + 1); return d.toISOString(); }, [days, today]);
  const narrow = { from, zone, owner, key_id };
  const step = days === "1" ? "hour" : "day";
  const past = useLoad(() => get("/usage", { ...narrow, group_by: step }), [from, owner, key_id, step], 30_000);
  const groups = useLoad(() => get("/usage", { ...narrow, group_by: by }), [from, owner, key_id, by], 30_000);
  const error = past.error || groups.error;
  const rows = useMemo(() => [...(groups.data?.data || [])].sort((a, b) => (by === "day" ? b.group.day.localeCompare(a.group.day) : b.cost_nano_usd - a.cost_nano_usd || b.requests - a.requests)), [groups.data]);
  const whole = sum(rows, (r) => r.cost_nano_usd);
  if (error) return html`<${Failure} error=${error} again=${() => { past.again(); groups.again(); }} />`;
  if (!past.data || !groups.data) return html`<${Loading} />`;
  return html`<div class="pagehead"><h1>${t("page.usage")}</h1><span class="quiet small">${t("usage.zone", { zone })}</span><span class="grow"></span>
      ${["csv", "json"].map((format) => html`<a key=${format} href=${url("/usage", { ...narrow, group_by: by === "day" ? by : `${by},day`, format })} download=${`usage-${by}-${today}.${format}`}>${t("export." + format)}</a>`)}</div>
    <section class="band"><div class="form"><${Choice} label=${t("usage.span")} value=${days} set=${(v) => refine({ days: v })} options=${Object.entries(spans).map(([d, name]) => [d, t(name)])} />
      <${Choice} label=${t("usage.by")} value=${by} set=${(v) => refine({ by: v })} options=${dimensions.map((d) => [d, t("usage.by." + d)])} />
      <${Text} label=${t("key.owner")} about=${t("usage.narrow")} value=${owner} set=${(v) => refine({ owner: v })} /><${Text} label=${t("req.keyid")} about=${t("usage.narrow")} value=${key_id} set=${(v) => refine({ key_id: v })} /></div></section>
    ${rows.length === 0 ? html`<${Empty}><p>${t("usage.none")}</p><//>` : html`
      <section class="band figures"><${Figure} label=${t("cost")} value=${money(whole)} unit="" about=${t("usage.per", { n: money(whole / Math.max(1, sum(rows, (r) => r.requests))) })} /><${Figure} label=${t("now.requests")} value=${count(sum(rows, (r) => r.requests))} unit="" about="" />
        <${Figure} label=${t("usage.tokens")} value=${count(sum(rows, (r) => r.input_tokens + r.output_tokens))} unit="" about="" /><${Figure} label=${t("usage.refused")} value=${count(sum(rows, (r) => r.refused))} unit="" about="" /></section>
      <section class="band"><${Past} rows=${past.data.data} by=${step} from=${from} /></section>
      <${List} label=${t("page.usage")} rows=${rows} columns=${columns(by, whole)} rowKey=${(r) => r.group[by] + (r.group.key_id || "")} />`}`;
}
