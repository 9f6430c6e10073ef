// The configuration as YAML: checked while it is typed, its difference shown before it is
// applied, and every version kept.
import { html, useEffect, useState } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { get, post, put } from "../../lib/api.js";
import { useLoad } from "../../lib/load.js";
import { clock } from "../../lib/format.js";
import { can, admins } from "../../lib/who.js";
import { Editor, Difference } from "../../parts/yaml.js";
import { Confirm, Dialog } from "../../parts/dialog.js";
import { Loading, Failure } from "../../parts/states.js";
import { Text } from "../../parts/field.js";
import { Chip } from "../../parts/chips.js";
import { say } from "../../parts/toast.js";

// useCheck asks what a text would do, a moment after the last key.
function useCheck(text, original) {
  const [checked, set] = useState(null);
  useEffect(() => {
    if (text === original) return set(null);
    const cancel = new AbortController();
    const timer = setTimeout(() => post("/config/validate", { text }, { signal: cancel.signal }).then(set, (e) => e.name === "AbortError" || set({ valid: false, problems: [{ message: e.message }], warnings: [], diff: [] })), 300);
    return () => { clearTimeout(timer); cancel.abort(); };
  }, [text, original]);
  return checked;
}

function Version({ n, close, back }) {
  const { data, error } = useLoad(() => get("/config/history/" + n), [n]);
  const [asking, ask] = useState(false);
  return html`<${Dialog} title=${t("config.version", { n })} close=${close} wide>${error ? html`<${Failure} error=${error} />` : !data ? html`<${Loading} />` : html`
    <p class="soft">${data.who} · ${clock(data.at)}${data.note ? " · " + data.note : ""}</p>
    ${data.problem && html`<p class="notice refused">${data.problem}</p>`}
    <h3>${t("config.towards")}</h3><${Difference} lines=${data.diff} /><details><summary>YAML</summary><pre>${data.text}</pre></details>
    ${can(...admins) && !data.active && !data.problem && html`<div class="row end"><button class="danger" onClick=${() => ask(true)}>${t("config.rollback")}</button></div>`}
    ${asking && html`<${Confirm} title=${t("config.rollback.ask", { n })} says=${t("config.rollback.says", { n: data.diff?.length || 0 })} verb=${t("config.rollback")} close=${() => ask(false)} act=${async () => { await post("/config/rollback", { version: n }); close(); back(); }} />`}`}<//>`;
}

function History({ view, again }) {
  const { data, error, again: reload } = useLoad(() => get("/config/history"), [view.version]);
  const [open, setOpen] = useState(null);
  const [toFile, setToFile] = useState(false);
  if (error) return html`<${Failure} error=${error} again=${reload} />`;
  if (!data?.data.length) return html`<p class="quiet">${t("config.nohistory")}</p>`;
  return html`<table><tbody>${data.data.map((v) => html`<tr key=${v.n}><td class="num">${v.n}</td><td>${clock(v.at)}</td><td>${v.who}</td><td class="soft">${v.note || ""}</td><td>${v.active && html`<${Chip} state="ok" text=${t("config.inforce")} />`}</td>
      <td class="num"><button class="plain" onClick=${() => setOpen(v.n)}>${t("config.look")}</button></td></tr>`)}</tbody></table>
    ${can(...admins) && view.source !== "file" && view.file && html`<div class="row"><button onClick=${() => setToFile(true)}>${t("config.tofile")}</button></div>`}
    ${open !== null && html`<${Version} n=${open} close=${() => setOpen(null)} back=${() => { say(t("config.rolledback")); again(); reload(); }} />`}
    ${toFile && html`<${Confirm} title=${t("config.tofile")} says=${t("config.tofile.says")} verb=${t("config.tofile")} close=${() => setToFile(false)} act=${async () => { await post("/config/rollback", { to: "file" }); say(t("config.rolledback")); again(); reload(); }} />`}`;
}

export function Configuration() {
  const { data: view, error, again } = useLoad(() => get("/config"), []);
  const [text, setText] = useState(null);
  const [note, setNote] = useState("");
  const [asking, ask] = useState(false);
  const shown = text ?? view?.text ?? "";
  const checked = useCheck(shown, view?.text ?? "");
  if (error) return html`<${Failure} error=${error} again=${again} />`;
  if (!view) return html`<${Loading} />`;
  const edit = can(...admins);
  const changed = shown !== view.text;
  const apply = async () => {
    const before = view;
    const done = await put("/config", { text: shown, note }, { headers: { "if-match": view.version } });
    setText(null);
    setNote("");
    again();
    const n = before.applied?.n;
    say(t("config.applied", { n: done.diff.length }), { undo: async () => { await post("/config/rollback", n ? { version: n } : { to: "file" }); again(); } });
  };
  return html`<section class="band stack"><header><h2>${t("config.title")}</h2><span class="quiet small">${t("config.source." + (view.source || "file"), { file: view.file || "" })}</span><span class="grow"></span>
      ${changed && checked && html`<${Chip} state=${checked.valid ? "ok" : "invalid"} text=${t(checked.valid ? "config.valid" : "config.problems", { n: checked.problems.length })} />`}</header>
    ${view.conflict && html`<div class="notice waiting"><p>${view.conflict.message}</p><${Difference} lines=${view.conflict.diff} /></div>`}
    ${view.lost && html`<p class="notice refused">${view.lost}</p>`}
    ${view.file_problems?.length > 0 && html`<div class="notice refused"><p>${t("config.filebroken")}</p><ul>${view.file_problems.map((p, i) => html`<li key=${i}>${p.line ? t("yaml.line", { n: p.line }) + ": " : ""}${p.message}</li>`)}</ul></div>`}
    <${Editor} text=${shown} set=${setText} readonly=${!edit} problems=${checked?.problems || []} warnings=${checked?.warnings || view.warnings || []} />
    ${changed && checked?.valid && html`<div><h3>${t("config.difference")}</h3><${Difference} lines=${checked.diff} /></div>`}
    ${edit && html`<div class="row"><${Text} label=${t("config.note")} value=${note} set=${setNote} /><span class="grow"></span><button disabled=${!changed} onClick=${() => setText(null)}>${t("config.discard")}</button><button class="main" disabled=${!changed || !checked?.valid} onClick=${() => ask(true)}>${t("config.apply")}</button></div>`}
  </section>
  <section class="band"><header><h2>${t("config.history")}</h2></header><${History} view=${view} again=${again} /></section>
  ${asking && html`<${Confirm} title=${t("config.apply")} says=${t("config.apply.says", { n: checked.diff.length })} verb=${t("config.apply")} danger=${false} close=${() => ask(false)} act=${apply}><${Difference} lines=${checked.diff} /><//>`}`;
}
