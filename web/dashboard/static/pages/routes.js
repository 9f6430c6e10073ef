// Routes: the priority list as a flow, with the share that each target served and why
// calls moved on; reorder, weigh, pause.
import { html, cx, useMemo, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { get, patch } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { useStore } from "../lib/store.js";
import { live, onEvent } from "../lib/live.js";
import { href, refine } from "../lib/router.js";
import { count, percent } from "../lib/format.js";
import { can, operators } from "../lib/who.js";
import { Chip, Tag } from "../parts/chips.js";
import { Bar } from "../parts/strip.js";
import { Loading, Failure, Empty } from "../parts/states.js";
import { Search, Text, Choice, Check } from "../parts/field.js";
import { Dialog, Confirm } from "../parts/dialog.js";
import { Trouble, useForm } from "../parts/keyform.js";
import { say, complain } from "../parts/toast.js";

const strategies = ["ordered", "weighted", "least_busy", "lowest_latency"];

// buckets are the strips of all accounts that can serve a target.
function buckets(state, target) {
  const [provider, ...rest] = target.split("/");
  const model = rest.join("/");
  return Object.values(state?.budgets || {}).filter((b) => b.scope === "upstream" && b.name.startsWith(provider + "/") && (b.name.endsWith("/" + model) || b.name.endsWith("/*")));
}

// Target is one step of the flow.
function Target({ target, place, last, shares, state, act }) {
  const served = shares?.served?.[target.target] || 0;
  const sum = Object.values(shares?.served || {}).reduce((a, b) => a + b, 0);
  const [provider] = target.target.split("/");
  const breakers = Object.values(state?.upstreams || {}).filter((u) => u.provider === provider).flatMap((u) => (u.breakers || []).filter((b) => b.state !== "closed" && target.target.endsWith("/" + b.model)).map((b) => ({ ...b, account: u.account })));
  return html`<li class=${cx("target", target.paused && "paused")}>
    <div class="place" aria-hidden="true">${place + 1}</div>
    <div class="what"><strong>${target.target}</strong> ${target.paused && html`<${Chip} state="paused" />`} ${target.weight > 1 && html`<${Tag}>× ${target.weight}<//>`}
      ${breakers.map((b) => html`<${Chip} key=${b.account} state=${b.state} text=${`${b.account}: ${t("state." + b.state)}`} />`)}
      <div class="minis">${buckets(state, target.target).slice(0, 8).map((b) => html`<span key=${b.name + b.limit} class="mini" title=${b.name + " " + b.limit}><${Bar} small bucket=${b} /></span>`)}</div></div>
    <div class="share"><div class="track"><i class="move" style=${{ width: (sum ? (served / sum) * 100 : 0).toFixed(1) + "%" }}></i></div><span class="num">${sum ? percent(served / sum) : "–"} <span class="quiet">${served ? count(served) : ""}</span></span></div>
    ${act && html`<div class="acts"><button class="plain" disabled=${place === 0} aria-label=${t("route.up", { target: target.target })} onClick=${() => act.move(place, -1)}>↑</button>
      <button class="plain" disabled=${last} aria-label=${t("route.down", { target: target.target })} onClick=${() => act.move(place, 1)}>↓</button>
      <button class="plain" onClick=${() => act.pause(place)}>${t(target.paused ? "route.resume" : "route.pause")}</button></div>`}
  </li>`;
}

function Settings({ route, close, done }) {
  const form = useForm({ strategy: route.strategy, sticky: route.sticky, max_wait: route.max_wait, wait_before_fallback: route.wait_before_fallback, timeout: route.timeout, max_attempts: String(route.max_attempts), ttl: route.cache.ttl, weights: route.targets.map((x) => String(x.weight)) },
    (d) => patch("/routes/" + encodeURIComponent(route.name), {
      strategy: d.strategy, sticky: d.sticky, max_wait: d.max_wait, wait_before_fallback: d.wait_before_fallback, timeout: d.timeout, max_attempts: Number(d.max_attempts), cache: { ttl: d.ttl },
      targets: route.targets.map((x, i) => ({ ...x, weight: Number(d.weights[i]) || 1 })),
    }), done);
  const change = (name) => (v) => form.set({ ...form.value, [name]: v });
  const d = form.value;
  return html`<${Dialog} title=${t("route.edit", { name: route.name })} close=${close} wide><form class="stack" onSubmit=${form.submit}><div class="form">
      <${Choice} label=${t("route.strategy")} value=${d.strategy} set=${change("strategy")} options=${strategies.map((s) => [s, t("strategy." + s)])} />
      <${Text} label=${t("route.max_wait")} about=${t("route.max_wait.about")} value=${d.max_wait} set=${change("max_wait")} error=${form.fields.max_wait} />
      <${Text} label=${t("route.wait_before")} about=${t("route.wait_before.about")} value=${d.wait_before_fallback} set=${change("wait_before_fallback")} />
      <${Text} label=${t("route.timeout")} value=${d.timeout} set=${change("timeout")} /><${Text} label=${t("route.attempts")} value=${d.max_attempts} set=${change("max_attempts")} inputmode="numeric" />
      <${Text} label=${t("route.cache")} about=${t("route.cache.about")} value=${d.ttl} set=${change("ttl")} /><${Check} label=${t("route.sticky")} value=${d.sticky} set=${change("sticky")} />
      ${route.targets.map((x, i) => html`<${Text} key=${x.target} label=${t("route.weight", { target: x.target })} value=${d.weights[i]} set=${(v) => change("weights")(d.weights.map((w, j) => (j === i ? v : w)))} inputmode="numeric" />`)}</div>
    <${Trouble} error=${form.error} /><div class="row end"><button type="button" onClick=${close}>${t("cancel")}</button><button class="main" disabled=${form.busy}>${t("save")}</button></div></form><//>`;
}

function Route({ route, state, shares, again, open }) {
  const [dialog, setDialog] = useState(null);
  const act = can(...operators);
  const save = async (targets, text) => {
    const before = route.targets;
    const put = (list) => patch("/routes/" + encodeURIComponent(route.name), { targets: list });
    try {
      await put(targets);
      say(text, { undo: async () => { await put(before); again(); } });
      again();
    } catch (e) { complain(e); }
  };
  const acts = act && {
    move: (i, by) => { const list = [...route.targets]; [list[i], list[i + by]] = [list[i + by], list[i]]; save(list, t("route.moved", { target: route.targets[i].target })); },
    pause: (i) => {
      const x = route.targets[i];
      if (!x.paused) return setDialog({ pause: i });
      save(route.targets.map((y, j) => (j === i ? { ...y, paused: false } : y)), t("route.resumed", { target: x.target }));
    },
  };
  const moved = Object.entries(shares?.moved || {}).sort((a, b) => b[1] - a[1]);
  const pausing = dialog?.pause !== undefined && route.targets[dialog.pause];
  const busy = pausing && (shares?.served?.[pausing.target] || 0);
  return html`<section class=${cx("band", open && "selected")} id=${"route-" + route.name}><header><h2>${route.name}</h2><span class="quiet small">${t("strategy." + route.strategy)}${route.sticky ? " · " + t("route.sticky") : ""} · ${t("route.waits", { span: route.max_wait })}${route.cache?.ttl && route.cache.ttl !== "0s" ? ` · ${t("route.cached", { span: route.cache.ttl })}` : ""}</span>
      <span class="grow"></span>${shares?.failed > 0 && html`<span class="wrong">${t("route.failed", { n: count(shares.failed) })}</span>`}${act && html`<button onClick=${() => setDialog("settings")}>${t("edit")}</button>`}</header>
    <ol class="flow">${route.targets.map((x, i) => html`<${Target} key=${x.target} target=${x} place=${i} last=${i === route.targets.length - 1} shares=${shares} state=${state} act=${acts} />`)}</ol>
    ${moved.length > 0 && html`<p class="small soft">${t("route.whymoved")} ${moved.map(([why, n]) => t("moved", { n: count(n), why: t("reason." + why) })).join(", ")}</p>`}
    ${dialog === "settings" && html`<${Settings} route=${route} close=${() => setDialog(null)} done=${() => { setDialog(null); say(t("saved")); again(); }} />`}
    ${pausing && html`<${Confirm} title=${t("route.pausing", { target: pausing.target })} says=${t("route.pausing.says", { n: count(busy) })} verb=${t("route.pause")} close=${() => setDialog(null)}
      act=${() => save(route.targets.map((y, j) => (j === dialog.pause ? { ...y, paused: true } : y)), t("route.paused", { target: pausing.target }))} />`}
  </section>`;
}

export function Page({ at }) {
  const state = useStore(live);
  const { data, error, again } = useLoad(() => get("/routes"), []);
  useMemo(() => onEvent((kind) => kind === "config" && again()), []);
  const words = (at.query.q || "").toLowerCase();
  if (error) return html`<${Failure} error=${error} again=${again} />`;
  if (!data) return html`<${Loading} />`;
  const rows = data.data.filter((r) => (r.name + " " + r.targets.map((x) => x.target).join(" ")).toLowerCase().includes(words) && (!at.rest[0] || words || r.name === at.rest[0]));
  return html`<div class="pagehead"><h1>${t("page.routes")}</h1><span class="quiet small">${t("route.about")}</span><span class="grow"></span>${at.rest[0] && html`<a href=${href("routes")}>${t("route.all")}</a>`}<${Search} label=${t("route.search")} value=${at.query.q || ""} set=${(q) => refine({ q })} /></div>
    ${rows.length ? rows.map((r) => html`<${Route} key=${r.name} route=${r} state=${state} shares=${state?.routes?.[r.name]} again=${again} open=${at.rest[0] === r.name} />`) : html`<${Empty}><p>${t("list.nothing")}</p><//>`}`;
}
