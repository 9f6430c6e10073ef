// The headroom strip: one bucket as a bar. On one scale, where 1 is the configured limit:
// what is free, what calls in flight hold, debt below zero, and ticks for the rate that is
// in force, the configured limit and the provider's own word. It is the same everywhere.
import { html, cx, useRef } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { amount, span, percent } from "../lib/format.js";

// shares are a bucket's parts of the configured limit. What a full bucket holds follows the
// rate that is in force, so the scale is what it would hold at the configured one.
export function shares(b) {
  const inForce = b.amount > 0 && b.effective > 0 ? Math.min(b.effective / b.amount, 1) : 1;
  const full = b.capacity > 0 ? b.capacity / inForce : Math.max(b.amount, 1);
  const part = (n) => n / full;
  return {
    free: Math.max(0, part(b.level)),
    reserved: Math.max(0, part(b.reserved)),
    debt: Math.max(0, part(b.debt || -Math.min(b.level, 0))),
    force: b.effective_rate_ratio > 0 && b.effective_rate_ratio < 0.999 ? inForce : 1,
    told: b.told > 0 && b.amount > 0 ? b.told / b.amount : 0,
  };
}

// scarcity orders buckets, the scarcest first.
export function scarcity(b) {
  const s = shares(b);
  return s.free - s.debt;
}

// when is how long until a demand fits, in milliseconds; 0: now, -1: nobody knows.
export function when(b, demand) {
  const short = demand - b.level;
  if (short <= 0) return 0;
  const rate = b.effective || b.amount * (b.effective_rate_ratio || 1); // one a minute, less the margin, is none in whole numbers
  if (!b.window_ms || !rate) return -1;
  if ((demand > b.capacity && b.capacity > 0) || b.kind === "calendar") return b.full_in_ms;
  return Math.ceil(short / (rate / b.window_ms));
}

const pct = (x) => (Math.max(0, Math.min(1, x)) * 100).toFixed(2) + "%";

// Bar is the picture alone; small: for where a limit is only mentioned.
export function Bar({ bucket: b, small }) {
  const s = shares(b);
  const left = s.debt > 0 ? Math.min(0.3, s.debt) : 0;   // room for debt, left of zero
  const room = 1 - left;
  const free = Math.min(s.free, 1);
  const reserved = Math.min(s.reserved, Math.max(0, 1 - free));
  const says = t(b.debt > 0 ? "strip.says.debt" : "strip.says", {
    free: amount(Math.max(b.level, 0), b.dimension), limit: amount(b.capacity || b.amount, b.dimension), reserved: amount(b.reserved, b.dimension),
    debt: amount(b.debt, b.dimension),
  });
  return html`<div class=${cx("strip", small && "small")} role="img" aria-label=${says} title=${says}>
    ${left > 0 && html`<i class="debt move" style=${{ left: 0, width: pct(left) }}></i>`}
    <i class="free move" style=${{ left: pct(left), width: pct(free * room) }}></i>
    <i class="reserved move" style=${{ left: pct(left + free * room), width: pct(reserved * room) }}></i>
    ${left > 0 && html`<b class="zero" style=${{ left: pct(left) }}></b>`}
    ${s.force < 0.999 && html`<b class="adapted" style=${{ left: pct(left + s.force * room) }} title=${t("strip.adapted", { share: percent(s.force) })}></b>`}
    ${s.told > 0 && s.told < 1 && html`<b class="learned" style=${{ left: pct(left + s.told * room) }} title=${t("strip.told", { n: per(b.told, b) })}></b>`}
    <b class=${cx("limit", b.learned && "learned")} style=${{ left: "100%" }}></b>
  </div>`;
}

// windowName writes per what a limit counts.
export function windowName(ms) {
  const known = { 1000: "second", 60000: "minute", 3600000: "hour", 86400000: "day" };
  if (!ms) return t("window.inflight");
  if (known[ms]) return t("window." + known[ms]);
  return ms > 27 * 864e5 ? t("window.month") : t("window.other", { span: span(ms) });
}

// holder writes whose bucket it is, in parts.
export function holder(b) {
  if (b.scope !== "upstream") return { first: b.name, rest: t("limited." + b.scope) };
  const [provider, account, ...group] = b.name.split("/");
  const models = group.join("/");
  return { first: account, rest: models === "*" ? provider : `${provider} · ${models}` };
}

// per writes a limit as it is spoken: 29.7k tokens per minute, 10 calls in flight.
export function per(n, b) {
  if (b.dimension === "cost") return `${amount(n, b.dimension)} ${windowName(b.window_ms)}`;
  return t("limit.per", { n: amount(n, b.dimension), what: t("dimension." + b.dimension), window: b.window_ms ? windowName(b.window_ms) : "" }).trim();
}

// limitTitle is what stands behind a limit: what is configured, told and in force.
export function limitTitle(b) {
  return [t(b.learned ? "strip.learned" : "strip.configured", { what: per(b.amount, b) }), b.told > 0 && t("strip.told", { n: per(b.told, b) }),
    b.effective_rate_ratio < 0.999 && t("strip.adapted", { share: percent(b.effective_rate_ratio) })].filter(Boolean).join("\n");
}

// Row is one strip with its words and the next moment that a typical call fits.
export function Row({ bucket: b, typical, onOpen }) {
  const who = holder(b);
  const wait = when(b, typical?.[b.dimension] ?? 1);
  return html`<div class="striprow">
    <div class="who clip" title=${b.name}>${onOpen ? html`<button class="link" onClick=${onOpen}>${who.first}</button>` : html`<strong>${who.first}</strong>`} <span class="quiet">${who.rest}</span></div>
    <div class="what quiet clip" title=${limitTitle(b)}>${per(b.effective || b.amount, b)}</div>
    <${Bar} bucket=${b} />
    <div class=${cx("num level", b.level < 0 && "owed")}>${amount(b.level, b.dimension)} <span class="quiet">/ ${amount(b.capacity || b.amount, b.dimension)}</span></div>
    <div class=${cx("num wait", wait > 0 && "later")}>${wait === 0 ? t("strip.now") : wait < 0 ? t("strip.unknown") : span(wait)}</div>
  </div>`;
}

// Head names the columns of rows.
export const Head = () => html`<div class="striphead striprow small quiet"><div>${t("budget.holder")}</div><div>${t("budget.what")}</div><div>${t("budget.headroom")}</div><div class="num" title=${t("budget.left.about")}>${t("budget.left")}</div><div class="num" title=${t("budget.next.about")}>${t("budget.next")}</div></div>`;

// Mini is a strip where a limit is only mentioned: its name, the small bar, what is free.
export function Mini({ bucket: b, label }) {
  const s = shares(b);
  return html`<span class="minibox" title=${`${b.name} ${b.limit}\n${limitTitle(b)}`}><span class="small clip"><span class="soft">${label ?? b.limit}</span> <span class=${cx("quiet", s.debt > 0 && "owed")}>${amount(b.level, b.dimension)}</span></span><${Bar} bucket=${b} small /></span>`;
}

// useOrder keeps rows in the order of scarcity, which it looks at every few seconds: rows
// that change places each second cannot be read, nor clicked.
export function useOrder(rows, id, every = 5000) {
  const kept = useRef({ at: 0, place: new Map() });
  const k = kept.current;
  if (Date.now() - k.at >= every || rows.some((b) => !k.place.has(id(b)))) {
    const order = [...rows].sort((a, b) => Math.round(scarcity(a) * 50) - Math.round(scarcity(b) * 50) || id(a).localeCompare(id(b)));
    kept.current = { at: Date.now(), place: new Map(order.map((b, i) => [id(b), i])) };
  }
  const { place } = kept.current;
  return [...rows].sort((a, b) => place.get(id(a)) - place.get(id(b)));
}

// bucketID is a bucket's name among all.
export const bucketID = (b) => `${b.scope}/${b.name}/${b.limit}`;

export function Legend() {
  return html`<ul class="legend">
    <li><i class="strip swatch"><i class="free"></i></i>${t("legend.free")}</li>
    <li><i class="strip swatch"><i class="reserved"></i></i>${t("legend.reserved")}</li>
    <li><i class="strip swatch"><i class="debt"></i></i>${t("legend.debt")}</li>
    <li><i class="strip swatch"><b class="adapted mid"></b></i>${t("legend.adapted")}</li>
    <li><i class="strip swatch"><b class="learned mid"></b></i>${t("legend.learned")}</li>
    <li><i class="strip swatch"><b class="limit mid"></b></i>${t("legend.limit")}</li>
  </ul>`;
}
