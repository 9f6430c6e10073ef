// Numbers and times as people read them: three significant digits, a unit always.

// three writes a number with three significant digits.
function three(n) {
  const a = Math.abs(n);
  if (a >= 100 || Number.isInteger(n)) return n.toFixed(0);
  return n.toFixed(a >= 10 ? 1 : 2);
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

// span writes a duration given in milliseconds: 0.4 ms, 320 ms, 3.2 s, 4 min 10 s, 2 h 5 min, 3 d.
export function span(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms) || ms < 0) return "–";
  if (ms < 1000) return (ms < 10 && !Number.isInteger(ms) ? ms.toFixed(1) : Math.round(ms)) + " ms";
  const s = ms / 1000;
  if (s < 60) return (s < 10 ? s.toFixed(1) : Math.round(s)) + " s";
  const whole = Math.round(s);
  if (s < 3600) return `${Math.floor(whole / 60)} min` + (whole % 60 ? ` ${whole % 60} s` : "");
  const minutes = Math.round(s / 60);
  if (s < 172800) return `${Math.floor(minutes / 60)} h` + (minutes % 60 ? ` ${minutes % 60} min` : "");
  return `${Math.round(s / 86400)} d`;
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
  if (a < 0.01) return "$" + d.toPrecision(2);
  if (a < 1000) return "$" + d.toFixed(2);
  return "$" + count(d);
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

// ago is how long a moment is past, in milliseconds.
export const ago = (t, now = Date.now()) => Math.max(0, now - new Date(t).getTime());
