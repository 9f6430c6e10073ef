// Keys and owners: who may call, how much, and what they have used.
import { html, useMemo, useState } from "../lib/dom.js";
import { t, known } from "../lib/i18n.js";
import { all, get, patch, post, remove } from "../lib/api.js";
import { useLoad, usePages, useCalm } from "../lib/load.js";
import { href, refine, go } from "../lib/router.js";
import { count, day, money, span } from "../lib/format.js";
import { can, operators, who } from "../lib/who.js";
import { useStore } from "../lib/store.js";
import { live } from "../lib/live.js";
import { List } from "../parts/list.js";
import { Row, Head, Mini, scarcity } from "../parts/strip.js";
import { Figure } from "../parts/chart.js";
import { Lines } from "../parts/firstcall.js";
import { Ago } from "../parts/time.js";
import { Chip, Tabs, Tag } from "../parts/chips.js";
import { Dialog, Confirm } from "../parts/dialog.js";
import { Search, Text, Choice, Code } from "../parts/field.js";
import { Loading, Failure, Empty } from "../parts/states.js";
import { KeyFields, Limits, draft, body, useForm, Trouble } from "../parts/keyform.js";
import { say, complain } from "../parts/toast.js";

const stateOf = (k) => (k.state === "active" ? "enabled" : k.state);

// Secret shows a new key, once, with lines to paste.
function Secret({ made, close }) {
  const { data: about } = useLoad(() => get("/about"));
  const model = (made.models || []).find((m) => !m.includes("*")) || about?.routes?.find((r) => (made.models || ["*"]).some((m) => matches(m, r))) || "MODEL";
  return html`<${Dialog} title=${t("key.made", { name: made.name })} close=${close} wide>
    <p class="notice waiting">${t("key.once")}</p>
    ${made.warnings?.map((w) => html`<p key=${w} class="notice">${w}</p>`)}
    <${Code} text=${made.key} label=${t("key.secret")} />
    <p class="soft">${t("key.lines", { model })}</p>
    <${Lines} about=${about} secret=${made.key} model=${model} />
    <div class="row end"><button class="main" onClick=${close}>${t("key.copied")}</button></div>
  <//>`;
}

// matches says whether a pattern, in which * stands for any text, is for a route.
const matches = (pattern, route) => new RegExp("^" + pattern.split("*").map((x) => x.replace(/[^\w]/g, "\\$&")).join(".*") + "$").test(route);

// ledgerID is what the ledger calls a key: those of the file by their names.
const ledgerID = (row) => (row.source === "file" ? row.name : row.id);

function Create({ close, done, owners }) {
  const { data: about } = useLoad(() => get("/about"));
  const form = useForm(draft(), (d) => post("/keys", body(d)), done);
  return html`<${Dialog} title=${t("key.create")} close=${close} wide><form class="stack" onSubmit=${form.submit}>
    <${KeyFields} ...${form} owners=${owners} routes=${about?.routes} /><${Trouble} error=${form.error} />
    <div class="row end"><button type="button" onClick=${close}>${t("cancel")}</button><button class="main" disabled=${form.busy}>${t("key.create")}</button></div></form><//>`;
}

function Edit({ row, close, done, owners }) {
  const form = useForm(draft(row), (d) => patch("/keys/" + row.id, { ...body(d, row.limits), version: row.version }), done);
  return html`<${Dialog} title=${t("key.edit", { name: row.name })} close=${close} wide><form class="stack" onSubmit=${form.submit}>
    <${KeyFields} ...${form} owners=${owners} /><${Trouble} error=${form.error} />
    <div class="row end"><button type="button" onClick=${close}>${t("cancel")}</button><button class="main" disabled=${form.busy}>${t("save")}</button></div></form><//>`;
}

function Rotate({ row, close, done }) {
  const [grace, setGrace] = useState("24h");
  return html`<${Confirm} title=${t("key.rotate", { name: row.name })} says=${t("key.rotate.says")} verb=${t("key.rotate.verb")} danger=${false} close=${close}
    act=${async () => done(await post(`/keys/${row.id}/rotate`, { grace }))}>
    <${Choice} label=${t("key.grace")} value=${grace} set=${setGrace} options=${[["0s", t("key.grace.none")], ["1h", span(36e5)], ["24h", span(864e5)], ["168h", span(7 * 864e5)]]} /><//>`;
}

// useUsage is what a key has used on each of the last days, in the viewer's zone.
function useUsage(row) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const from = useMemo(() => { const d = new Date(); d.setHours(0, 0, 0, 0); d.setDate(d.getDate() - 29); return d; }, []);
  const { data } = useLoad(() => (row ? get("/usage", { group_by: "day", key_id: ledgerID(row), zone, from: from.toISOString() }) : Promise.resolve(null)), [row?.id], 30_000);
  return useMemo(() => {
    if (!data) return null;
    const at = new Map(data.data.map((r) => [r.group.day, r]));
    return Array.from({ length: 30 }, (_, i) => { const d = new Date(from); d.setDate(d.getDate() + i); return at.get(day(d)) || null; });
  }, [data]);
}

// Revoke asks with what the key does now.
function Revoke({ row, days, close, again }) {
  const today = days?.at(-1)?.requests || 0;
  return html`<${Confirm} title=${t("key.revoke", { name: row.name })} says=${t(today ? "key.revoke.busy" : "key.revoke.idle", { n: count(today) })} verb=${t("key.revoke.verb")} close=${close}
    act=${async () => { await remove("/keys/" + row.id); say(t("key.revoked", { name: row.name })); again(); }}><p>${t("key.revoke.says")}</p><p class="quiet">${t("key.revoke.instead")}</p><//>`;
}

// Sums are what was used in the last days, with a line of them.
function Sums({ days }) {
  const sum = (f) => (days || []).reduce((a, r) => a + (r ? f(r) : 0), 0);
  const line = (f) => (days || []).map((r) => (r ? f(r) : 0));
  const tokens = (r) => r.input_tokens + r.output_tokens;
  const figure = (label, f, write) => html`<${Figure} label=${label} value=${days ? write(sum(f)) : "–"} unit="" spark=${line(f)} about=${t("key.today", { n: write(days?.at(-1) ? f(days.at(-1)) : 0) })} />`;
  return html`<div class="figures">${figure(t("now.requests"), (r) => r.requests, count)}${figure(t("tokens"), tokens, count)}${figure(t("cost"), (r) => r.cost_nano_usd, money)}${figure(t("usage.refused"), (r) => r.refused, count)}</div>`;
}

// Limited are a key's limits as strips: live where the stream has them.
function Limited({ row }) {
  const state = useStore(live);
  const name = row.name;
  const rows = (row.usage || []).map((b) => state?.budgets?.[`${b.scope}/${b.name}/${b.limit}`] || b);
  if (!rows.length) return html`<p class="quiet">${t(Object.keys(row.limits || {}).length ? "key.unused" : "key.unlimited")}</p>`;
  return html`<${Head} /><div class="strips">${rows.map((b) => html`<${Row} key=${b.scope + b.limit} bucket=${b.scope === "client_key" ? { ...b, name } : b} typical=${state?.now?.typical} />`)}</div>`;
}

function Detail({ id, owners }) {
  const { data: row, error, again } = useLoad(() => get("/keys/" + encodeURIComponent(id)), [id], 5000);
  const days = useUsage(row);
  const [open, setOpen] = useState(null);
  if (error && !row) return html`<${Failure} error=${error} again=${again} />`;
  if (!row) return html`<${Loading} />`;
  const act = can(...operators);
  const toggle = async () => {
    const to = !row.disabled;
    try {
      await patch("/keys/" + row.id, { disabled: to, version: row.version });
      say(t(to ? "key.disabled" : "key.enabled", { name: row.name }), { undo: async () => { await patch("/keys/" + row.id, { disabled: !to }); again(); } });
      again();
    } catch (e) { complain(e); }
  };
  const done = (text) => (made) => { setOpen(made?.key ? { kind: "secret", made } : null); if (text) say(text); again(); };
  return html`<div class="pagehead"><a href=${href("keys")}>← ${t("page.keys")}</a><h1>${row.name}</h1><${Chip} state=${stateOf(row)} /><span class="grow"></span>
      ${row.source === "file" && html`<span class="quiet small">${t("key.infile")}</span>`}
      ${!row.revoked_at && row.source !== "file" && html`${act && html`<button onClick=${() => setOpen({ kind: "edit" })}>${t("edit")}</button>`}
        ${can(...operators, "key-owner") && html`<button onClick=${() => setOpen({ kind: "rotate" })}>${t("key.rotate.verb")}</button>`}
        ${act && html`<button onClick=${toggle}>${t(row.disabled ? "enable" : "disable")}</button><button class="danger" onClick=${() => setOpen({ kind: "revoke" })}>${t("key.revoke.verb")}</button>`}`}</div>
    <section class="band"><header><h2>${t("key.usage")}</h2></header><${Limited} row=${row} /></section>
    <section class="band"><header><h2>${t("key.days")}</h2><span class="grow"></span><a href=${href("usage", [], { key_id: ledgerID(row), days: "30" })}>${t("key.history")}</a> <a href=${href("requests", ["past"], { key_id: ledgerID(row) })}>${t("key.requests")}</a></header><${Sums} days=${days} /></section>
    <section class="band"><header><h2>${t("key.what")}</h2></header><dl class="pairs">
      <dt>ID</dt><dd class="mono">${row.id}</dd>${row.hint && html`<dt>${t("key.hint")}</dt><dd class="mono">…${row.hint}</dd>`}
      <dt>${t("key.owner")}</dt><dd>${row.owner ? html`<a href=${href("keys", ["owners"], { q: row.owner })}>${row.owner}</a>` : "–"}</dd>
      <dt>${t("key.priority")}</dt><dd>${t("class." + row.priority)} · ${t("key.weight")} ${row.weight}</dd><dt>${t("key.models")}</dt><dd>${(row.models || []).join(", ")}</dd>
      <dt>${t("key.limits")}</dt><dd>${written(row.limits)}</dd>
      <dt>${t("key.max_tokens")}</dt><dd>${row.max_tokens ? count(row.max_tokens) : t("key.uncapped")}</dd><dt>${t("key.ips")}</dt><dd>${(row.allowed_ips || []).join(", ") || t("key.ips.all")}</dd>
      <dt>${t("key.expires")}</dt><dd>${row.expires_at ? html`<${Ago} at=${row.expires_at} />` : t("never")}</dd>
      ${row.old_key_until && new Date(row.old_key_until) > new Date() && html`<dt>${t("key.old")}</dt><dd><${Ago} at=${row.old_key_until} /></dd>`}
      <dt>${t("key.created")}</dt><dd>${row.source === "file" ? t("infile") : html`<${Ago} at=${row.created_at} />`}</dd>${row.tags?.length > 0 && html`<dt>${t("key.tags")}</dt><dd>${row.tags.map((x) => html`<${Tag} key=${x}>${x}<//>`)}</dd>`}
    </dl></section>
    ${open?.kind === "edit" && html`<${Edit} row=${row} owners=${owners} close=${() => setOpen(null)} done=${done(t("saved"))} />`}
    ${open?.kind === "rotate" && html`<${Rotate} row=${row} close=${() => setOpen((o) => (o?.kind === "rotate" ? null : o))} done=${done()} />`}
    ${open?.kind === "secret" && html`<${Secret} made=${open.made} close=${() => setOpen(null)} />`}
    ${open?.kind === "revoke" && html`<${Revoke} row=${row} days=${days} close=${() => setOpen(null)} again=${again} />`}`;
}

// written are limits as they stand in the configuration, with their units.
const written = (limits) => Object.entries(limits || {}).map(([n, v]) => `${known("limit." + n) ? t("limit." + n) : n} ${typeof v === "number" ? count(v) : v}`).join(" · ") || t("key.unlimited.short");

// Scarcest is what of a key's limits is used up most, as the small strip; what it has not
// used is full and not shown.
function Scarcest({ row }) {
  const b = useStore(live, (s) => Object.values(s?.budgets || {}).filter((x) => x.scope === "client_key" && x.name === row.name).sort((x, y) => scarcity(x) - scarcity(y))[0]);
  return b ? html`<${Mini} bucket=${b} />` : html`<span class="quiet">${Object.keys(row.limits || {}).length ? t("key.full") : "–"}</span>`;
}

const columns = () => [
  { name: "name", label: t("key.name"), cell: (k) => html`<strong>${k.name}</strong>` }, { name: "state", label: t("state"), width: "116px", cell: (k) => html`<${Chip} state=${stateOf(k)} />` },
  { name: "owner", minor: true, label: t("key.owner"), cell: (k) => k.owner || "–" }, { name: "priority", minor: true, label: t("key.priority"), width: "92px", cell: (k) => t("class." + k.priority) },
  { name: "models", minor: true, label: t("key.models"), cell: (k) => (k.models || []).join(", ") },
  { name: "limits", minor: true, label: t("key.limits"), width: "minmax(0, 1.3fr)", cell: (k) => html`<span title=${written(k.limits)}>${Object.entries(k.limits || {}).map(([n, v]) => `${n} ${typeof v === "number" ? count(v) : v}`).join(" · ") || t("key.unlimited.short")}</span>` },
  { name: "used", label: t("key.left"), width: "132px", cell: (k) => html`<${Scarcest} row=${k} />` },
  { name: "hint", minor: true, label: t("key.hint"), width: "84px", cell: (k) => (k.hint ? html`<span class="mono quiet">…${k.hint}</span>` : html`<span class="quiet">–</span>`) }, { name: "expires", minor: true, label: t("key.expires"), width: "100px", cell: (k) => (k.expires_at ? html`<${Ago} at=${k.expires_at} />` : t("never")) },
];

function Keys({ words, owners }) {
  const { rows, whole, error, again, more } = usePages("/keys", { search: useCalm(words) });
  const [open, setOpen] = useState(null);
  if (error) return html`<${Failure} error=${error} again=${again} />`;
  if (!rows) return html`<${Loading} />`;
  return html`<div class="row">${can(...operators) && html`<button class="main" onClick=${() => setOpen("create")}>${t("key.create")}</button>`}<span class="quiet small">${whole ? t("key.count", { n: rows.length }) : t("key.first", { n: rows.length })}</span></div>
    ${rows.length ? html`<${List} label=${t("page.keys")} rows=${rows} columns=${columns()} rowKey=${(k) => k.id} onOpen=${(k) => go("keys", [k.id])} onEnd=${more} />` : html`<${Empty}><p>${t(words ? "list.nothing" : "key.none")}</p><//>`}
    ${open === "create" && html`<${Create} owners=${owners} close=${() => setOpen(null)} done=${(made) => { setOpen({ made }); again(); }} />`}
    ${open?.made && html`<${Secret} made=${open.made} close=${() => setOpen(null)} />`}`;
}

// OwnerForm makes or edits an owner.
function OwnerForm({ row, close, done }) {
  const form = useForm({ name: row?.name || "", kind: row?.kind || "team", limits: { ...(row?.limits || {}) } },
    (d) => { const limits = body({ ...draft(), limits: d.limits }, row?.limits).limits; return row ? patch("/owners/" + encodeURIComponent(row.name), { kind: d.kind, limits, version: row.version }) : post("/owners", { name: d.name.trim(), kind: d.kind, limits }); }, done);
  const change = (name) => (v) => form.set({ ...form.value, [name]: v });
  return html`<${Dialog} title=${row ? t("owner.edit", { name: row.name }) : t("owner.create")} close=${close}><form class="stack" onSubmit=${form.submit}>
    <div class="form">${!row && html`<${Text} label=${t("owner.name")} value=${form.value.name} set=${change("name")} error=${form.fields.name} required autofocus />`}
      <${Choice} label=${t("owner.kind")} value=${form.value.kind} set=${change("kind")} options=${[["team", t("owner.team")], ["user", t("owner.user")]]} />
      <${Limits} value=${form.value.limits} set=${change("limits")} fields=${form.fields} /></div><${Trouble} error=${form.error} />
    <div class="row end"><button type="button" onClick=${close}>${t("cancel")}</button><button class="main" disabled=${form.busy}>${t(row ? "save" : "owner.create")}</button></div></form><//>`;
}

function Owners({ words, owners }) {
  const state = useStore(live);
  const [open, setOpen] = useState(null);
  if (owners.error) return html`<${Failure} error=${owners.error} again=${owners.again} />`;
  if (!owners.data) return html`<${Loading} />`;
  const rows = owners.data.filter((o) => o.name.toLowerCase().includes(words.toLowerCase()));
  const act = can(...operators);
  const of = Map.groupBy(Object.values(state?.budgets || {}).filter((b) => b.scope === "owner"), (b) => b.name);
  const strips = (o) => of.get(o.name) || [];
  const done = () => { setOpen(null); say(t("saved")); owners.again(); };
  return html`<div class="row">${act && html`<button class="main" onClick=${() => setOpen({})}>${t("owner.create")}</button>`}</div>
    ${rows.length === 0 ? html`<${Empty}><p>${t("owner.none")}</p><//>` : html`<section class="band"><table><thead><tr><th>${t("owner.name")}</th><th>${t("owner.kind")}</th><th class="num">${t("owner.keys")}</th><th>${t("key.limits")}</th><th><span class="hidden-label">${t("actions")}</span></th></tr></thead><tbody>
      ${rows.map((o) => html`<tr key=${o.name}><td><strong>${o.name}</strong><div class="small"><a href=${href("keys", [], { q: o.name })}>${t("keys")}</a> · <a href=${href("usage", [], { owner: o.name, by: "key" })}>${t("page.usage")}</a></div></td><td>${t("owner." + (o.kind || "team"))}</td><td class="num">${o.keys ?? "–"}</td>
        <td>${strips(o).length ? html`<div class="minis">${strips(o).map((b) => html`<${Mini} key=${b.limit} bucket=${b} label=${known("limit." + b.limit) ? t("limit." + b.limit) : b.limit} />`)}</div>` : written(o.limits)}</td>
        <td class="num">${act && o.source !== "file" && html`<button class="plain" onClick=${() => setOpen({ row: o })}>${t("edit")}</button><button class="plain" disabled=${o.keys > 0} title=${o.keys > 0 ? t("owner.haskeys", { n: o.keys }) : ""} onClick=${() => setOpen({ gone: o })}>${t("delete")}</button>`}${o.source === "file" && html`<span class="quiet small">${t("infile")}</span>`}</td></tr>`)}
    </tbody></table></section>`}
    ${open && !open.gone && html`<${OwnerForm} row=${open.row} close=${() => setOpen(null)} done=${done} />`}
    ${open?.gone && html`<${Confirm} title=${t("owner.delete", { name: open.gone.name })} says=${t("owner.delete.says")} verb=${t("delete")} close=${() => setOpen(null)} act=${async () => { await remove("/owners/" + encodeURIComponent(open.gone.name)); done(); }} />`}`;
}

export function Page({ at }) {
  const owners = useLoad(() => (who.get().role === "key-owner" ? Promise.resolve([]) : all("/owners", { limit: 500 })), []);
  const names = (owners.data || []).map((o) => o.name);
  if (at.rest[0] && at.rest[0] !== "owners") return html`<${Detail} id=${at.rest[0]} owners=${names} />`;
  const tab = at.rest[0] || "keys";
  const words = at.query.q || "";
  return html`<div class="pagehead"><h1>${t("page.keys")}</h1><span class="grow"></span><${Search} label=${t("key.search")} value=${words} set=${(q) => refine({ q })} /></div>
    ${who.get().role !== "key-owner" && html`<${Tabs} label=${t("page.keys")} at=${tab} tabs=${[{ name: "keys", href: href("keys"), label: t("keys") }, { name: "owners", href: href("keys", ["owners"]), label: t("owners") }]} />`}
    ${tab === "owners" ? html`<${Owners} words=${words} owners=${owners} />` : html`<${Keys} words=${words} owners=${names} />`}`;
}
