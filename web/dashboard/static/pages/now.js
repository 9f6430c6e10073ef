// Now: is anything wrong, where is the headroom, who is waiting.
import { html, useMemo, useRef } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { useStore } from "../lib/store.js";
import { live, tail } from "../lib/live.js";
import { useLoad } from "../lib/load.js";
import { get } from "../lib/api.js";
import { href } from "../lib/router.js";
import { count, span, money, percent, clock } from "../lib/format.js";
import { Figure, Chart } from "../parts/chart.js";
import { Lanes } from "../parts/lanes.js";
import { Row, scarcity, Legend } from "../parts/strip.js";
import { Loading, Empty } from "../parts/states.js";
import { Chip } from "../parts/chips.js";
import { FirstCall } from "../parts/firstcall.js";

const shown = 8; // strips on the first screen

function Figures({ now, past }) {
  const line = (f) => past.slice(-60).map(f);
  return html`<section class="band figures" aria-label=${t("now.figures")}>
    <${Figure} label=${t("now.requests")} value=${count(now.requests_per_s)} unit=${t("unit.persecond")} spark=${line((p) => p.requests)} about=${t("now.inflight", { n: count(now.in_flight) })} />
    <${Figure} label=${t("now.tokens")} value=${count(now.tokens_per_s)} unit=${t("unit.persecond")} spark=${line((p) => p.tokens)} about="" />
    <${Figure} label=${t("now.spared")} value=${count(now.spared_429)} unit=${t("unit.perminute")} title=${t("now.spared.about")} spark=${line((p) => p.spared_429)} about="" />
    <${Figure} label=${t("now.refused")} value=${count(now.upstream_429s)} unit=${t("unit.perminute")} kind=${now.upstream_429s ? "refused" : ""} title=${t("now.refused.about")} spark=${line((p) => p.upstream_429s)} about="" />
    <${Figure} label=${t("now.overhead")} value=${span(now.overhead_p50_ms)} unit="" about=${"p99 " + span(now.overhead_p99_ms)} spark=${line((p) => p.overhead_ms[0])} />
    <${Figure} label=${t("now.firstbyte")} value=${span(now.first_byte_p50_ms)} unit="" about=${"p99 " + span(now.first_byte_p99_ms)} spark=${line((p) => p.first_byte_ms[0])} />
    <${Figure} label=${t("now.cost")} value=${money(now.cost_per_hour_nano_usd)} unit=${t("unit.perhour")} spark=${line((p) => p.cost_nano_usd)} about="" />
  </section>`;
}

function Headroom({ budgets, typical }) {
  const rows = useMemo(() => Object.values(budgets).filter((b) => b.scope === "upstream").sort((a, b) => scarcity(a) - scarcity(b)), [budgets]);
  return html`<section class="band" aria-labelledby="headroom">
    <header><h2 id="headroom">${t("now.headroom")}</h2><span class="quiet small">${t("now.headroom.about")}</span><span class="grow"></span>
      ${rows.length > shown && html`<a href=${href("budgets")}>${t("now.all", { n: rows.length })}</a>`}</header>
    ${rows.length ? html`<div class="strips">${rows.slice(0, shown).map((b) => html`<${Row} key=${b.name + b.limit} bucket=${b} typical=${typical} />`)}</div>`
      : html`<p class="quiet">${t("now.nolimits")}</p>`}
    <${Legend} />
  </section>`;
}

function Alerts({ alerts }) {
  const rows = Object.values(alerts || {});
  if (!rows.length) return null;
  return html`<section class="band" aria-labelledby="alerts"><header><h2 id="alerts">${t("now.alerts")}</h2></header>
    <ul class="stack">${rows.map((a) => html`<li key=${a.id || a.name} class="row"><${Chip} state="firing" text=${a.name} /><span>${a.message || a.says || ""}</span><span class="quiet">${a.since ? clock(a.since) : ""}</span></li>`)}</ul>
  </section>`;
}

function Past({ points }) {
  const times = points.map((p) => p.at);
  const per = (n) => n / 10;
  const series = (label, colour, f, more) => ({ label, colour, values: points.map(f), ...more });
  return html`<section class="band" aria-labelledby="hour"><header><h2 id="hour">${t("now.hour")}</h2></header>
    <div class="charts">
      <${Chart} title=${t("chart.requests")} times=${times} series=${[series(t("now.requests"), "accent", (p) => per(p.requests), { fill: true }), series(t("now.spared"), "waiting", (p) => per(p.spared_429), { dash: [5, 3] }), series("429", "refused", (p) => per(p.upstream_429s))]} />
      <${Chart} title=${t("chart.tokens")} times=${times} series=${[series(t("now.tokens"), "free", (p) => per(p.tokens), { fill: true })]} />
      <${Chart} title=${t("chart.firstbyte")} times=${times} write=${span} series=${[series("p50", "accent", (p) => p.first_byte_ms[0]), series("p99", "debt", (p) => p.first_byte_ms[1], { dash: [5, 3] })]} />
      <${Chart} title=${t("chart.shed")} times=${times} series=${[series(t("now.shed"), "refused", (p) => Object.values(p.shed || {}).reduce((a, b) => a + b, 0), { fill: true }), series(t("now.failed"), "debt", (p) => p.failed, { dash: [5, 3] })]} />
    </div></section>`;
}

function Routes({ routes }) {
  const rows = Object.entries(routes).filter(([, r]) => Object.keys(r.served).length).slice(0, 8);
  if (!rows.length) return null;
  return html`<section class="band" aria-labelledby="served"><header><h2 id="served">${t("now.served")}</h2><span class="quiet small">${t("now.served.about")}</span></header>
    <table><tbody>${rows.map(([name, r]) => {
      const sum = Object.values(r.served).reduce((a, b) => a + b, 0);
      return html`<tr key=${name}><th scope="row"><a href=${href("routes", [name])}>${name}</a></th><td>${Object.entries(r.served).sort((a, b) => b[1] - a[1])
        .map(([target, n]) => `${target} ${percent(n / sum)}`).join(" · ")}</td><td class="quiet">${Object.entries(r.moved).map(([why, n]) => t("moved", { n, why: t("reason." + why) })).join(", ")}</td></tr>`;
    })}</tbody></table></section>`;
}

// useHour is the last hour: asked for once, and then what is new of it.
function useHour() {
  const past = useRef([]);
  const { data } = useLoad(async () => {
    const last = past.current.at(-1)?.at || 0; // it had not ended
    const { history } = await get("/now", { part: "history", from: last ? new Date(last * 1000).toISOString() : "" });
    const oldest = Date.now() / 1000 - 3600;
    past.current = [...past.current.filter((p) => p.at < last && p.at > oldest), ...history];
    return past.current;
  }, [], 10_000);
  return data || [];
}

export function Page() {
  const state = useStore(live);
  const points = useHour();
  const seen = useStore(tail, (list) => list.length > 0);
  if (!state) return html`<${Loading} />`;
  const quiet = !seen && points.length === 0;
  return html`<div class="pagehead"><h1>${t("page.now")}</h1></div>
    ${quiet && html`<${Empty}><${FirstCall} /><//>`}
    <${Alerts} alerts=${state.alerts} />
    <${Figures} now=${state.now} past=${points} />
    <${Headroom} budgets=${state.budgets} typical=${state.now.typical} />
    <section class="band" aria-labelledby="queue"><header><h2 id="queue">${t("now.queue")}</h2><span class="quiet small">${t("now.queue.about")}</span></header><${Lanes} queue=${state.queue} /></section>
    <${Routes} routes=${state.routes} />
    ${points.length > 1 && html`<${Past} points=${points} />`}`;
}
