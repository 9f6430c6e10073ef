// Upstreams: providers, their accounts and keys; health, last errors, latency; test, drain,
// disable, enable, replace.
import { html, cx, useEffect, useMemo, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { get, patch, post, remove } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { useStore } from "../lib/store.js";
import { live, onEvent } from "../lib/live.js";
import { refine } from "../lib/router.js";
import { count, percent, took } from "../lib/format.js";
import { can, operators } from "../lib/who.js";
import { Chip, Tag } from "../parts/chips.js";
import { Mini, scarcity, bucketID } from "../parts/strip.js";
import { reason } from "../parts/reason.js";
import { Ago } from "../parts/time.js";
import { Dialog, Confirm } from "../parts/dialog.js";
import { Search, Text } from "../parts/field.js";
import { Lazy } from "../parts/lazy.js";
import { Loading, Failure, Empty, Scroll } from "../parts/states.js";
import { Trouble, useForm } from "../parts/keyform.js";
import { say, complain } from "../parts/toast.js";

const path = (...parts) => "/upstreams/" + parts.map(encodeURIComponent).join("/");
const keyPath = (u, k) => path(u.provider, u.account) + "/keys/" + k.fingerprint;

// Change asks once, with the numbers of what will happen, and offers a way back.
function Change({ at, name, from, to, others, close, done }) {
  const { data: told, error } = useLoad(() => patch(at, { state: to }, { query: { dry_run: "true" } }), [at, to]);
  const act = async () => {
    await patch(at, { state: to });
    say(t("up.now." + to, { name }), { undo: from !== to && (async () => { await patch(at, { state: from }); done(); }) });
    done();
  };
  return html`<${Confirm} title=${t("up.ask." + to, { name })} verb=${t("up.do." + to)} danger=${to !== "enabled"} ready=${told || error} close=${close} act=${act}>
    ${error ? html`<${Failure} error=${error} />` : !told ? html`<${Loading} rows=${2} />` : html`<p>${to === "enabled" ? t("up.inflight.enabled") : `${t(told.in_flight ? "up.inflight" : "up.inflight.none", { n: told.in_flight })} ${others ? t("up.goto", { to: others }) : t("up.goelsewhere")}`} ${t("up.usable", { before: told.usable_before, after: told.usable_after, n: told.keys })}</p>
      ${told.routes_without_keys?.length > 0 && html`<p class="notice refused">${t("up.norooms", { routes: told.routes_without_keys.join(", ") })}</p>`}`}<//>`;
}

function Secret({ title, send, close, done }) {
  const form = useForm({ key: "", expires: "" }, (d) => send({ key: d.key.trim(), ...(d.expires && { expires_at: d.expires + "T00:00:00Z" }) }), done);
  return html`<${Dialog} title=${title} close=${close}><form class="stack" onSubmit=${form.submit}><p class="soft">${t("up.secret.about")}</p>
    <${Text} label=${t("up.secret")} value=${form.value.key} set=${(key) => form.set({ ...form.value, key })} type="password" autocomplete="off" error=${form.fields.key} required autofocus />
    <${Text} label=${t("key.expires")} value=${form.value.expires} set=${(expires) => form.set({ ...form.value, expires })} type="date" error=${form.fields.expires_at} />
    <${Trouble} error=${form.error} /><div class="row end"><button type="button" onClick=${close}>${t("cancel")}</button><button class="main" disabled=${form.busy}>${t("save")}</button></div></form><//>`;
}

// Acts are what can be done to a provider, an account or a key.
function Acts({ state, change, children }) {
  if (!can(...operators)) return null;
  return html`<span class="acts row">${children}${state !== "enabled" ? html`<button class="plain" onClick=${() => change("enabled")}>${t("enable")}</button>`
    : html`<button class="plain" onClick=${() => change("draining")}>${t("up.drain")}</button><button class="plain" onClick=${() => change("disabled")}>${t("disable")}</button>`}</span>`;
}

function KeyRow({ up, row, again }) {
  const [open, setOpen] = useState(null);
  const [busy, setBusy] = useState(false);
  const test = async (call) => {
    setBusy(true);
    try {
      const told = await post(keyPath(up, row) + "/test", { call });
      say(t(told.conclusive ? "up.tested" : "up.untold", { name: row.fingerprint, health: t("state." + told.health), span: took(told.took_ms), reason: told.reason || (told.status ? "HTTP " + told.status : "") }), { kind: told.conclusive && told.health !== "works" ? "refused" : "" });
      if (!told.conclusive && !call) setOpen({ call: true });
      again();
    } catch (e) { complain(e); }
    setBusy(false);
  };
  const soon = row.expires_at && new Date(row.expires_at) - Date.now() < 7 * 864e5;
  const close = () => setOpen(null);
  return html`<tr><td class="mono">${row.fingerprint} <${Tag}>${t("up.source." + row.source)}<//></td><td><${Chip} state=${row.drained ? "drained" : row.state} />${row.state_since && html` <span class="small quiet"><${Ago} at=${row.state_since} /></span>`}</td>
    <td><${Chip} state=${row.health} title=${row.reason || ""} /> ${row.health !== "works" && row.reason && html`<span class="small wrong">${row.reason}</span>`}</td><td class="num">${count(row.in_flight)}</td>
    <td class=${cx(soon && "wrong")}>${row.expires_at ? html`<${Ago} at=${row.expires_at} />` : t("up.noexpiry")}</td><td class="quiet">${row.checked_at ? html`<${Ago} at=${row.checked_at} />` : t("up.unchecked")}</td>
    <td class="num"><${Acts} state=${row.state} change=${(to) => setOpen({ to })}><button class="plain" disabled=${busy} onClick=${() => test(false)}>${t("up.test")}</button><button class="plain" onClick=${() => setOpen({ replace: true })}>${t("up.replace")}</button>${row.source === "stored" && html`<button class="plain" onClick=${() => setOpen({ gone: true })}>${t("delete")}</button>`}<//>
      ${open?.call && html`<${Confirm} title=${t("up.call", { name: row.fingerprint })} says=${t("up.call.says")} verb=${t("up.test")} danger=${false} close=${close} act=${() => test(true)} />`}
      ${open?.to && html`<${KeyChange} up=${up} row=${row} to=${open.to} close=${close} done=${again} />`}
      ${open?.replace && html`<${Secret} title=${t("up.replace.ask", { name: row.fingerprint })} send=${(b) => post(keyPath(up, row) + "/replace", b)} close=${close} done=${(r) => { close(); say(t("up.replaced", { old: r.old.fingerprint, name: r.new.fingerprint })); again(); }} />`}
      ${open?.gone && html`<${Confirm} title=${t("up.remove", { name: row.fingerprint })} says=${`${t(row.in_flight ? "up.inflight" : "up.inflight.none", { n: row.in_flight })} ${t("up.remove.says")}`} verb=${t("delete")} close=${close} act=${async () => { await remove(keyPath(up, row)); say(t("up.removed", { name: row.fingerprint })); again(); }} />`}</td></tr>`;
}

// KeyChange changes one key, of which the page knows the numbers itself.
function KeyChange({ up, row, to, close, done }) {
  const at = keyPath(up, row);
  const others = up.keys.filter((k) => k !== row && k.usable).length;
  const act = async () => {
    await patch(at, { state: to });
    say(t("up.now." + to, { name: row.fingerprint }), { undo: async () => { await patch(at, { state: row.state }); done(); } });
    done();
  };
  return html`<${Confirm} title=${t("up.ask." + to, { name: row.fingerprint })} says=${to === "enabled" ? t("up.enable.says") : `${t(row.in_flight ? "up.inflight" : "up.inflight.none", { n: row.in_flight })} ${t(others ? "up.others" : "up.noothers", { n: others, account: up.account })}`} verb=${t("up.do." + to)} danger=${to !== "enabled"} close=${close} act=${act} />`;
}

// group names the models that share a bucket, where they are not all.
function group(b) {
  const models = b.name.split("/").slice(2).join("/");
  return models === "*" ? "" : models + " ";
}

function Account({ up, state, others, again }) {
  const [open, setOpen] = useState(null);
  const strips = useMemo(() => Object.values(state?.budgets || {}).filter((b) => b.scope === "upstream" && b.name.startsWith(`${up.provider}/${up.account}/`)).sort((a, b) => scarcity(a) - scarcity(b)), [state, up]);
  const l = up.latency || {};
  const close = () => setOpen(null);
  return html`<section class=${cx("band", (up.state !== "enabled" || up.provider_state !== "enabled") && "off")}><header><h2>${up.account} <span class="quiet">${up.provider}</span></h2><${Chip} state=${up.state} />${up.provider_state !== "enabled" && html`<span class="small wrong">${t("up.provideris", { state: t("state." + up.provider_state) })}</span>`}${!up.routed && html`<span class="small quiet">${t("up.unrouted")}</span>`}<span class="quiet small">${t("candidate.inflight", { n: count(up.in_flight) })}</span>
      ${(up.breakers || []).filter((b) => b.state !== "closed").map((b) => html`<${Chip} key=${b.model} state=${b.state} text=${`${b.model}: ${t("state." + b.state)}`} />`)}
      <span class="grow"></span><${Acts} state=${up.state} change=${(to) => setOpen({ to })}><button class="plain" onClick=${() => setOpen({ add: true })}>${t("up.add")}</button><//></header>
    ${strips.length > 0 && html`<div class="minirow">${strips.slice(0, 10).map((b) => html`<${Mini} key=${bucketID(b)} bucket=${b} label=${`${group(b)}${b.limit}`} />`)}</div>`}
    <div class="row small soft facts">${l.attempts > 0 ? html`<span>${t("up.ok", { share: percent(l.ok / l.attempts), n: count(l.attempts) })}</span>${l.ok > 0 && html`<span>${t("up.firstbyte", { p50: took(l.first_byte_p50_ms), p95: took(l.first_byte_p95_ms) })}</span><span>${t("up.whole", { p50: took(l.whole_p50_ms), p95: took(l.whole_p95_ms) })}</span>`}` : t("up.nocalls")}</div>
    ${up.failures?.length > 0 && html`<details class="failures" open=${up.failures.some((f) => Date.now() - new Date(f.last_at) < 6e5)}><summary>${t("up.failures", { n: count(up.failures.reduce((a, f) => a + f.count, 0)) })}</summary><ul class="small">${up.failures.map((f) => html`<li key=${f.kind} class="row"><strong class="wrong nowrap">${reason(f.kind)}</strong><span class="num">${t("up.times", { n: count(f.count) })}</span><span class="quiet nowrap"><${Ago} at=${f.last_at} />${f.last_status ? ` · HTTP ${f.last_status}` : ""}</span>${f.last_message && html`<span class="soft clip" title=${f.last_message}>${f.last_message}</span>`}</li>`)}</ul></details>`}
    <${Scroll} label=${`${up.provider}/${up.account}`}><table class="keytable"><thead><tr><th>${t("up.key")}</th><th>${t("state")}</th><th>${t("up.health")}</th><th class="num">${t("up.flight")}</th><th>${t("key.expires")}</th><th>${t("up.checked")}</th><th><span class="hidden-label">${t("actions")}</span></th></tr></thead><tbody>${up.keys.map((k) => html`<${KeyRow} key=${k.fingerprint} up=${up} row=${k} again=${again} />`)}</tbody></table><//>
    ${open?.to && html`<${Change} at=${path(up.provider, up.account)} name=${`${up.provider}/${up.account}`} from=${up.state} to=${open.to} others=${others} close=${close} done=${again} />`}
    ${open?.add && html`<${Secret} title=${t("up.add.ask", { name: `${up.provider}/${up.account}` })} send=${(b) => post(path(up.provider, up.account) + "/keys", b)} close=${close} done=${(k) => { close(); say(t("up.added", { name: k.fingerprint })); again(); }} />`}
  </section>`;
}

export function Page({ at }) {
  const state = useStore(live);
  const { data, error, again } = useLoad(() => get("/upstreams"), []);
  const seen = state?.upstreams;
  useEffect(() => onEvent((kind) => kind === "config" && again()), []);
  const [open, setOpen] = useState(null);
  const words = (at.query.q || "").toLowerCase();
  if (error && !data) return html`<${Failure} error=${error} again=${again} />`;
  if (!data) return html`<${Loading} />`;
  const all = data.data.map((u) => seen?.[`${u.provider}/${u.account}`] || u);
  const rows = all.filter((u) => `${u.provider} ${u.account} ${u.state} ${u.keys.map((k) => `${k.fingerprint} ${k.health} ${k.state}`).join(" ")}`.toLowerCase().includes(words));
  const providers = [...new Set(rows.map((u) => u.provider))];
  // beside are the accounts that go on when one takes no more calls.
  const beside = (u) => all.filter((o) => o.provider === u.provider && o.account !== u.account && o.keys.some((k) => k.usable)).map((o) => o.account).join(", ");
  const wish = (p) => rows.find((u) => u.provider === p).provider_state;
  return html`<div class="pagehead"><h1>${t("page.upstreams")}</h1><span class="grow"></span><${Search} label=${t("up.search")} value=${at.query.q || ""} set=${(q) => refine({ q })} /></div>
    ${rows.length === 0 && html`<${Empty}><p>${t("list.nothing")}</p><//>`}
    ${providers.map((p) => html`<div key=${p} class="stack"><div class="row"><h2>${p}</h2><span class="quiet small">${t("up.accounts", { n: rows.filter((u) => u.provider === p).length })}</span><span class="grow"></span>
      ${wish(p) !== "enabled" && html`<${Chip} state=${wish(p)} />`}
      ${can(...operators) && (wish(p) === "enabled" ? ["draining", "disabled"] : ["enabled"]).map((to) => html`<button key=${to} class="plain" onClick=${() => setOpen({ provider: p, to, from: wish(p) })}>${t("up.all." + to)}</button>`)}</div>
      ${rows.filter((u) => u.provider === p).map((u, i) => html`<${Lazy} key=${u.account} early=${i < 3} height=${230} make=${() => html`<${Account} up=${u} state=${state} others=${beside(u)} again=${again} />`} />`)}</div>`)}
    ${open && html`<${Change} at=${path(open.provider)} name=${open.provider} from=${open.from} to=${open.to} close=${() => setOpen(null)} done=${again} />`}`;
}
