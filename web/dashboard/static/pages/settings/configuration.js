// The configuration as YAML: checked while it is typed, its difference shown before it is
// applied, and every version kept.
import { html, useEffect, useState } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { get, post, put } from "../../lib/api.js";
import { useLoad } from "../../lib/load.js";
import { onEvent } from "../../lib/live.js";
import { go } from "../../lib/router.js";
import { clock } from "../../lib/format.js";
import { store, useStore } from "../../lib/store.js";
import { can, admins, who } from "../../lib/who.js";
import { Editor, Difference } from "../../parts/yaml.js";
import { Confirm, Dialog } from "../../parts/dialog.js";
import { Loading, Failure } from "../../parts/states.js";
import { Text } from "../../parts/field.js";
import { Chip } from "../../parts/chips.js";
import { say, complain } from "../../parts/toast.js";
import { carried } from "../../parts/simjobs.js";

// drafts is what is written and not applied yet: {text, base, by}, from which version and by
// whom. It outlives a look at another page.
const drafts = store(null);

// useDraft is the draft of whoever is signed in.
function useDraft() {
  const draft = useStore(drafts);
  const by = who.get()?.name;
  return [draft?.by === by ? draft : null, (d) => drafts.set(d && { ...d, by })];
}

// useCheck asks what a text would do, a moment after the last key.
function useCheck(text, original) {
  const [checked, set] = useState(null);
  useEffect(() => {
    set(null); // what was said of another text says nothing of this one
    if (text === original) return;
    const cancel = new AbortController();
    const timer = setTimeout(() => post("/config/validate", { text }, { signal: cancel.signal }).then(set, (e) => e.name === "AbortError" || set({ valid: false, problems: [{ message: e.message }], warnings: [], diff: [], needs_restart: [] })), 300);
    return () => { clearTimeout(timer); cancel.abort(); };
  }, [text, original]);
  return checked;
}

// useConfiguration is what is in force; another one that comes in force is fetched at once.
function useConfiguration() {
  const loaded = useLoad(() => get("/config"), [], 30_000);
  useEffect(() => onEvent((kind) => kind === "config" && loaded.again()), [loaded.again]);
  return loaded;
}

// later says of how many changes that they act only after a restart, if at all.
const later = (view, n, name = "config.restart") => t(view.lasting ? name : "config.restart.never", { n });

// Restart says what acts only after a restart.
function Restart({ view, paths, name }) {
  if (!paths?.length) return null;
  return html`<div class="notice waiting"><p>${later(view, paths.length, name)}</p><p class="mono">${paths.join(", ")}</p></div>`;
}

function Version({ n, view, close, back }) {
  const { data, error } = useLoad(() => get("/config/history/" + n), [n, view.version]);
  const [asking, ask] = useState(false);
  return html`<${Dialog} title=${t("config.version", { n })} close=${close} wide>${error ? html`<${Failure} error=${error} />` : !data ? html`<${Loading} />` : html`
    <p class="soft">${data.who} · ${clock(data.at)}${data.note ? " · " + data.note : ""}</p>
    ${data.problem && html`<p class="notice refused">${data.problem}</p>`}
    <h3>${t("config.towards")}</h3><${Difference} lines=${data.diff} /><details><summary>YAML</summary><pre>${data.text}</pre></details>
    ${can(...admins) && !data.active && !data.problem && html`<div class="row end"><button class="danger" onClick=${() => ask(true)}>${t("config.rollback")}</button></div>`}
    ${asking && html`<${Confirm} title=${t("config.rollback.ask", { n })} says=${t("config.rollback.says", { n: data.diff?.length || 0 })} verb=${t("config.rollback")} close=${() => ask(false)}
      act=${async () => { await post("/config/rollback", { version: n }, { headers: { "if-match": view.version } }); close(); back(); }}><${Restart} view=${view} paths=${data.needs_restart} /><//>`}`}<//>`;
}

function History({ view, again }) {
  const { data, error, again: reload } = useLoad(() => get("/config/history"), [view.version]);
  const [open, setOpen] = useState(null);
  const [toFile, setToFile] = useState(false);
  const back = () => { say(t("config.rolledback")); again(); reload(); };
  const where = view.file ? "config.tofile" : "config.todemo";
  if (error) return html`<${Failure} error=${error} again=${reload} />`;
  if (!data) return html`<${Loading} rows=${2} />`;
  if (!data.data.length) return html`<p class="quiet">${t(view.file ? "config.nohistory" : "config.nohistory.demo")}</p>`;
  return html`<table><thead><tr><th class="num">${t("config.n")}</th><th>${t("req.at")}</th><th>${t("config.who")}</th><th>${t("config.note")}</th><th>${t("state")}</th><th><span class="hidden-label">${t("actions")}</span></th></tr></thead>
    <tbody>${data.data.map((v) => html`<tr key=${v.n}><td class="num">${v.n}</td><td>${clock(v.at)}</td><td>${v.who}</td><td class="soft">${v.note || ""}</td><td>${v.active && html`<${Chip} state="ok" text=${t("config.inforce")} />`}</td>
      <td class="num"><button class="plain" aria-label=${t("config.look.n", { n: v.n })} onClick=${() => setOpen(v.n)}>${t("config.look")}</button></td></tr>`)}</tbody></table>
    ${can(...admins) && view.source === "api" && html`<div class="row"><button onClick=${() => setToFile(true)}>${t(where)}</button></div>`}
    ${open !== null && html`<${Version} n=${open} view=${view} close=${() => setOpen(null)} back=${back} />`}
    ${toFile && html`<${Confirm} title=${t(where)} says=${t(where + ".says")} verb=${t(where)} close=${() => setToFile(false)} act=${async () => { await post("/config/rollback", { to: "file" }, { headers: { "if-match": view.version } }); back(); }} />`}`;
}

// Notices are what is to be known about what is in force.
function Notices({ view }) {
  return html`${!view.lasting && html`<p class="notice">${t(view.file ? "config.memory" : "config.memory.demo")}</p>`}
    <${Restart} view=${view} paths=${view.needs_restart} name="config.restart.pending" />
    ${view.conflict && html`<div class="notice waiting"><p>${view.conflict.message}</p><${Difference} lines=${view.conflict.diff} /></div>`}
    ${view.lost && html`<p class="notice refused">${view.lost}</p>`}
    ${view.file_problems?.length > 0 && html`<div class="notice refused"><p>${t("config.filebroken")}</p><ul>${view.file_problems.map((p, i) => html`<li key=${i}>${p.line ? t("yaml.line", { n: p.line }) + ": " : ""}${p.message}</li>`)}</ul></div>`}`;
}

// Reload loads the file again, with what it refers to.
function Reload({ view, again }) {
  const [busy, set] = useState(false);
  const load = async () => {
    set(true);
    try {
      const done = await post("/reload");
      say(t("config.reloaded", { n: done.diff.length }) + (done.needs_restart.length ? " " + later(view, done.needs_restart.length) : ""));
    } catch (e) { complain(e); }
    set(false);
    again();
  };
  return html`<button class="plain" disabled=${busy} title=${t("config.reload.about")} onClick=${load}>${t("config.reload")}</button>`;
}

export function Configuration() {
  const { data: view, error, again } = useConfiguration();
  const [draft, setDraft] = useDraft();
  const [note, setNote] = useState("");
  const [asking, ask] = useState(false);
  const shown = draft?.text ?? view?.text ?? "";
  const checked = useCheck(shown, view?.text ?? "");
  if (error && !view) return html`<${Failure} error=${error} again=${again} />`;
  if (!view) return html`<${Loading} />`;
  const edit = can(...admins);
  const changed = shown !== view.text;
  const moved = changed && draft.base !== view.version;
  const apply = async () => {
    const before = view;
    const done = await put("/config", { text: shown, note }, { headers: { "if-match": draft.base } });
    setDraft(null);
    setNote("");
    again();
    const n = before.applied?.n;
    say(t("config.applied", { n: done.diff.length }) + (done.needs_restart.length ? " " + later(view, done.needs_restart.length) : ""),
      { undo: async () => { await post("/config/rollback", n ? { version: n } : { to: "file" }, { headers: { "if-match": done.version } }); again(); } });
  };
  const source = view.source === "api" && !view.file ? "config.source.api.demo" : "config.source." + (view.source || "file");
  return html`<section class="band stack"><header><h2>${t("config.title")}</h2><span class="quiet small">${t(source, { file: view.file || "" })}</span><span class="grow"></span>
      ${changed && (checked ? html`<${Chip} state=${checked.valid ? "ok" : "invalid"} text=${t(checked.valid ? "config.valid" : "config.problems", { n: checked.problems.length })} />` : html`<span class="quiet small">${t("config.checking")}</span>`)}
      ${edit && view.file && html`<${Reload} view=${view} again=${again} />`}</header>
    <${Notices} view=${view} />
    ${moved && html`<div class="notice waiting" role="alert"><p>${t("config.moved")}</p><button onClick=${() => setDraft({ text: shown, base: view.version })}>${t("config.moved.on")}</button><button onClick=${() => setDraft(null)}>${t("config.discard")}</button></div>`}
    <${Editor} text=${shown} set=${(text) => setDraft({ text, base: draft?.base ?? view.version })} readonly=${!edit} problems=${checked?.problems || []} warnings=${checked?.warnings || view.warnings || []} />
    ${changed && checked?.valid && html`<div class="stack"><h3>${t("config.difference")}</h3><${Difference} lines=${checked.diff} /></div>`}
    ${edit ? html`<div class="row"><${Text} label=${t("config.note")} maxlength="500" value=${note} set=${setNote} /><span class="grow"></span><button disabled=${!changed} onClick=${() => setDraft(null)}>${t("config.discard")}</button><button disabled=${!changed || !checked?.valid} title=${t("config.simulate.about")} onClick=${() => { carried.set(shown); go("simulate"); }}>${t("config.simulate")}</button><button class="main" disabled=${!changed || moved || !checked?.valid} onClick=${() => ask(true)}>${t("config.apply")}</button></div>` : html`<p class="quiet small">${t("config.readonly")}</p>`}
  </section>
  <section class="band"><header><h2>${t("config.history")}</h2></header><${History} view=${view} again=${again} /></section>
  ${asking && checked && html`<${Confirm} title=${t("config.apply")} says=${t("config.apply.says", { n: checked.diff.length })} verb=${t("config.apply")} danger=${false} close=${() => ask(false)} act=${apply}><${Difference} lines=${checked.diff} /><${Restart} view=${view} paths=${checked.needs_restart} /><//>`}`;
}
