// The simulations that are known: how far each is, and what can be done with it.
import { html, cx } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { remove, url } from "../lib/api.js";
import { clock, count, percent, span } from "../lib/format.js";
import { store } from "../lib/store.js";
import { can, operators } from "../lib/who.js";
import { Chip } from "./chips.js";
import { complain } from "./toast.js";
import { Scroll } from "./states.js";

// carried is a text of the configuration that another page wants to see simulated.
export const carried = store(null);

// active says that a job will still change.
export const active = (j) => j.state === "waiting" || j.state === "running";

// nameOf is what a job is called.
export const nameOf = (j) => j.name || clock(j.created);

// configOf is a job's configuration in words.
export const configOf = (j) => (j.config === "current" ? t("sim.config.was", { version: j.config_version }) : j.config === "given" ? t("sim.config.given", { n: j.diff.length }) : j.config === "file" ? t("sim.config.file") : t("config.version", { n: j.config.slice(1) }));

// traceOf is a job's trace in words.
export const traceOf = (j) => t(j.trace === "last_hour" ? "sim.trace.recorded" : "sim.trace.file", { n: count(j.calls), at: j.since ? clock(j.since) : "" });

// optionsOf are a job's options in words; none: as recorded.
export const optionsOf = (j) => Object.entries(j.options).map(([name, v]) => `${name} ${Array.isArray(v) ? v.join(", ") : v}`).join(" · ");

function State({ job }) {
  if (!active(job)) return html`<${Chip} state=${{ done: "ok", failed: "invalid" }[job.state] || "off"} text=${t("sim.state." + job.state)} />`;
  const done = Math.min(1, job.progress);
  return html`<span class="progress" role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(done * 100)} aria-label=${t("sim.state." + job.state)}>
    <span class="bar"><i class="move" style=${{ width: done * 100 + "%" }}></i></span><span class="small">${job.state === "waiting" ? t("sim.state.waiting") : percent(done, 0)}</span></span>`;
}

function Actions({ job, a, b, look, again, vary }) {
  const end = async () => {
    try {
      await remove("/simulate/" + job.id);
      if (!active(job) && (job === a || job === b)) look(job === a ? b?.id : a?.id);
      again();
    } catch (e) { complain(e); }
  };
  const of = (verb) => nameOf(job) + ": " + t(verb);
  return html`<span class="acts">
    ${job.state === "done" && a && a !== job && b !== job && a.state === "done" && html`<button class="plain" aria-label=${of("sim.compare")} onClick=${() => look(a.id, job.id)}>${t("sim.compare")}</button>`}
    ${b === job && html`<button class="plain" onClick=${() => look(a.id)}>${t("sim.alone")}</button>`}
    ${job.report && html`<a class="plain" href=${url("/simulate/" + job.id + "/report")} target="_blank" rel="noopener" aria-label=${of("sim.report")}>${t("sim.report")}</a>`}
    ${can(...operators) && html`<button class="plain" aria-label=${of("sim.again")} onClick=${() => { vary(job); scrollTo({ top: 0 }); }}>${t("sim.again")}</button>
      <button class="plain" aria-label=${of(active(job) ? "cancel" : "sim.forget")} onClick=${end}>${t(active(job) ? "cancel" : "sim.forget")}</button>`}</span>`;
}

export function Jobs({ jobs, a, b, look, again, vary }) {
  return html`<section class="band" id="simulations"><header><h2>${t("sim.jobs")}</h2><span class="quiet small">${t("sim.jobs.about")}</span></header><${Scroll} label=${t("sim.jobs")}><table class="simjobs">
    <thead><tr><th><span class="hidden-label">${t("sim.side")}</span></th><th>${t("sim.name")}</th><th>${t("config.title")}</th><th>${t("sim.trace")}</th><th>${t("sim.options")}</th><th>${t("state")}</th><th><span class="hidden-label">${t("actions")}</span></th></tr></thead>
    <tbody>${jobs.map((j) => html`<tr key=${j.id} class=${cx((j === a || j === b) && "selected")}>
      <td>${j === a ? html`<strong class="side">A</strong>` : j === b ? html`<strong class="side">B</strong>` : ""}</td>
      <td><button class="link" onClick=${() => look(j.id)}>${nameOf(j)}</button><div class="quiet small">${j.by} · ${clock(j.created)}</div></td>
      <td>${configOf(j)}</td><td>${traceOf(j)}${j.skipped > 0 && html`<div class="small wrong" title=${j.problems.map((p) => t("yaml.line", { n: p.line }) + ": " + p.reason).join("\n")}>${t("sim.skipped", { n: j.skipped === 1 ? 1 : count(j.skipped) })}</div>`}</td>
      <td class="small">${optionsOf(j) || html`<span class="quiet">${t("sim.asrecorded")}</span>`}</td>
      <td><${State} job=${j} />${j.error && html`<div class="small wrong">${j.error}</div>`}${j.ended && j.started && html`<div class="quiet small">${t("sim.took", { span: span(new Date(j.ended) - new Date(j.started)) })}</div>`}</td>
      <td class="num"><${Actions} job=${j} a=${a} b=${b} look=${look} again=${again} vary=${vary} /></td></tr>`)}</tbody></table><//></section>`;
}
