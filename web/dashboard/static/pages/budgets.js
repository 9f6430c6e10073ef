// Budgets: every bucket as a live strip; upstreams first, then owners, routes and keys.
import { html, useMemo, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { useStore } from "../lib/store.js";
import { live } from "../lib/live.js";
import { refine } from "../lib/router.js";
import { amount, span, percent } from "../lib/format.js";
import { Row, Bar, scarcity, Legend, windowName } from "../parts/strip.js";
import { Loading, Empty } from "../parts/states.js";
import { Search } from "../parts/field.js";
import { Dialog } from "../parts/dialog.js";
import { Tabs } from "../parts/chips.js";
import { href } from "../lib/router.js";
import { who } from "../lib/who.js";

const scopes = ["upstream", "owner", "route", "client_key"];

// Detail is one bucket in figures.
function Detail({ bucket: b, close }) {
  const pairs = [
    ["budget.limit", `${amount(b.amount, b.dimension)} ${windowName(b.window_ms)}`], ["budget.effective", `${amount(b.effective, b.dimension)} ${windowName(b.window_ms)}`],
    ["budget.level", amount(b.level, b.dimension)], ["budget.capacity", amount(b.capacity, b.dimension)], ["budget.reserved", amount(b.reserved, b.dimension)],
    ["budget.debt", amount(b.debt, b.dimension)], ["budget.ratio", percent(b.effective_rate_ratio)],
    ["budget.told", b.told ? amount(b.told, b.dimension) : "–"], ["budget.learned", t(b.learned ? "yes" : "no")], ["budget.full", b.full_in_ms < 0 ? t("strip.unknown") : span(b.full_in_ms)],
  ];
  return html`<${Dialog} title=${`${b.name} · ${b.limit}`} close=${close}><${Bar} bucket=${b} />
    <dl class="pairs">${pairs.map(([k, v]) => html`<dt key=${k}>${t(k)}</dt><dd>${v}</dd>`)}</dl><${Legend} /><//>`;
}

export function Page({ at }) {
  const state = useStore(live);
  const [open, setOpen] = useState(null);
  const scope = at.query.scope || (who.get().role === "key-owner" ? "owner" : "upstream");
  const words = (at.query.q || "").toLowerCase();
  const rows = useMemo(() => Object.values(state?.budgets || {}).filter((b) => b.scope === scope && `${b.name} ${b.limit}`.toLowerCase().includes(words))
    .sort((a, b) => scarcity(a) - scarcity(b) || a.name.localeCompare(b.name)), [state, scope, words]);
  if (!state) return html`<${Loading} />`;
  const count = (s) => Object.values(state.budgets).filter((b) => b.scope === s).length;
  return html`<div class="pagehead"><h1>${t("page.budgets")}</h1><span class="grow"></span>
      <${Search} label=${t("budget.search")} value=${at.query.q || ""} set=${(q) => refine({ q })} /></div>
    <${Tabs} label=${t("page.budgets")} at=${scope} tabs=${scopes.filter((s) => count(s) || s === scope).map((s) => ({ name: s, href: href("budgets", [], { scope: s }), label: `${t("scope." + s)} (${count(s)})` }))} />
    ${rows.length === 0 ? html`<${Empty}><p>${t(words ? "list.nothing" : "budget.none." + scope)}</p><//>`
      : html`<section class="band"><div class="striphead striprow small quiet"><div>${t("budget.holder")}</div><div>${t("budget.what")}</div><div>${t("budget.headroom")}</div><div class="num">${t("budget.left")}</div><div class="num">${t("budget.next")}</div></div>
        <div class="strips">${rows.map((b) => html`<${Row} key=${b.name + b.limit} bucket=${b} typical=${state.now.typical} onOpen=${() => setOpen(`${b.scope}/${b.name}/${b.limit}`)} />`)}</div><${Legend} /></section>`}
    ${open && state.budgets[open] && html`<${Detail} bucket=${state.budgets[open]} close=${() => setOpen(null)} />`}`;
}
