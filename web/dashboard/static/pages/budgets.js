// Budgets: every bucket as a live strip; upstreams first, then owners, routes and keys.
import { html, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { useStore } from "../lib/store.js";
import { live } from "../lib/live.js";
import { href, refine } from "../lib/router.js";
import { amount, span, percent } from "../lib/format.js";
import { who } from "../lib/who.js";
import { Row, Head, Bar, Legend, per, when, useOrder, bucketID } from "../parts/strip.js";
import { Loading, Empty } from "../parts/states.js";
import { Search } from "../parts/field.js";
import { Dialog } from "../parts/dialog.js";
import { LazyRows } from "../parts/lazy.js";
import { Tabs } from "../parts/chips.js";

const scopes = ["upstream", "owner", "route", "client_key"];

// place is the page of whatever has the bucket.
function place(b) {
  if (b.scope === "route") return href("routes", [b.name]);
  if (b.scope === "owner") return href("keys", ["owners"], { q: b.name });
  if (b.scope === "client_key") return href("keys", [], { q: b.name });
  return href("upstreams", [], { q: b.name.split("/")[1] });
}

// Detail is one bucket in figures, live.
function Detail({ bucket: b, typical, close }) {
  const demand = typical?.[b.dimension] ?? 1;
  const wait = when(b, demand);
  const pairs = [
    ["budget.limit", b.learned ? t("budget.unconfigured") : per(b.amount, b)], ["budget.told", b.told ? per(b.told, b) : b.learned ? per(b.amount, b) : "–"],
    ["budget.ratio", percent(b.effective_rate_ratio)], ["budget.effective", per(b.effective, b)],
    ["budget.capacity", amount(b.capacity, b.dimension)], ["budget.level", amount(b.level, b.dimension)], ["budget.reserved", amount(b.reserved, b.dimension)],
    ["budget.debt", b.debt ? amount(b.debt, b.dimension) : t("no")], ["budget.full", b.full_in_ms < 0 ? t("strip.unknown") : b.full_in_ms === 0 ? t("budget.full.now") : span(b.full_in_ms)],
    ["budget.typical", `${amount(demand, b.dimension)} · ${wait === 0 ? t("strip.now") : wait < 0 ? t("strip.unknown") : t("ahead", { span: span(wait) })}`],
    ["budget.kind", t("budget.kind." + b.kind)],
  ];
  return html`<${Dialog} title=${`${b.name} · ${b.limit}`} close=${close}><${Bar} bucket=${b} />
    <dl class="pairs">${pairs.map(([k, v]) => html`<dt key=${k}>${t(k)}</dt><dd>${v}</dd>`)}</dl><p><a href=${place(b)} onClick=${close}>${t("budget.where." + b.scope)}</a></p><${Legend} /><//>`;
}

export function Page({ at }) {
  const state = useStore(live);
  const [open, setOpen] = useState(null);
  const scope = at.query.scope || (who.get().role === "key-owner" ? "owner" : "upstream");
  const words = (at.query.q || "").toLowerCase();
  const all = Object.values(state?.budgets || {});
  const rows = useOrder(all.filter((b) => b.scope === scope && `${b.name} ${b.limit}`.toLowerCase().includes(words)), bucketID);
  if (!state) return html`<${Loading} />`;
  const count = (s) => all.filter((b) => b.scope === s).length;
  return html`<div class="pagehead"><h1>${t("page.budgets")}</h1><span class="quiet small">${t("budget.about")}</span><span class="grow"></span>
      <${Search} label=${t("budget.search")} value=${at.query.q || ""} set=${(q) => refine({ q })} /></div>
    <${Tabs} label=${t("page.budgets")} at=${scope} tabs=${scopes.filter((s) => count(s) || s === scope).map((s) => ({ name: s, href: href("budgets", [], { scope: s }), label: `${t("scope." + s)} (${count(s)})` }))} />
    ${rows.length === 0 ? html`<${Empty}><p>${t(words ? "list.nothing" : "budget.none." + scope)}</p><//>`
      : html`<section class="band"><${Head} /><div class="strips"><${LazyRows} rows=${rows} height=${31} row=${(b) => html`<${Row} key=${bucketID(b)} bucket=${b} typical=${state.now.typical} onOpen=${() => setOpen(bucketID(b))} />`} /></div><${Legend} /></section>`}
    ${scope === "client_key" && count(scope) >= 100 && html`<p class="quiet small">${t("budget.keys.most")}</p>`}
    ${open && state.budgets[open] && html`<${Detail} bucket=${state.budgets[open]} typical=${state.now.typical} close=${() => setOpen(null)} />`}`;
}
