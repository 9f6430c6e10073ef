// Numbers and times as people read them: three significant digits, a unit always, in the
// viewer's zone and language.
import { t, language } from "./i18n.js";

// three writes a number with three significant digits.
function three(n) {
  const a = Math.abs(n);
  if (a >= 99.95 || Number.isInteger(n)) return n.toFixed(0);
  if (a >= 1) return n.toFixed(a >= 9.995 ? 1 : 2);
  return a < 0.001 ? n.toFixed(4) : String(+n.toPrecision(2));
}

// count writes an amount: 950, 12.3k, 4.05M.
export function count(n) {
  if (n === null || n === undefined || Number.isNaN(n)) return "–";
  const a = Math.abs(n);
  if (a < 1000) return Number.isInteger(n) ? String(n) : three(n);
  for (const [unit, size] of [["k", 1e3], ["M", 1e6], ["G", 1e9], ["T", 1e12]]) {
    if (a < size * 999.5) return three(n / size) + unit;
  }
  return n.toExponential(2);
}

// exact writes a whole number with its thousands apart.
export const exact = (n) => (n ?? 0).toLocaleString("en-US").replaceAll(",", " ");

const unit = (name, n) => t("span." + name, { n });

// span writes a wait or an age given in milliseconds, as exactly as one needs to act on
// it: 0.4 ms, 320 ms, 3.2 s, 4 min 10 s, 2 h 5 min, 3 d.
export function span(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms) || ms < 0) return "–";
  if (ms < 1000) return unit("ms", ms < 10 && !Number.isInteger(ms) ? ms.toFixed(1) : Math.round(ms));
  const s = ms / 1000;
  if (s < 60) return unit("s", s < 10 ? s.toFixed(1) : Math.round(s));
  const whole = Math.round(s);
  if (s < 3600) return unit("min", Math.floor(whole / 60)) + (whole % 60 ? " " + unit("s", whole % 60) : "");
  const minutes = Math.round(s / 60);
  if (s < 172800) return unit("h", Math.floor(minutes / 60)) + (minutes % 60 ? " " + unit("min", minutes % 60) : "");
  return unit("d", Math.round(s / 86400));
}

// whole writes an age in whole units, coarser the longer it is.
export function whole(ms) {
  if (ms < 59_500) return unit("s", Math.max(1, Math.round(ms / 1e3)));
  return span(ms < 36e5 ? Math.round(ms / 6e4) * 6e4 : Math.round(ms / 36e5) * 36e5);
}

// took writes a duration that was measured, with three significant digits.
export function took(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms) || ms < 0) return "–";
  if (ms < 999.5) return unit("ms", three(ms));
  return ms < 59_950 ? unit("s", three(ms / 1000)) : span(ms);
}

// duration writes a duration of the configuration, such as 1m30s.
export function duration(text) {
  const size = { h: 36e5, m: 6e4, s: 1e3, ms: 1 };
  let ms = 0;
  for (const [, n, u] of String(text).matchAll(/([\d.]+)(ms|[hms])/g)) ms += n * size[u];
  return ms || /^0/.test(text) ? (ms >= 1000 && ms < 60_000 && ms % 1000 === 0 ? unit("s", ms / 1000) : span(ms)) : String(text);
}

// percent writes a share.
export function percent(x, digits) {
  if (x === null || x === undefined || Number.isNaN(x)) return "–";
  const p = x * 100;
  return (digits !== undefined ? p.toFixed(digits) : Math.abs(p) >= 99.95 || p === 0 ? p.toFixed(0) : three(p)) + " %";
}

// money writes nano-dollars.
export function money(nano) {
  if (nano === null || nano === undefined) return "–";
  const d = nano / 1e9;
  const a = Math.abs(d);
  if (d === 0) return "$0";
  const sign = d < 0 ? "−$" : "$";
  if (a < 1) return sign + a.toPrecision(3);
  if (a < 1000) return sign + a.toFixed(2);
  return sign + count(a);
}

// amount writes a bucket's amount in its dimension's own unit.
export function amount(n, dimension) {
  return dimension === "cost" ? money(n) : count(n);
}

// bytes writes a size.
export function bytes(n) {
  for (const [unit, size] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
    if (n >= size) return three(n / size) + " " + unit;
  }
  return n + " B";
}

// clock writes a moment of today as 14:03:07, another day's with its date.
export function clock(t) {
  const d = new Date(t);
  if (Number.isNaN(d.getTime())) return "–";
  const time = d.toLocaleTimeString("en-GB");
  return d.toDateString() === new Date().toDateString() ? time : `${day(d)} ${time}`;
}

// day writes a date as 2027-01-31, in the viewer's zone.
export function day(t) {
  const d = new Date(t);
  const two = (n) => String(n).padStart(2, "0");
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}

// moment writes a moment in full, with its zone: what stands behind a relative time.
export function moment(t) {
  const d = new Date(t);
  if (Number.isNaN(d.getTime())) return "–";
  return d.toLocaleString(language() === "ko" ? "ko-KR" : "en-GB", { dateStyle: "medium", timeStyle: "long" });
}

// ago is how long a moment is past, in milliseconds.
export const ago = (t, now = Date.now()) => Math.max(0, now - new Date(t).getTime());
