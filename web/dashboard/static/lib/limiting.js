// The one sentence of what limits now, from the parts that the gateway tells.
import { t } from "./i18n.js";
import { count, span } from "./format.js";
import { href } from "./router.js";
import { classes } from "../parts/lanes.js";

const entries = (m) => Object.entries(m || {}).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));

// byClass says how many calls of which class: of one class in its own words, of several
// together.
function byClass(name, counts) {
  const some = classes.filter((c) => counts?.[c]);
  if (some.length < 2) return some.map((c) => t(name, { n: counts[c], class: t("class." + c) }));
  return [t(name + ".many", { n: some.reduce((a, c) => a + counts[c], 0), each: some.map((c) => t("limiting.each", { n: counts[c], class: t("class." + c) })).join(", ") })];
}

// sentence says it as a person would.
export function sentence(l) {
  const now = [];
  const lately = [];
  if (l?.group) {
    const values = { account: l.account, group: l.group, what: t("dimension." + l.dimension), span: span(l.wait_ms) };
    const name = "limiting.out" + (l.group === "*" ? ".all" : "");
    now.push(t(l.wait_ms > 0 ? name : name + ".unknown", values));
  }
  now.push(...byClass("limiting.waiting", l?.waiting));
  const moved = entries(l?.moved);
  if (moved.length) lately.push(t("limiting.moved", { n: moved[0][1], to: moved[0][0] }) + moved.slice(1).map(([to, n]) => t("limiting.moved.more", { n, to })).join(""));
  lately.push(...byClass("limiting.shed", l?.shed));
  for (const [key, n] of entries(l?.limited)) lately.push(t("limiting.limited", { n, key }));
  if (lately.length) lately[0] = t(now.length ? "limiting.lately" : "limiting.lately.first", { what: lately[0] });
  const parts = [...now, ...lately];
  return parts.length ? parts.join(t("limiting.join")) + "." : t("limiting.nothing");
}

// cause is the page that shows more of it.
export function cause(l) {
  if (l?.group) return href("budgets", [], { q: l.account });
  if (Object.keys(l?.shed || {}).length || Object.keys(l?.waiting || {}).length) return href("now");
  if (Object.keys(l?.moved || {}).length) return href("routes");
  if (Object.keys(l?.limited || {}).length) return href("budgets", [], { scope: "client_key" });
  return href("now");
}

// alertSays is an alert in a sentence: of a metric that this page knows its own, else the
// gateway's.
export function alertSays(a) {
  const l = a.labels || {};
  const name = "alert.says." + a.metric;
  const whose = l.scope ? `${t("limited." + l.scope)} ${l.name}` : "";
  const where = [l.provider, l.account].filter(Boolean).join("/");
  const shares = ["spend", "error_rate", "key_error_rate", "shed_rate"];
  const spans = { queue_wait: 1000, queue_oldest: 1000, ledger_lag: 1000, key_expires: 864e5 };
  const value = shares.includes(a.metric) ? Math.round(a.value * 1000) / 10 + " %" : spans[a.metric] ? span(Math.max(0, a.value) * spans[a.metric]) : count(a.value);
  const text = t(name, { key: l.key, where, whose, value, n: value });
  return text === name ? a.message || "" : text;
}
