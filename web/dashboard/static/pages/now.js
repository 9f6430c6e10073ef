// Now: is anything wrong, where is the headroom, who is waiting.
import { html, useMemo, useRef } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { useStore } from "../lib/store.js";
import { live, tail } from "../lib/live.js";
import { useLoad } from "../lib/load.js";
import { get } from "../lib/api.js";
import { href } from "../lib/router.js";
import { count, took, money, percent } from "../lib/format.js";
import { alertSays } from "../lib/limiting.js";
import { Figure, Chart } from "../parts/chart.js";
import { Lanes, classes } from "../parts/lanes.js";
import { Row, Head, Legend, useOrder, bucketID } from "../parts/strip.js";
import { reason } from "../parts/reason.js";
import { Loading, Empty, Scroll } from "../parts/states.js";
import { Chip } from "../parts/chips.js";
import { Ago } from "../parts/time.js";
import { FirstCall } from "../parts/firstcall.js";

const shown = 8;     // strips on the first screen
const stride = 10;   // seconds of one point of the past
const hour = 3600;

// spared says how calls were spared a 429.
function spared(now) {
  const ways = [["waited", now.spared_waited], ["moved", now.spared_moved], ["rotated", now.spared_rotated]].filter(([, n]) => n > 0);
  return ways.map(([way, n]) => t("now.spared." + way, { n: count(n) })).join(", ");
}

function Figures({ now, past }) {
  const line = (f) => past.slice(-60).map((p) => (p ? f(p) : 0));
  return html`<section class="band figures" aria-label=${t("now.figures")}>
    <${Figure} label=${t("now.requests")} value=${count(now.requests_per_s)} unit=${t("unit.persecond")} spark=${line((p) => p.requests)} about=${t("now.inflight", { n: count(now.in_flight) })} />
    <${Figure} label=${t("now.tokens")} value=${count(now.tokens_per_s)} unit=${t("unit.persecond")} spark=${line((p) => p.tokens)} about=${now.failed ? t("now.failed.n", { n: count(now.failed) }) : ""} />
    <${Figure} label=${t("now.spared")} value=${count(now.spared_429)} unit=${t("unit.perminute")} title=${t("now.spared.about") + "\n" + spared(now)} spark=${line((p) => p.spared_429)} about=${spared(now)} />
    <${Figure} label=${t("now.refused")} value=${count(now.upstream_429s)} unit=${t("unit.perminute")} kind=${now.upstream_429s ? "refused" : ""} title=${t("now.refused.about")} spark=${line((p) => p.upstream_429s)} about="" />
    <${Figure} label=${t("now.overhead")} value=${took(now.overhead_p50_ms)} unit="p50" about=${"p99 " + took(now.overhead_p99_ms)} title=${t("now.overhead.about")} spark=${line((p) => p.overhead_ms[0])} />
    <${Figure} label=${t("now.firstbyte")} value=${took(now.first_byte_p50_ms)} unit="p50" about=${"p99 " + took(now.first_byte_p99_ms)} title=${t("now.firstbyte.about")} spark=${line((p) => p.first_byte_ms[0])} />
    <${Figure} label=${t("now.cost")} value=${money(now.cost_per_hour_nano_usd)} unit=${t("unit.perhour")} spark=${line((p) => p.cost_nano_usd)} about="" title=${t("now.cost.about")} />
  </section>`;
}

function Headroom({ budgets, typical }) {
  const rows = useOrder(Object.values(budgets).filter((b) => b.scope === "upstream"), bucketID);
  return html`<section class="band" aria-labelledby="headroom">
    <header><h2 id="headroom">${t("now.headroom")}</h2><span class="quiet small">${t("now.headroom.about")}</span><span class="grow"></span>
      ${rows.length > shown && html`<a href=${href("budgets")}>${t("now.all", { n: rows.length })}</a>`}</header>
    ${rows.length ? html`<${Head} /><div class="strips">${rows.slice(0, shown).map((b) => html`<${Row} key=${b.name + b.limit} bucket=${b} typical=${typical} />`)}</div>`
      : html`<p class="quiet">${t("now.nolimits")}</p>`}
    <${Legend} />
  </section>`;
}

function Alerts({ alerts }) {
  const rows = Object.values(alerts || {});
  if (!rows.length) return null;
  return html`<section class="band" aria-labelledby="alerts"><header><h2 id="alerts">${t("now.alerts")}</h2><span class="grow"></span><a href=${href("settings", ["alerts"])}>${t("alert.rules")}</a></header>
    <ul class="stack">${rows.map((a) => html`<li key=${a.id || a.name} class="row"><${Chip} state="firing" text=${a.name} /><span>${alertSays(a)}</span><span class="quiet">${a.since && html`<${Ago} at=${a.since} />`}</span></li>`)}</ul>
  </section>`;
}

// filled puts the points of the last hour on one axis, a place for each ten seconds: what
// is missing had no calls, so its counts are zero and its latencies are not there.
function filled(points) {
  const end = Math.floor(Date.now() / 1000 / stride) * stride - stride; // the running one is not whole
  const at = new Map(points.map((p) => [p.at, p]));
  const times = Array.from({ length: hour / stride }, (_, i) => end - hour + (i + 1) * stride);
  const begin = Math.max(end - hour, Math.min((points[0]?.at || 0) - stride, end - 600)); // a young gateway has no hour to show
  return { times, past: times.map((x) => at.get(x) || null), span: [begin, end] };
}

function Past({ hour: { times, past, span: bounds } }) {
  const series = (label, colour, f, more) => ({ label, colour, values: past.map((p) => (p ? f(p) : 0)), ...more });
  const timed = (label, colour, f, more) => ({ label, colour, values: past.map((p) => (p && f(p) > 0 ? f(p) : null)), ...more });
  const shed = classes.filter((c) => past.some((p) => p?.shed?.[c]));
  const colours = { critical: "refused", high: "debt", normal: "waiting", low: "reserved" };
  const chart = (title, list, write) => html`<${Chart} title=${title} times=${times} span=${bounds} write=${write} series=${list} />`;
  return html`<section class="band" aria-labelledby="hour"><header><h2 id="hour">${t("now.hour")}</h2><span class="quiet small">${t("now.hour.about")}</span></header>
    <div class="charts">
      ${chart(t("chart.requests"), [series(t("now.requests"), "accent", (p) => p.requests / stride, { fill: true }), series(t("now.failed"), "refused", (p) => p.failed / stride)])}
      ${chart(t("chart.tokens"), [series(t("now.tokens"), "free", (p) => p.tokens / stride, { fill: true })])}
      ${chart(t("chart.spared"), [series(t("now.spared"), "waiting", (p) => p.spared_429 * 6, { fill: true }), series(t("now.refused"), "refused", (p) => p.upstream_429s * 6)])}
      ${shed.length > 0 && chart(t("chart.shed"), shed.map((c) => series(t("class." + c), colours[c], (p) => (p.shed?.[c] || 0) * 6)))}
      ${chart(t("chart.firstbyte"), [timed("p50", "accent", (p) => p.first_byte_ms[0]), timed("p99", "debt", (p) => p.first_byte_ms[1], { dash: [5, 3] })], took)}
      ${chart(t("chart.overhead"), [timed("p50", "accent", (p) => p.overhead_ms[0]), timed("p99", "debt", (p) => p.overhead_ms[1], { dash: [5, 3] })], took)}
      ${chart(t("chart.cost"), [series(t("now.cost"), "learned", (p) => p.cost_nano_usd * (hour / stride), { fill: true })], money)}
    </div></section>`;
}

function Routes({ routes }) {
  const rows = Object.entries(routes).filter(([, r]) => Object.keys(r.served).length).slice(0, 8);
  if (!rows.length) return null;
  return html`<section class="band" aria-labelledby="served"><header><h2 id="served">${t("now.served")}</h2><span class="quiet small">${t("now.served.about")}</span></header>
    <${Scroll} label=${t("now.served")}><table><tbody>${rows.map(([name, r]) => {
      const sum = Object.values(r.served).reduce((a, b) => a + b, 0);
      return html`<tr key=${name}><th scope="row"><a href=${href("routes", [name])}>${name}</a></th><td>${Object.entries(r.served).sort((a, b) => b[1] - a[1])
        .map(([target, n]) => `${target === "cache" ? t("route.cache.served") : target} ${percent(n / sum)}`).join(" · ")}</td><td class="quiet">${Object.entries(r.moved).map(([why, n]) => t("moved", { n: count(n), why: reason(why) })).join(", ")}</td></tr>`;
    })}</tbody></table><//></section>`;
}

// useHour is the last hour: asked for once, and then what is new of it. null: not yet.
function useHour() {
  const past = useRef([]);
  const { data } = useLoad(async () => {
    const last = past.current.at(-1)?.at || 0; // it had not ended
    const { history } = await get("/now", { part: "history", from: last ? new Date(last * 1000).toISOString() : "" });
    const oldest = Date.now() / 1000 - hour;
    past.current = [...past.current.filter((p) => p.at < last && p.at > oldest), ...history];
    return past.current;
  }, [], stride * 1000);
  return data;
}

export function Page() {
  const state = useStore(live);
  const points = useHour();
  const past = useMemo(() => filled(points || []), [points]);
  const seen = useStore(tail, (list) => list.length > 0);
  if (!state) return html`<${Loading} />`;
  const quiet = points && !seen && !points.length;
  return html`<div class="pagehead"><h1>${t("page.now")}</h1></div>
    ${quiet && html`<${Empty}><${FirstCall} /><//>`}
    <${Alerts} alerts=${state.alerts} />
    <${Figures} now=${state.now} past=${past.past} />
    <${Headroom} budgets=${state.budgets} typical=${state.now.typical} />
    <section class="band" aria-labelledby="queue"><header><h2 id="queue">${t("now.queue")}</h2><span class="quiet small">${t("now.queue.about")}</span></header><${Lanes} queue=${state.queue} /></section>
    <${Routes} routes=${state.routes} />
    ${points?.length > 0 && html`<${Past} hour=${past} />`}`;
}
