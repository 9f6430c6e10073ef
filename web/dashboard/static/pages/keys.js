// Keys and owners: who may call, how much, and what they have used.
import { html, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { all, get, patch, post, remove } from "../lib/api.js";
import { useLoad, usePages, useCalm } from "../lib/load.js";
import { href, refine, go } from "../lib/router.js";
import { clock, count, day, span } from "../lib/format.js";
import { can, operators, who } from "../lib/who.js";
import { samples, sampleNames } from "../lib/samples.js";
import { List } from "../parts/list.js";
import { Row, Bar } from "../parts/strip.js";
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
  const [kind, setKind] = useState("curl");
  const model = (made.models || []).find((m) => !m.includes("*")) || about?.routes?.[0] || "MODEL";
  return html`<${Dialog} title=${t("key.made", { name: made.name })} close=${close} wide>
    <p class="notice waiting">${t("key.once")}</p>
    <${Code} text=${made.key} label=${t("key.secret")} />
    <div class="row">${Object.entries(sampleNames).map(([name, label]) => html`<button key=${name} aria-pressed=${kind === name} onClick=${() => setKind(name)}>${label}</button>`)}</div>
    <${Code} text=${samples[kind]({ api: about?.api || "http://127.0.0.1:8080", key: made.key, model })} label=${sampleNames[kind]} />
  <//>`;
}

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

function Detail({ id, owners }) {
  const { data: row, error, again } = useLoad(() => get("/keys/" + encodeURIComponent(id)), [id], 5000);
  const [open, setOpen] = useState(null);
  if (error) return html`<${Failure} error=${error} again=${again} />`;
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
      ${!row.revoked_at && row.source !== "file" && html`${act && html`<button onClick=${() => setOpen({ kind: "edit" })}>${t("edit")}</button>`}
        <button onClick=${() => setOpen({ kind: "rotate" })}>${t("key.rotate.verb")}</button>
        ${act && html`<button onClick=${toggle}>${t(row.disabled ? "enable" : "disable")}</button><button class="danger" onClick=${() => setOpen({ kind: "revoke" })}>${t("key.revoke.verb")}</button>`}`}</div>
    <section class="band"><dl class="pairs">
      <dt>ID</dt><dd class="mono">${row.id}</dd><dt>${t("key.hint")}</dt><dd class="mono">…${row.hint}</dd>
      <dt>${t("key.owner")}</dt><dd>${row.owner ? html`<a href=${href("keys", ["owners"], { q: row.owner })}>${row.owner}</a>` : "–"}</dd>
      <dt>${t("key.priority")}</dt><dd>${t("class." + row.priority)} · ${t("key.weight")} ${row.weight}</dd><dt>${t("key.models")}</dt><dd>${(row.models || []).join(", ")}</dd>
      <dt>${t("key.max_tokens")}</dt><dd>${row.max_tokens ? count(row.max_tokens) : "–"}</dd><dt>${t("key.ips")}</dt><dd>${(row.allowed_ips || []).join(", ") || t("key.ips.all")}</dd>
      <dt>${t("key.expires")}</dt><dd>${row.expires_at ? clock(row.expires_at) : t("never")}</dd>
      ${row.old_key_until && new Date(row.old_key_until) > new Date() && html`<dt>${t("key.old")}</dt><dd>${clock(row.old_key_until)}</dd>`}
      <dt>${t("key.created")}</dt><dd>${row.source === "file" ? t("infile") : clock(row.created_at)}</dd>${row.tags?.length > 0 && html`<dt>${t("key.tags")}</dt><dd>${row.tags.map((x) => html`<${Tag} key=${x}>${x}<//>`)}</dd>`}
    </dl></section>
    <section class="band"><header><h2>${t("key.usage")}</h2></header>
      ${row.usage?.length ? html`<div class="strips">${row.usage.map((b) => html`<${Row} key=${b.scope + b.limit} bucket=${b} />`)}</div>` : html`<p class="quiet">${t(Object.keys(row.limits || {}).length ? "key.unused" : "key.unlimited")}</p>`}
      <p><a href=${href("usage", [], { key_id: row.id })}>${t("key.history")}</a> · <a href=${href("requests", ["past"], { key_id: row.id })}>${t("page.requests")}</a></p></section>
    ${open?.kind === "edit" && html`<${Edit} row=${row} owners=${owners} close=${() => setOpen(null)} done=${done(t("saved"))} />`}
    ${open?.kind === "rotate" && html`<${Rotate} row=${row} close=${() => setOpen((o) => (o?.kind === "rotate" ? null : o))} done=${done()} />`}
    ${open?.kind === "secret" && html`<${Secret} made=${open.made} close=${() => setOpen(null)} />`}
    ${open?.kind === "revoke" && html`<${Confirm} title=${t("key.revoke", { name: row.name })} says=${t("key.revoke.says")} verb=${t("key.revoke.verb")} close=${() => setOpen(null)} act=${async () => { await remove("/keys/" + row.id); say(t("key.revoked", { name: row.name })); again(); }} />`}`;
}

const columns = () => [
  { name: "name", label: t("key.name"), cell: (k) => html`<strong>${k.name}</strong>` }, { name: "state", label: t("state"), width: "116px", cell: (k) => html`<${Chip} state=${stateOf(k)} />` },
  { name: "owner", label: t("key.owner"), cell: (k) => k.owner || "–" }, { name: "priority", label: t("key.priority"), width: "92px", cell: (k) => t("class." + k.priority) },
  { name: "models", label: t("key.models"), cell: (k) => (k.models || []).join(", ") },
  { name: "limits", label: t("key.limits"), cell: (k) => Object.entries(k.limits || {}).map(([n, v]) => `${n} ${v}`).join(" · ") || t("key.unlimited.short") },
  { name: "hint", label: t("key.hint"), width: "84px", cell: (k) => html`<span class="mono quiet">…${k.hint}</span>` }, { name: "expires", label: t("key.expires"), width: "100px", cell: (k) => (k.expires_at ? day(k.expires_at) : t("never")) },
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
  const [open, setOpen] = useState(null);
  if (owners.error) return html`<${Failure} error=${owners.error} again=${owners.again} />`;
  if (!owners.data) return html`<${Loading} />`;
  const rows = owners.data.filter((o) => o.name.toLowerCase().includes(words.toLowerCase()));
  const act = can(...operators);
  const done = () => { setOpen(null); say(t("saved")); owners.again(); };
  return html`<div class="row">${act && html`<button class="main" onClick=${() => setOpen({})}>${t("owner.create")}</button>`}</div>
    ${rows.length === 0 ? html`<${Empty}><p>${t("owner.none")}</p><//>` : html`<section class="band"><table><thead><tr><th>${t("owner.name")}</th><th>${t("owner.kind")}</th><th class="num">${t("owner.keys")}</th><th>${t("key.limits")}</th><th><span class="hidden-label">${t("actions")}</span></th></tr></thead><tbody>
      ${rows.map((o) => html`<tr key=${o.name}><td><strong>${o.name}</strong></td><td>${t("owner." + (o.kind || "team"))}</td><td class="num">${o.keys ?? "–"}</td>
        <td>${(o.usage || []).length ? o.usage.map((b) => html`<div key=${b.limit} class="row small"><span class="quiet">${b.limit}</span><span class="inline"><${Bar} small bucket=${b} /></span></div>`) : Object.entries(o.limits || {}).map(([n, v]) => `${n} ${v}`).join(" · ") || "–"}</td>
        <td class="num">${act && o.source !== "file" && html`<button class="plain" onClick=${() => setOpen({ row: o })}>${t("edit")}</button><button class="plain" onClick=${() => setOpen({ gone: o })}>${t("delete")}</button>`}${o.source === "file" && html`<span class="quiet small">${t("infile")}</span>`}</td></tr>`)}
    </tbody></table></section>`}
    ${open && !open.gone && html`<${OwnerForm} row=${open.row} close=${() => setOpen(null)} done=${done} />`}
    ${open?.gone && html`<${Confirm} title=${t("owner.delete", { name: open.gone.name })} says=${t("owner.delete.says", { n: open.gone.keys ?? 0 })} verb=${t("delete")} close=${() => setOpen(null)} act=${async () => { await remove("/owners/" + encodeURIComponent(open.gone.name)); done(); }} />`}`;
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
