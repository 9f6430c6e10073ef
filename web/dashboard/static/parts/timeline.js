// One request as a line from its arrival to its last byte: queued, attempts with their
// verdicts, first byte, stream. Under it: estimate beside actual, what every candidate
// said, and the steps that were taken.
import { html, cx } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { span, count, money, exact, percent } from "../lib/format.js";
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
    const label = `${a.provider}/${a.model} · ${a.account}` + (a.failure ? ` · ${a.failure}` : "");
    if (!last) return add("failed", a.duration_ms, label);
    const first = Math.max(0, Math.min(a.duration_ms, r.first_byte_ms - at));
    add("waiting", first, label + " · " + t("timeline.firstbyte"));
    add("stream", a.duration_ms - first, label + " · " + t("timeline.answer"));
  });
  return out;
}

export function Line({ request: r }) {
  const parts = pieces(r);
  return html`<div class="timeline">
    <div class="track" role="img" aria-label=${parts.map((p) => `${p.label}: ${span(p.ms)}`).join(", ")}>
      ${parts.map((p, i) => html`<i key=${i} class=${p.kind} title=${`${p.label}: ${span(p.ms)}`} style=${{ left: (p.from * 100).toFixed(2) + "%", width: Math.max(p.width * 100, 0.3).toFixed(2) + "%" }}></i>`)}
      ${r.first_byte_ms > 0 && html`<b class="mark" style=${{ left: Math.min(100, (r.first_byte_ms / Math.max(r.duration_ms, 0.001)) * 100).toFixed(2) + "%" }} title=${t("timeline.firstbyte") + " " + span(r.first_byte_ms)}></b>`}
    </div>
    <ul class="legend">${parts.map((p, i) => html`<li key=${i}><i class=${"swatch " + p.kind}></i>${p.label} <strong>${span(p.ms)}</strong></li>`)}</ul>
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

// Candidates shows what each account said to a call, and the strips of its budgets.
export function Candidates({ candidates }) {
  if (!candidates?.length) return null;
  return html`<div class="stack candidates">${candidates.map((c, i) => html`<div key=${i} class="candidate">
    <div class="row"><${Chip} state=${c.says === "room" ? "ok" : c.says === "wait" ? "waiting" : "disabled"} text=${t("says." + c.says, { what: c.short ? t("dimension." + c.short) : "" })} />
      <strong>${c.target}</strong><span class="quiet">${c.account}</span>
      ${c.says !== "room" && html`<span>${c.behind_ms < 0 ? t("candidate.nobody") : t("candidate.when", { span: span(c.behind_ms) })}</span>`}
      ${c.breaker && c.breaker !== "closed" && html`<${Chip} state=${c.breaker} />`}
      <span class="quiet small">${t("candidate.inflight", { n: count(c.in_flight) })}</span></div>
    <div class="buckets">${(c.buckets || []).map((b) => html`<div key=${b.limit} class="row small"><span class="quiet name">${b.limit}</span>
      <${Bar} small bucket=${{ ...b, effective: b.amount, capacity: 0, debt: Math.max(0, -b.level), effective_rate_ratio: c.effective_rate_ratio }} />
      <span class="num">${count(b.level)} / ${count(b.amount)}</span>${c.demand?.[b.dimension] ? html`<span class="quiet">${t("candidate.asks", { n: count(c.demand[b.dimension]) })}</span>` : ""}</div>`)}</div>
  </div>`)}</div>`;
}

export function Steps({ request: r }) {
  return html`<ol class="steps">
    ${(r.decisions || []).map((d, i) => html`<li key=${"d" + i}>${t("reason." + d.reason)}: <span class="soft">${d.from}${d.to ? " → " + d.to : ""}</span></li>`)}
    ${(r.attempts || []).map((a, i) => html`<li key=${"a" + i}><${Chip} state=${a.failure ? "disabled" : "ok"} text=${a.failure || t("attempt.answered")} />
      ${" "}${a.provider}/${a.model} · ${a.account} <span class="quiet mono">${a.key}</span> ${a.status ? `HTTP ${a.status}` : t("attempt.none")} · ${span(a.duration_ms)}</li>`)}
  </ol>`;
}

// Story is all of one request.
export function Story({ request: r }) {
  return html`<div class="stack">
    <div class="row"><${Chip} state=${r.outcome} text=${t("outcome." + r.outcome)} /><span>HTTP ${r.status}</span>${r.error_code && html`<code>${r.error_code}</code>`}
      ${r.spared_429 && html`<span class="tag">${t("timeline.spared")}</span>`}${r.limited_by && html`<span class="tag">${t("limited.by", { what: t("limited." + r.limited_by) })}</span>`}
      ${r.cache && html`<span class="tag">${t("cache." + r.cache)}</span>`}
      ${r.shadow?.map((s) => html`<span key=${s} class="tag">${t("shadow", { what: s })}</span>`)}</div>
    <${Line} request=${r} />
    <div class="cols"><${Estimates} request=${r} /><div><h3>${t("timeline.steps")}</h3><${Steps} request=${r} /></div></div>
    ${r.candidates?.length > 0 && html`<div><h3>${t("timeline.candidates")}</h3><${Candidates} candidates=${r.candidates} /></div>`}
  </div>`;
}
