// What simulations came to: figures, accounts, classes, clients and charts; of one job, or
// of two side by side with what differs marked.
import { html, cx } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { get } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { count, exact, percent, span } from "../lib/format.js";
import { Chart } from "./chart.js";
import { Loading, Failure, Scroll } from "./states.js";
import { Difference } from "./yaml.js";
import { active, nameOf, configOf, optionsOf } from "./simjobs.js";

const seconds = (s) => span(s * 1000);
const share = (n, of) => (of ? n / of : null);
const sum = (groups, f) => Object.values(groups).reduce((a, g) => a + f(g), 0);
const plain = (x) => x.toFixed(3);

// metrics are the rows of the first table: how a value is found and written, and whether
// more of it is better (1), worse (-1) or neither (0).
const metrics = [
  ["arrived", (r) => r.arrived, exact, 0], ["served", (r) => share(r.served, r.arrived), percent, 1, (r) => exact(r.served)],
  ["queued", (r) => r.waited, exact, 0], ["fellback", (r) => r.fell_back, exact, -1], ["refused", (r) => r.refused, exact, -1],
  ["shed", (r) => sum(r.classes, (g) => g.shed), exact, -1], ["failed", (r) => r.failed, exact, -1], ["attempts", (r) => r.upstream_attempts, exact, 0],
  ["429", (r) => r.upstream_429, exact, -1, (r) => percent(r.upstream_429_share)], ["tokens", (r) => r.goodput_tokens, count, 1, (r) => percent(share(r.goodput_tokens, r.offered_tokens))],
  ["p50", (r) => r.wait.p50_seconds, seconds, -1], ["p99", (r) => r.wait.p99_seconds, seconds, -1], ["max", (r) => r.wait.max_seconds, seconds, -1], ["jain", (r) => r.jain_index, plain, 1],
];

// about is what a name means where it does not say so itself.
const about = (name) => (["served", "queued", "fellback", "refused", "shed", "429", "jain"].includes(name) ? t("sim.m." + name + ".about") : "");

// Delta marks how a value differs from that of the first run: by a sign, a shape and a word.
function Delta({ value, base, good = 0 }) {
  if (base === undefined || value === null || base === null || value === base) return null;
  const more = value - base;
  const by = base === 0 ? null : more / Math.abs(base);
  const kind = good === 0 || (by !== null && Math.abs(by) < 0.005) ? "off" : more * good > 0 ? "free" : "refused";
  const text = by === null ? t("sim.new.value") : by >= 10 ? "×" + count(value / base) : (more > 0 ? "+" : "−") + percent(Math.abs(by));
  return html` <span class=${cx("delta small", kind)}><span class=${cx("dot", kind)} aria-hidden="true"></span>${text}<span class="hidden-label"> ${t("sim.delta." + kind)}</span></span>`;
}

function Heads({ runs, first }) {
  return html`<thead><tr><th>${first}</th>${runs.map((x) => html`<th key=${x.key} class="num"><span class="side">${x.side}</span> ${x.label}</th>`)}</tr></thead>`;
}

function Figures({ runs }) {
  return html`<${Scroll} label=${t("sim.figures")}><table class="simtable" aria-label=${t("sim.figures")}><${Heads} runs=${runs} first=${html`<span class="hidden-label">${t("sim.figures")}</span>`} /><tbody>${metrics.map(([name, f, write, good, beside]) => html`<tr key=${name}>
    <th scope="row" title=${about(name)}>${t("sim.m." + name)}</th>${runs.map((x, i) => html`<td key=${x.key} class="num">${write(f(x.r))}${beside && html` <span class="quiet small">${beside(x.r)}</span>`}<${Delta} value=${f(x.r)} base=${i ? f(runs[0].r) : undefined} good=${good} /></td>`)}</tr>`)}
    ${[...new Set(runs.flatMap((x) => Object.keys(x.r.refusals_by_reason || {})))].sort().map((reason) => html`<tr key=${reason} class="sub"><th scope="row">${t("sim.reason", { reason: reason.replaceAll("_", " ") })}</th>${runs.map((x, i) => html`<td key=${x.key} class="num">${exact(x.r.refusals_by_reason?.[reason] || 0)}<${Delta} value=${x.r.refusals_by_reason?.[reason] || 0} base=${i ? runs[0].r.refusals_by_reason?.[reason] || 0 : undefined} good=${-1} /></td>`)}</tr>`)}</tbody></table><//>`;
}

// Accounts shows how much of each account's quota was used.
function Accounts({ runs }) {
  const of = (x, name) => x.r.accounts.find((a) => a.name === name);
  const all = [...new Set(runs.flatMap((x) => x.r.accounts.map((a) => a.name)))];
  const names = all.filter((name) => runs.some((x) => of(x, name)?.attempts));
  return html`<${Scroll} label=${t("sim.accounts")}><table class="simtable" aria-label=${t("sim.accounts")}><${Heads} runs=${runs} first=${t("sim.account")} /><tbody>${names.map((name) => html`<tr key=${name}><th scope="row">${name}</th>${runs.map((x, i) => {
    const a = of(x, name);
    if (!a) return html`<td key=${x.key} class="num quiet">–</td>`;
    return html`<td key=${x.key} class="num"><span class="usebar" role="img" aria-label=${t("sim.used", { share: percent(a.quota_used) })}><i style=${{ width: Math.min(1, a.quota_used) * 100 + "%" }}></i></span> ${percent(a.quota_used)}<${Delta} value=${a.quota_used} base=${i ? of(runs[0], name)?.quota_used : undefined} />
      <div class="small quiet">${t("sim.account.says", { n: exact(a.attempts), refused: exact(a.refused_429), tokens: count(a.tokens) })}${a.refused_429 > 0 && html` <span class="dot refused" aria-hidden="true"></span>`}</div></td>`;
  })}</tr>`)}</tbody></table><//>${all.length > names.length && html`<p class="quiet small">${t("sim.unused", { n: all.length - names.length })}</p>`}`;
}

const columns = [["arrived", (g) => g.arrived, exact, 0], ["served", (g) => share(g.served, g.arrived), percent, 1], ["queued", (g) => g.waited, exact, 0], ["fellback", (g) => g.fell_back, exact, -1], ["shed", (g) => g.shed, exact, -1],
  ["refused", (g) => g.refused, exact, -1], ["failed", (g) => g.failed, exact, -1], ["tokens", (g) => g.tokens, count, 1], ["p50", (g) => g.wait.p50_seconds, seconds, -1], ["p99", (g) => g.wait.p99_seconds, seconds, -1]];
const nobody = { arrived: 0, served: 0, waited: 0, fell_back: 0, shed: 0, refused: 0, failed: 0, tokens: 0, wait: { p50_seconds: 0, p99_seconds: 0 } };

// Groups shows what became of the calls of each class, or client: a row for each run.
function Groups({ runs, what, names, of, write = (n) => n }) {
  return html`<${Scroll} label=${what}><table class="simtable groups" aria-label=${what}><thead><tr><th>${what}</th>${runs.length > 1 && html`<th><span class="hidden-label">${t("sim.side")}</span></th>`}${columns.map(([name]) => html`<th key=${name} class="num" title=${about(name)}>${t("sim.m." + name)}</th>`)}</tr></thead>
    ${names.map((name) => html`<tbody key=${name}>${runs.map((x, i) => {
      const g = of(x.r)[name] || nobody;
      const base = i ? of(runs[0].r)[name] || nobody : null;
      return html`<tr key=${x.key}>${i === 0 && html`<th scope="rowgroup" rowspan=${runs.length}>${write(name)}</th>`}${runs.length > 1 && html`<td class="side">${x.side}</td>`}${columns.map(([column, f, show, good]) => html`<td key=${column} class="num">${show(f(g))}<${Delta} value=${f(g)} base=${base ? f(base) : undefined} good=${good} /></td>`)}</tr>`;
    })}</tbody>`)}</table><//>`;
}

// joined puts the points of runs on one axis of time.
function joined(runs) {
  const times = [...new Set(runs.flatMap((x) => x.r.timeline.map((p) => p.at_seconds)))].sort((a, b) => a - b);
  const at = runs.map((x) => new Map(x.r.timeline.map((p, i, all) => [p.at_seconds, { ...p, step: (all[i + 1] ? all[i + 1].at_seconds - p.at_seconds : i ? p.at_seconds - all[i - 1].at_seconds : x.r.measured_seconds) || 1 }])));
  return { times, values: (i, f) => times.map((time) => (at[i].has(time) ? f(at[i].get(time)) : null)) };
}

function Charts({ runs }) {
  const two = runs.slice(0, 2);
  const { times, values } = joined(two);
  const lines = (list) => two.flatMap((x, i) => list.map(([name, colour, f]) => ({ label: (two.length > 1 ? x.side + " " : "") + t("sim.m." + name), colour, dash: i ? [6, 4] : undefined, values: values(i, f) })));
  const rate = (f) => (p) => f(p) / p.step;
  const perSecond = (v) => t("sim.persecond", { n: count(v) });
  const queue = (p) => Object.values(p.queued).reduce((a, n) => a + n, 0);
  const chart = (title, list, write = count) => html`<${Chart} key=${title} group="simulation" elapsed=${t("sim.elapsed")} title=${t(title)} times=${times} write=${write} series=${lines(list)} />`;
  return html`${two.length > 1 && html`<p class="quiet small">${t("sim.charts.about", { a: two[0].side, b: two[1].side })}</p>`}<div class="charts">
    ${chart("sim.chart.calls", [["arrived", "ink-3", rate((p) => p.arrived)], ["served", "free", rate((p) => p.served)], ["refused", "refused", rate((p) => p.refused)]], perSecond)}
    ${chart("sim.chart.429", [["429", "refused", rate((p) => p.upstream_429)]], perSecond)}
    ${chart("sim.chart.tokens", [["tokens", "free", rate((p) => p.tokens)]], perSecond)}
    ${chart("sim.chart.queue", [["queued", "waiting", queue]])}
    ${chart("sim.chart.rate", [["rate", "learned", (p) => p.effective_rate_ratio]], (v) => percent(v, 0))}</div>`;
}

// runsOf are the runs of the jobs: one for each engine.
function runsOf(jobs) {
  return jobs.flatMap((job, n) => job.results.map((r, i) => {
    const side = "AB"[n] + (job.results.length > 1 ? i + 1 : "");
    return { key: side, side, r, label: [nameOf(job), job.results.length > 1 || r.engine !== "sluice" ? t("sim.by." + r.engine) : ""].filter(Boolean).join(" · ") };
  }));
}

function Pair({ a, b, swap }) {
  const options = [a, b].map(optionsOf);
  return html`<div class="stack"><p class=${cx("notice", a.trace_id === b.trace_id ? "free" : "waiting")} role="note"><span>${t(a.trace_id === b.trace_id ? "sim.same" : "sim.other", { n: exact(a.calls), m: exact(b.calls) })}${options[0] !== options[1] ? " " + t("sim.otheroptions") : ""}</span><button onClick=${swap}>${t("sim.swap")}</button></p></div>`;
}

// About says what a job was made of.
function About({ job, side }) {
  return html`<div class="stack top"><h3><span class="side">${side}</span> ${nameOf(job)}</h3><p class="small">${configOf(job)} · ${optionsOf(job) || t("sim.asrecorded")}</p>
    ${job.config !== "current" && html`<${Difference} lines=${job.diff} />`}</div>`;
}

// useResult is a job with its results, once it is done.
function useResult(job) {
  return useLoad(() => (job ? get("/simulate/" + job.id) : Promise.resolve(null)), [job?.id, job?.state]);
}

export function Result({ a, b, swap }) {
  const one = useResult(a);
  const two = useResult(b);
  const error = one.error || two.error;
  if (error) return html`<${Failure} error=${error} again=${() => { one.again(); two.again(); }} />`;
  const waiting = [a, b].filter((j) => j && active(j));
  if (waiting.length) return html`<section class="band" aria-busy="true"><header><h2>${t("sim.result")}</h2></header><p class="quiet" role="status">${t("sim.underway", { name: nameOf(waiting[0]) })}</p><${Loading} rows=${4} /></section>`;
  if (a.state !== "done") return html`<section class="band"><header><h2>${t("sim.result")}</h2></header><p class=${cx("notice", a.state === "failed" && "refused")}>${a.error || t("sim.cancelled")}</p></section>`;
  const jobs = [one.data, b && two.data].filter((j) => j?.results);
  if (one.data?.id !== a.id || !one.data.results || (b?.state === "done" && two.data?.id !== b.id)) return html`<${Loading} />`;
  const runs = runsOf(jobs);
  const clients = Object.keys(runs[0].r.clients).sort((x, y) => runs[0].r.clients[y].tokens - runs[0].r.clients[x].tokens || (x < y ? -1 : 1));
  const classes = ["critical", "high", "normal", "low"].filter((c) => runs.some((x) => x.r.classes[c]?.arrived));
  const section = (title, body) => html`<section class="band"><header><h2>${t(title)}</h2></header>${body}</section>`;
  return html`${b && b.state !== "done" && html`<p class="notice refused">${nameOf(b)}: ${b.error || t("sim.cancelled")}</p>`}${jobs.length > 1 && html`<${Pair} a=${a} b=${b} swap=${swap} />`}
    <section class="band"><header><h2>${t("sim.result")}</h2></header><div class="stack"><div class="cols">${jobs.map((j, i) => html`<${About} key=${j.id} job=${j} side=${"AB"[i]} />`)}</div><${Figures} runs=${runs} /></div></section>
    ${section("sim.accounts", html`<${Accounts} runs=${runs} />`)}
    ${section("sim.classes", html`<${Groups} runs=${runs} what=${t("sim.class")} names=${classes} of=${(r) => r.classes} write=${(n) => t("class." + n)} />`)}
    ${clients.length > 0 && section("sim.clients", html`<${Groups} runs=${runs} what=${t("sim.client")} names=${clients.slice(0, 20)} of=${(r) => r.clients} write=${(n) => n || t("usage.nobody")} />${clients.length > 20 && html`<p class="quiet small">${t("sim.clients.more", { n: exact(clients.length - 20) })}</p>`}`)}
    ${section("sim.charts", html`<${Charts} runs=${runs} />`)}`;
}
