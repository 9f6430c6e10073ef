// One request as a line from its arrival to its last byte: queued, attempts with their
// verdicts, first byte, stream. Under it: estimate beside actual, what every candidate
// said, and the steps that were taken.
import { html, cx } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { took, span, count, amount, money, exact, percent } from "../lib/format.js";
import { reason } from "./reason.js";
import { Chip } from "./chips.js";
import { Bar } from "./strip.js";

// pieces cuts a request's time into what it was spent on, in milliseconds.
export function pieces(r) {
  const out = [];
  const all = Math.max(r.duration_ms, 0.001);
  let at = 0;
  const add = (kind, ms, label) => {
    if (ms <= 0) return;
    out.push({ kind, from: at / all, width: ms / all, ms, label });
    at += ms;
  };
  const attempts = r.attempts || [];
  const tried = attempts.reduce((sum, a) => sum + a.duration_ms, 0);
  add("queue", Math.min(r.queue_ms, all), t("timeline.queued"));
  add("own", Math.max(0, all - r.queue_ms - tried), t("timeline.gateway"));
  attempts.forEach((a, i) => {
    const last = i === attempts.length - 1 && r.outcome === "ok";
    const label = `${a.provider}/${a.model} · ${a.account}` + (a.failure ? ` · ${reason(a.failure)}` : "");
    if (!last) return add("failed", a.duration_ms, label);
    const first = Math.max(0, Math.min(a.duration_ms, r.first_byte_ms - at));
    add("waiting", first, label + " · " + t("timeline.firstbyte"));
    add("stream", a.duration_ms - first > 0.5 ? a.duration_ms - first : 0, label + " · " + t("timeline.answer"));
  });
  return out;
}

export function Line({ request: r }) {
  const parts = pieces(r);
  return html`<div class="timeline">
    <div class="track" role="img" aria-label=${parts.map((p) => `${p.label}: ${took(p.ms)}`).join(", ")}>
      ${parts.map((p, i) => html`<i key=${i} class=${p.kind} title=${`${p.label}: ${took(p.ms)}`} style=${{ left: (p.from * 100).toFixed(2) + "%", width: Math.max(p.width * 100, 0.3).toFixed(2) + "%" }}></i>`)}
      ${r.first_byte_ms > 0 && html`<b class="mark" style=${{ left: Math.min(100, (r.first_byte_ms / Math.max(r.duration_ms, 0.001)) * 100).toFixed(2) + "%" }} title=${t("timeline.firstbyte") + " " + took(r.first_byte_ms)}></b>`}
    </div>
    <ul class="legend">${parts.map((p, i) => html`<li key=${i}><i class=${"swatch " + p.kind}></i>${p.label} <strong>${took(p.ms)}</strong></li>`)}</ul>
  </div>`;
}

// Estimates shows what was estimated beside what it came to.
function Estimates({ request: r }) {
  const line = (label, estimated, actual) => html`<tr><th scope="row">${label}</th><td class="num">${exact(estimated)}</td><td class="num">${exact(actual)}</td>
    <td class="num quiet">${estimated > 0 && actual > 0 ? (actual >= estimated ? "+" : "−") + percent(Math.abs(actual / estimated - 1)) : "–"}</td></tr>`;
  return html`<table class="narrow"><thead><tr><th>${t("tokens")}</th><th class="num">${t("estimated")}</th><th class="num">${t("actual")}</th><th class="num">${t("difference")}</th></tr></thead>
    <tbody>${line(t("tokens.input"), r.estimated_input_tokens, r.input_tokens)}${line(t("tokens.output"), r.estimated_output_tokens, r.output_tokens)}
    <tr><th scope="row">${t("cost")}</th><td></td><td class="num">${money(r.cost_nano_usd)}</td><td></td></tr></tbody></table>`;
}

// verdictOf is what an account said to a call, in words.
function verdictOf(c) {
  if (c.says === "room" && c.behind_ms > 0) return { state: "waiting", text: t("says.behind") };
  return { state: c.says === "room" ? "ok" : ["wait", "kept_back"].includes(c.says) ? "waiting" : "disabled", text: t("says." + c.says, { what: c.short ? t("dimension." + c.short) : "" }) };
}

// Candidates shows what each account said to a call, and the strips of its budgets.
export function Candidates({ candidates }) {
  if (!candidates?.length) return null;
  return html`<div class="stack candidates">${candidates.map((c, i) => { const v = verdictOf(c); return html`<div key=${i} class="candidate">
    <div class="row"><${Chip} state=${v.state} text=${v.text} />
      <strong>${c.target}</strong><span class="quiet">${c.account}</span>
      ${v.state !== "ok" && html`<span>${c.behind_ms < 0 ? t("candidate.nobody") : t("candidate.when", { span: span(c.behind_ms) })}</span>`}
      ${c.breaker && c.breaker !== "closed" && html`<${Chip} state=${c.breaker} text=${t("breaker.at", { account: c.account, state: t("state." + c.breaker) })} />`}
      <span class="quiet small">${t("candidate.inflight", { n: count(c.in_flight) })}</span></div>
    <div class="buckets">${(c.buckets || []).map((b) => html`<div key=${b.limit} class="row small"><span class="quiet name">${b.limit}</span>
      <${Bar} small bucket=${{ ...b, effective: b.amount, capacity: b.capacity || 0, debt: Math.max(0, -b.level), effective_rate_ratio: c.effective_rate_ratio }} />
      <span class="num">${amount(b.level, b.dimension)} / ${amount(b.capacity || b.amount, b.dimension)}</span>${c.demand?.[b.dimension] ? html`<span class=${b.level < c.demand[b.dimension] ? "later" : "quiet"}>${t("candidate.asks", { n: amount(c.demand[b.dimension], b.dimension) })}</span>` : ""}</div>`)}</div>
  </div>`; })}</div>`;
}

// refusal says why a call was refused without an attempt.
const refusal = (r) => (r.limited_by && r.limited_by !== "upstream" ? t("limited.by", { what: t("limited." + r.limited_by) }) : r.shed_reason ? reason(r.shed_reason) : r.error_code || t("outcome." + r.outcome));

// stages are a request's way: {at, name, what, state}, at in milliseconds from its arrival.
function stages(r) {
  const out = [{ at: 0, name: t("stage.estimated"), what: t("stage.estimated.what", { input: count(r.estimated_input_tokens), output: count(r.estimated_output_tokens) }) }];
  const attempts = r.attempts || [];
  const tried = attempts.reduce((sum, a) => sum + a.duration_ms, 0);
  let at = Math.max(0, r.duration_ms - r.queue_ms - tried);
  const short = (r.candidates || []).filter((c) => c.says === "wait");
  if (r.queue_ms >= 1) {
    const why = short.length && r.candidates[0].says !== "room" ? t("stage.queued.short", { accounts: [...new Set(short.map((c) => c.account))].join(", "), what: [...new Set(short.map((c) => t("dimension." + c.short)))].join(", ") }) : t(r.candidates?.some((c) => c.says === "kept_back") ? "stage.queued.kept" : "stage.queued.behind");
    out.push({ at, name: t("stage.queued"), ms: r.queue_ms, what: why, state: "waiting" });
    at += r.queue_ms;
  }
  const steps = (r.decisions || []).filter((d) => d.reason !== "no_room");
  for (const d of (r.decisions || []).filter((x) => x.reason === "no_room")) out.push({ at, name: t("stage.moved"), what: t("stage.moved.what", { from: d.from, to: d.to }), state: "waiting" });
  attempts.forEach((a, i) => {
    out.push({ at, name: t("stage.attempt", { n: i + 1 }), ms: a.duration_ms, what: t("stage.attempt.what", { account: `${a.provider}/${a.account}`, model: a.model, key: a.key }) + " · " + (a.status ? `HTTP ${a.status}` : t("attempt.none")), state: a.failure ? "disabled" : "ok" });
    at += a.duration_ms;
    if (a.failure) out.push({ at, name: t("stage.verdict"), what: reason(a.failure) + (steps[i] ? ` → ${reason(steps[i].reason)}` : ` → ${t("stage.gaveup")}`), state: "disabled" });
  });
  if (!attempts.length && r.outcome !== "ok") out.push({ at: r.duration_ms, name: t("stage.refused"), what: refusal(r), state: "disabled" });
  if (attempts.length) out.push({ at: r.duration_ms, name: t("stage.settled"), what: settled(r) });
  return out;
}

// settled says what a call came to, and what became of the rest of what it had reserved.
function settled(r) {
  const used = r.input_tokens + r.output_tokens;
  const rest = r.estimated_input_tokens + r.estimated_output_tokens - used;
  return t("stage.settled.what", { tokens: count(used), cost: money(r.cost_nano_usd) }) + (rest > 0 ? " · " + t("stage.returned", { n: count(rest) }) : rest < 0 ? " · " + t("stage.owed", { n: count(-rest) }) : "");
}

export function Steps({ request: r }) {
  return html`<ol class="stages">${stages(r).map((s, i) => html`<li key=${i}><span class="num quiet small">+${took(s.at)}</span><span>${s.state ? html`<${Chip} state=${s.state} text=${s.name} />` : html`<strong>${s.name}</strong>`}</span><span class="soft">${s.what}${s.ms > 0 ? html` <span class="quiet nowrap">(${took(s.ms)})</span>` : ""}</span></li>`)}</ol>`;
}

// Story is all of one request.
export function Story({ request: r }) {
  return html`<div class="stack">
    <div class="row"><${Chip} state=${r.outcome} text=${t("outcome." + r.outcome)} /><span>HTTP ${r.status}</span>${r.error_code && html`<code>${r.error_code}</code>`}
      ${r.spared_429 && html`<span class="tag">${t("timeline.spared")}</span>`}${r.limited_by && html`<span class="tag">${t("limited.by", { what: t("limited." + r.limited_by) })}</span>`}
      ${r.cache && html`<span class="tag">${t("cache." + r.cache)}</span>`}
      ${r.shadow?.map((s) => html`<span key=${s} class="tag">${t("shadow", { what: s })}</span>`)}</div>
    ${r.error && html`<p class="soft">${r.error}</p>`}
    <${Line} request=${r} />
    <div class="cols wide"><div><h3>${t("timeline.steps")}</h3><${Steps} request=${r} /></div><${Estimates} request=${r} /></div>
    ${r.candidates?.length > 0 && html`<div><h3>${t("timeline.candidates")}</h3><p class="quiet small">${t("timeline.candidates.about")}</p><${Candidates} candidates=${r.candidates} /></div>`}
  </div>`;
}
