// Routes: the priority list as a flow, with the share that each target served and why
// calls moved on; reorder, weigh, pause.
import { html, cx, useEffect, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { get, patch } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { useStore } from "../lib/store.js";
import { live, onEvent } from "../lib/live.js";
import { href, refine } from "../lib/router.js";
import { count, percent, duration } from "../lib/format.js";
import { can, operators } from "../lib/who.js";
import { Chip } from "../parts/chips.js";
import { Mini, scarcity, bucketID } from "../parts/strip.js";
import { reason } from "../parts/reason.js";
import { Loading, Failure, Empty } from "../parts/states.js";
import { Search, Text, Choice, Check } from "../parts/field.js";
import { Dialog, Confirm } from "../parts/dialog.js";
import { Trouble, useForm } from "../parts/keyform.js";
import { say, complain } from "../parts/toast.js";

const strategies = ["ordered", "weighted", "least_busy", "lowest_latency"];
const total = (counts) => Object.values(counts || {}).reduce((a, b) => a + b, 0);

// plain are targets as the API takes them.
const plain = (targets) => targets.map(({ target, weight, paused }) => ({ target, weight, paused }));

// buckets are the strips that count for a target, the scarcest first.
function buckets(state, target) {
  const groups = new Set(target.groups);
  return Object.values(state?.budgets || {}).filter((b) => b.scope === "upstream" && groups.has(b.name)).sort((a, b) => scarcity(a) - scarcity(b));
}

// Breakers are the states of a target's breakers, account by account; closed ones together.
function Breakers({ target, state }) {
  const [provider, ...model] = target.target.split("/");
  const all = Object.values(state?.upstreams || {}).filter((u) => u.provider === provider).flatMap((u) => (u.breakers || []).filter((b) => b.model === model.join("/")).map((b) => ({ ...b, account: u.account })));
  const open = all.filter((b) => b.state !== "closed");
  return html`${open.map((b) => html`<${Chip} key=${b.account} state=${b.state} text=${t("breaker.at", { account: b.account, state: t("state." + b.state) })} />`)}
    ${all.length > open.length && html`<span class="quiet small">${t(open.length ? "breaker.others" : "breaker.closed", { n: all.length - open.length })}</span>`}`;
}

// Left is the line from one target to the next: how many calls went on, and why.
function Left({ reasons, last }) {
  const n = total(reasons);
  if (!n) return null;
  return html`<div class="left small"><span class="soft">${t(last ? "route.leftlast" : "route.left", { n: count(n) })}</span> <span class="quiet">${Object.entries(reasons).sort((a, b) => b[1] - a[1]).map(([why, k]) => t("moved", { n: count(k), why: reason(why) })).join(", ")}</span></div>`;
}

function Weight({ target, save }) {
  const [value, set] = useState(String(target.weight));
  useEffect(() => set(String(target.weight)), [target.weight]);
  const done = () => (Number(value) >= 1 && Number(value) !== target.weight ? save(Math.round(Number(value))) : set(String(target.weight)));
  return html`<label class="weight small" title=${t("route.weight", { target: target.target })}><span class="quiet">×</span><input inputmode="numeric" aria-label=${t("route.weight", { target: target.target })} value=${value} onInput=${(e) => set(e.target.value)}
    onBlur=${done} onKeyDown=${(e) => e.key === "Enter" && e.target.blur()} /></label>`;
}

// Target is one step of the flow.
function Target({ target, place, last, shares, state, act, weighted }) {
  const served = shares?.served?.[target.target] || 0;
  const sum = total(shares?.served);
  const strips = buckets(state, target);
  return html`<li class=${cx("target", target.paused && "paused")}>
    <div class="place" aria-hidden="true">${place + 1}</div>
    <div class="what"><div class="row"><strong>${target.target}</strong> ${target.paused && html`<${Chip} state="paused" />`} ${weighted && (act ? html`<${Weight} target=${target} save=${(w) => act.weigh(place, w)} />` : html`<span class="tag">× ${target.weight}</span>`)}
      <${Breakers} target=${target} state=${state} /></div>
      ${strips.length > 0 && html`<div class="minis">${strips.slice(0, 6).map((b) => html`<${Mini} key=${bucketID(b)} bucket=${b} label=${`${b.name.split("/")[1]} ${b.limit}`} />`)}${strips.length > 6 && html`<a class="small" href=${href("budgets", [], { q: target.target.split("/")[0] })}>${t("now.all", { n: strips.length })}</a>`}</div>`}
      <${Left} reasons=${shares?.from?.[target.target]} last=${last} /></div>
    <div class="share"><div class="track"><i class="move" style=${{ width: (sum ? (served / sum) * 100 : 0).toFixed(1) + "%" }}></i></div><span class="num">${sum ? html`${percent(served / sum)} <span class="quiet">${t("route.calls", { n: count(served) })}</span>` : html`<span class="quiet">${t("up.nocalls")}</span>`}</span></div>
    ${act && html`<div class="acts"><button class="plain" disabled=${place === 0} aria-label=${t("route.up", { target: target.target })} onClick=${() => act.move(place, -1)}>↑</button>
      <button class="plain" disabled=${last} aria-label=${t("route.down", { target: target.target })} onClick=${() => act.move(place, 1)}>↓</button>
      <button class="plain" onClick=${() => act.pause(place)}>${t(target.paused ? "route.resume" : "route.pause")}</button></div>`}
  </li>`;
}

function Settings({ route, close, done }) {
  const form = useForm({ strategy: route.strategy, sticky: route.sticky, max_wait: route.max_wait, wait_before_fallback: route.wait_before_fallback, timeout: route.timeout, max_attempts: String(route.max_attempts), ttl: route.cache.ttl, weights: route.targets.map((x) => String(x.weight)) },
    (d) => patch("/routes/" + encodeURIComponent(route.name), {
      strategy: d.strategy, sticky: d.sticky, max_wait: d.max_wait, wait_before_fallback: d.wait_before_fallback, timeout: d.timeout, max_attempts: Number(d.max_attempts), cache: { ttl: d.ttl },
      targets: plain(route.targets).map((x, i) => ({ ...x, weight: Number(d.weights[i]) || 1 })),
    }), done);
  const change = (name) => (v) => form.set({ ...form.value, [name]: v });
  const d = form.value;
  return html`<${Dialog} title=${t("route.edit", { name: route.name })} close=${close} wide><form class="stack" onSubmit=${form.submit}><p class="soft">${t("route.edit.about")}</p><div class="form">
      <${Choice} label=${t("route.strategy")} value=${d.strategy} set=${change("strategy")} options=${strategies.map((s) => [s, t("strategy." + s)])} />
      <${Text} label=${t("route.max_wait")} about=${t("route.max_wait.about")} value=${d.max_wait} set=${change("max_wait")} error=${form.fields.max_wait} />
      <${Text} label=${t("route.wait_before")} about=${t("route.wait_before.about")} value=${d.wait_before_fallback} set=${change("wait_before_fallback")} error=${form.fields.wait_before_fallback} />
      <${Text} label=${t("route.timeout")} about=${t("route.timeout.about")} value=${d.timeout} set=${change("timeout")} error=${form.fields.timeout} /><${Text} label=${t("route.attempts")} value=${d.max_attempts} set=${change("max_attempts")} inputmode="numeric" error=${form.fields.max_attempts} />
      <${Text} label=${t("route.cache")} about=${t("route.cache.about")} value=${d.ttl} set=${change("ttl")} error=${form.fields["cache.ttl"]} /><${Check} label=${t("route.sticky")} value=${d.sticky} set=${change("sticky")} />
      ${route.targets.map((x, i) => html`<${Text} key=${x.target} label=${t("route.weight", { target: x.target })} value=${d.weights[i]} set=${(v) => change("weights")(d.weights.map((w, j) => (j === i ? v : w)))} inputmode="numeric" />`)}</div>
    <${Trouble} error=${form.error} /><div class="row end"><button type="button" onClick=${close}>${t("cancel")}</button><button class="main" disabled=${form.busy}>${t("save")}</button></div></form><//>`;
}

// Pause asks before a target takes no more calls, with the numbers of what that means.
function Pause({ route, place, shares, act, close }) {
  const target = route.targets[place];
  const others = route.targets.filter((x, i) => i !== place && !x.paused);
  const served = shares?.served?.[target.target] || 0;
  const sum = total(shares?.served);
  const says = t(served ? "route.pausing.says" : "route.pausing.unused", { n: count(served), share: percent(sum ? served / sum : 0) });
  return html`<${Confirm} title=${t("route.pausing", { target: target.target })} says=${says} verb=${t("route.pause")} close=${close} act=${act}>
    ${others.length ? html`<p>${t("route.pausing.next", { targets: others.map((x) => x.target).join(", ") })}</p>` : html`<p class="notice refused">${t("route.pausing.last", { name: route.name })}</p>`}<//>`;
}

// headline is how a route chooses and waits, in a line.
const headline = (route) => [t("strategy." + route.strategy), route.sticky && t("route.sticky"), t("route.waits", { span: duration(route.max_wait) }),
  !/^0/.test(route.wait_before_fallback) && t("route.first", { span: duration(route.wait_before_fallback) }), route.cache?.ttl && !/^0/.test(route.cache.ttl) && t("route.cached", { span: duration(route.cache.ttl) })].filter(Boolean).join(" · ");

function Route({ route, state, shares, again, open }) {
  const [dialog, setDialog] = useState(null);
  const act = can(...operators);
  const save = async (targets, text) => {
    const before = plain(route.targets);
    const put = (list) => patch("/routes/" + encodeURIComponent(route.name), { targets: list });
    await put(plain(targets));
    say(text, { undo: async () => { await put(before); again(); } });
    again();
  };
  const swap = (i, change) => route.targets.map((x, j) => (j === i ? { ...x, ...change } : x));
  const acts = act && {
    move: (i, by) => { const list = [...route.targets]; [list[i], list[i + by]] = [list[i + by], list[i]]; save(list, t("route.moved", { target: route.targets[i].target, n: i + by + 1 })).catch(complain); },
    weigh: (i, weight) => save(swap(i, { weight }), t("route.weighed", { target: route.targets[i].target, n: weight })).catch(complain),
    pause: (i) => (route.targets[i].paused ? save(swap(i, { paused: false }), t("route.resumed", { target: route.targets[i].target })).catch(complain) : setDialog({ pause: i })),
  };
  const own = Object.values(state?.budgets || {}).filter((b) => b.scope === "route" && b.name === route.name);
  const cached = shares?.served?.cache;
  return html`<section class=${cx("band", open && "selected")} id=${"route-" + route.name}><header><h2>${route.name}</h2><span class="quiet small">${headline(route)}</span>
      <span class="grow"></span>${cached > 0 && html`<span class="small soft">${t("route.fromcache", { share: percent(cached / total(shares.served)) })}</span>`}${shares?.failed > 0 && html`<span class="wrong">${t("route.failed", { n: count(shares.failed) })}</span>`}${act && html`<button onClick=${() => setDialog("settings")}>${t("edit")}</button>`}</header>
    ${own.length > 0 && html`<div class="minis">${own.map((b) => html`<${Mini} key=${bucketID(b)} bucket=${b} label=${t("route.own", { limit: b.limit })} />`)}</div>`}
    <ol class="flow">${route.targets.map((x, i) => html`<${Target} key=${x.target} target=${x} place=${i} last=${i === route.targets.length - 1} shares=${shares} state=${state} act=${acts} weighted=${route.strategy === "weighted" || x.weight > 1} />`)}</ol>
    ${dialog === "settings" && html`<${Settings} route=${route} close=${() => setDialog(null)} done=${() => { setDialog(null); say(t("saved")); again(); }} />`}
    ${dialog?.pause !== undefined && route.targets[dialog.pause] && html`<${Pause} route=${route} place=${dialog.pause} shares=${shares} close=${() => setDialog(null)} act=${() => save(swap(dialog.pause, { paused: true }), t("route.paused", { target: route.targets[dialog.pause].target }))} />`}
  </section>`;
}

export function Page({ at }) {
  const state = useStore(live);
  const { data, error, again } = useLoad(() => get("/routes"), []);
  useEffect(() => onEvent((kind) => kind === "config" && again()), []);
  const words = (at.query.q || "").toLowerCase();
  if (error) return html`<${Failure} error=${error} again=${again} />`;
  if (!data) return html`<${Loading} />`;
  const rows = data.data.filter((r) => (r.name + " " + r.targets.map((x) => x.target).join(" ")).toLowerCase().includes(words) && (!at.rest[0] || words || r.name === at.rest[0]));
  return html`<div class="pagehead"><h1>${t("page.routes")}</h1><span class="quiet small">${t("route.about")}</span><span class="grow"></span>${at.rest[0] && html`<a href=${href("routes")}>${t("route.all")}</a>`}<${Search} label=${t("route.search")} value=${at.query.q || ""} set=${(q) => refine({ q })} /></div>
    ${rows.length ? rows.map((r) => html`<${Route} key=${r.name} route=${r} state=${state} shares=${state?.routes?.[r.name]} again=${again} open=${at.rest[0] === r.name} />`) : html`<${Empty}><p>${t("list.nothing")}</p><//>`}`;
}
