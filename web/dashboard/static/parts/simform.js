// The form of a simulation: which configuration, which calls, and what is different from
// what was recorded. What is wrong is told while it is written.
import { html, useEffect, useMemo, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { call, get, post } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { bytes, clock } from "../lib/format.js";
import { Editor, Difference } from "./yaml.js";
import { Field, Text, Choice } from "./field.js";
import { carried, nameOf, traceOf } from "./simjobs.js";

const most = 50 * 2 ** 20;
const engines = ["sluice", "sluice,none", "sluice,fifo", "sluice,afterwards", "sluice,mirror"];
// first are the options that have a place of their own; from and length belong to the trace.
const first = ["load", "engine", "foreign", "failures", "limit-change", "from", "length", "seed"];

// given are the options as the API takes them: texts, and lists of what may be repeated;
// what is as it is anyway is left out.
function given(values, kept, all) {
  const out = {};
  const usual = Object.fromEntries(all.map((o) => [o.name, o.default]));
  for (const [name, value] of Object.entries(values)) {
    const text = String(value).trim();
    if (!text || text === usual[name] || (kept && (name === "from" || name === "length"))) continue;
    out[name] = name === "limit-change" || name === "upstream" ? text.split(/\s+/) : text;
  }
  return out;
}

// useCheck asks what is wrong with a request, a moment after the last change.
function useCheck(request) {
  const [checked, set] = useState(null);
  const text = JSON.stringify(request);
  useEffect(() => {
    const cancel = new AbortController();
    const timer = setTimeout(() => post("/simulate/check", JSON.parse(text), { signal: cancel.signal }).then(set, (e) => e.name === "AbortError" || set({ valid: false, problems: [], warnings: [], diff: [], fields: { ...e.fields, request: e.message } })), 300);
    return () => { clearTimeout(timer); cancel.abort(); };
  }, [text]);
  return checked;
}

// Calls chooses the recorded calls.
function Calls({ trace, set, file, setFile, jobs, error, empty }) {
  const kept = [...new Map(jobs.filter((j) => j.trace_kept).reverse().map((j) => [j.trace_id, j])).values()].reverse();
  const options = [["last_hour", t("sim.trace.last_hour")], ["upload", t("sim.trace.upload")], ...kept.map((j) => [j.id, t("sim.trace.kept", { name: nameOf(j), trace: traceOf(j) })])];
  return html`<${Choice} label=${t("sim.trace")} value=${trace} set=${set} options=${options} error=${error} about=${trace === "last_hour" ? t(empty ? "sim.trace.empty" : "sim.trace.last_hour.about") : trace === "upload" ? t("sim.trace.upload.about") : t("sim.trace.kept.about")} />
    ${trace === "upload" && html`<${Field} label=${t("sim.file")} about=${file ? bytes(file.size) : t("sim.file.about")} error=${file?.size > most ? t("sim.file.large", { size: bytes(file.size) }) : ""}>
      ${(tied) => html`<input ...${tied} type="file" accept=".csv,.jsonl,.gz,text/csv,application/json" onChange=${(e) => setFile(e.target.files[0] || null)} />`}<//>`}`;
}

// More are the options without a place of their own, in the API's words.
function More({ all, values, set, fields }) {
  const rest = all.filter((o) => !first.includes(o.name));
  const used = rest.some((o) => values[o.name]);
  return html`<details open=${used}><summary>${t("sim.more")}</summary><div class="form more">${rest.map((o) => (o.kind === "truth"
    ? html`<${Choice} key=${o.name} label=${o.name} about=${o.about} value=${values[o.name] || ""} set=${(v) => set(o.name, v)} options=${[["", t("no")], ["true", t("yes")]]} />`
    : html`<${Text} key=${o.name} label=${o.name} about=${o.about} error=${fields["options." + o.name]} placeholder=${o.default} value=${values[o.name]} set=${(v) => set(o.name, v)} />`))}</div></details>`;
}

// useSources are what the form chooses from: the text in force, the history, the options,
// and whether anything was served lately.
function useSources() {
  const config = useLoad(() => get("/config"), []);
  const history = useLoad(() => get("/config/history", { limit: 50 }), []);
  const options = useLoad(() => get("/simulate/options"), []);
  const recent = useLoad(() => get("/requests", { limit: 1, from: new Date(Date.now() - 36e5).toISOString() }), [], 30_000);
  return { view: config.data, versions: history.data?.data || [], options: options.data?.data || [], empty: recent.data?.data.length === 0 };
}

// begun is the form as it begins: anew, as another job was made, or with a text that is
// carried over from the settings.
function begun(job, text) {
  if (text) return { ...begun(null), config: "edited", text };
  if (!job) return { config: "current", trace: "last_hour", name: "", values: { load: "1", engine: "sluice" } };
  const values = Object.fromEntries(Object.entries(job.options).map(([name, v]) => [name, Array.isArray(v) ? v.join(" ") : String(v)]));
  return { config: job.config === "given" ? "edited" : job.config, trace: job.trace_kept ? job.id : job.trace === "last_hour" ? "last_hour" : "upload", name: "", values: { load: "1", engine: "sluice", ...values } };
}

export function Form({ jobs, begin, made }) {
  const { view, versions, options, empty } = useSources();
  const start = useMemo(() => begun(begin.job, carried.get()), [begin]);
  useEffect(() => carried.set(null), []);
  const [config, setConfig] = useState(start.config);
  const [text, setText] = useState(start.text ?? null);
  const [trace, setTrace] = useState(start.trace);
  const [file, setFile] = useState(null);
  const [name, setName] = useState(start.name);
  const [values, setValues] = useState(start.values);
  const [busy, setBusy] = useState(false);
  const [refusal, refuse] = useState(null);
  const set = (option, v) => setValues((all) => ({ ...all, [option]: v }));
  const kept = trace !== "upload" && trace !== "last_hour";
  const edited = text ?? view?.text ?? "";
  const request = { name, config: config === "edited" ? edited : config, trace: trace === "upload" ? "" : trace, options: given(values, kept, options) };
  const checked = useCheck(request);
  const fields = { ...checked?.fields, ...(refusal?.fields || {}) };
  useEffect(() => refuse(null), [name, config, text, trace, file, values]);
  const run = async (e) => {
    e.preventDefault();
    setBusy(true);
    refuse(null);
    try {
      let form;
      if (trace === "upload") {
        form = new FormData();
        form.append("job", JSON.stringify(request));
        form.append("trace", file);
      }
      made(await call("POST", "/simulate", form ? { form } : { body: request }));
      setName("");
    } catch (error) { refuse(error); } finally { setBusy(false); }
  };
  const configs = [["current", t("sim.config.current", { version: view?.version || "" })], ["edited", t("sim.config.edited")],
    ...(view?.source === "api" ? [["file", t("sim.config.file")]] : []), ...versions.map((v) => ["v" + v.n, t("sim.config.version", { n: v.n, who: v.who, at: clock(v.at) })])];
  const ready = !busy && checked?.valid && (trace !== "upload" || (file && file.size <= most));
  const option = (key, more = {}) => html`<${Text} label=${t("sim.option." + key)} about=${t("sim.option." + key + ".about")} error=${fields["options." + key]} value=${values[key]} set=${(v) => set(key, v)} ...${more} />`;
  return html`<section class="band"><header><h2>${t("sim.new")}</h2></header><form class="stack" onSubmit=${run}>
    <div class="form"><${Choice} label=${t("config.title")} value=${config} set=${setConfig} options=${configs} error=${config === "edited" ? "" : fields.config} />
      <${Calls} trace=${trace} set=${setTrace} file=${file} setFile=${setFile} jobs=${jobs} error=${fields.trace} empty=${empty} />
      <${Text} label=${t("sim.name")} about=${t("sim.name.about")} error=${fields.name} maxlength="100" value=${name} set=${setName} /></div>
    ${config === "edited" && html`<div class="stack"><${Editor} text=${edited} set=${setText} problems=${checked?.problems || []} warnings=${checked?.warnings || []} />
      ${checked?.problems.length === 0 && html`<div><h3>${t("sim.differs")}</h3><${Difference} lines=${checked.diff} /></div>`}</div>`}
    ${config !== "edited" && config !== "current" && checked?.diff.length > 0 && html`<details><summary>${t("sim.differs.n", { n: checked.diff.length })}</summary><${Difference} lines=${checked.diff} /></details>`}
    <div class="form">${option("load", { inputmode: "decimal" })}
      <${Choice} label=${t("sim.option.engine")} about=${t("sim.option.engine.about")} value=${engines.includes(values.engine) ? values.engine : "sluice"} set=${(v) => set("engine", v)} options=${engines.map((e) => [e, e.split(",").map((x) => t("sim.by." + x)).join(" + ")])} />
      ${option("foreign", { placeholder: "0%" })}${option("failures", { placeholder: "0%" })}${option("limit-change", { placeholder: "10m=0.5" })}
      ${!kept && option("from", { placeholder: "0s" })}${!kept && option("length", { placeholder: "1h" })}${option("seed", { inputmode: "numeric", placeholder: "1" })}</div>
    <${More} all=${options} values=${values} set=${set} fields=${fields} />
    ${refusal && html`<p class="notice refused" role="alert">${[refusal.message, ...Object.values(refusal.fields || {})].join(": ")}</p>`}
    <div class="row end"><span class="quiet small" role="status">${busy ? t(trace === "upload" ? "sim.uploading" : "sim.reading") : checked && !checked.valid ? t("sim.wrong", { n: Object.keys(checked.fields).length }) : ""}</span>
      <button class="main" disabled=${!ready}>${t("sim.run")}</button></div></form></section>`;
}
