// People and the tokens of programs: who may use the admin API, and as what.
import { html, useState } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { all, patch, post, remove } from "../../lib/api.js";
import { useLoad } from "../../lib/load.js";
import { Ago } from "../../parts/time.js";
import { who } from "../../lib/who.js";
import { Chip } from "../../parts/chips.js";
import { Dialog, Confirm } from "../../parts/dialog.js";
import { Text, Choice, Code } from "../../parts/field.js";
import { Loading, Failure } from "../../parts/states.js";
import { Trouble, useForm } from "../../parts/keyform.js";
import { say, complain } from "../../parts/toast.js";

const roles = () => ["admin", "operator", "viewer", "key-owner"].map((r) => [r, t("role." + r)]);

function Person({ row, close, done }) {
  const form = useForm({ name: row?.name || "", role: row?.role || "viewer", owner: row?.owner || "", password: "" }, (d) => row
    ? patch("/accounts/" + row.id, { version: row.version, role: d.role, owner: d.owner, ...(d.password && { password: d.password }) })
    : post("/accounts", { name: d.name.trim(), role: d.role, password: d.password, ...(d.role === "key-owner" && { owner: d.owner }) }), done);
  const change = (name) => (v) => form.set({ ...form.value, [name]: v });
  const d = form.value;
  return html`<${Dialog} title=${row ? t("people.edit", { name: row.name }) : t("people.create")} close=${close}><form class="stack" onSubmit=${form.submit}><div class="form">
    ${!row && html`<${Text} label=${t("signin.name")} value=${d.name} set=${change("name")} error=${form.fields.name} required autofocus autocomplete="off" />`}
    <${Choice} label=${t("people.role")} about=${t("role.about." + d.role)} value=${d.role} set=${change("role")} options=${roles()} />
    ${d.role === "key-owner" && html`<${Text} label=${t("key.owner")} value=${d.owner} set=${change("owner")} error=${form.fields.owner} required />`}
    ${(!row || row.sign_in === "password") && html`<${Text} label=${t(row ? "people.newpassword" : "signin.password")} about=${t("signin.rules")} value=${d.password} set=${change("password")} error=${form.fields.password} type="password" autocomplete="new-password" required=${!row} />`}</div>
    <${Trouble} error=${form.error} /><div class="row end"><button type="button" onClick=${close}>${t("cancel")}</button><button class="main" disabled=${form.busy}>${t("save")}</button></div></form><//>`;
}

function Token({ close, done }) {
  const form = useForm({ name: "", role: "viewer", owner: "", expires: "" }, (d) => post("/tokens", { name: d.name.trim(), role: d.role, ...(d.role === "key-owner" && { owner: d.owner }), ...(d.expires && { expires_at: d.expires + "T00:00:00Z" }) }), done);
  const change = (name) => (v) => form.set({ ...form.value, [name]: v });
  return html`<${Dialog} title=${t("token.create")} close=${close}><form class="stack" onSubmit=${form.submit}><div class="form">
    <${Text} label=${t("signin.name")} value=${form.value.name} set=${change("name")} error=${form.fields.name} required autofocus />
    <${Choice} label=${t("people.role")} about=${t("role.about." + form.value.role)} value=${form.value.role} set=${change("role")} options=${roles()} />
    ${form.value.role === "key-owner" && html`<${Text} label=${t("key.owner")} value=${form.value.owner} set=${change("owner")} required />`}
    <${Text} label=${t("key.expires")} value=${form.value.expires} set=${change("expires")} type="date" error=${form.fields.expires_at} /></div>
    <${Trouble} error=${form.error} /><div class="row end"><button type="button" onClick=${close}>${t("cancel")}</button><button class="main" disabled=${form.busy}>${t("token.create")}</button></div></form><//>`;
}

export function People() {
  const people = useLoad(() => all("/accounts"), []);
  const tokens = useLoad(() => all("/tokens"), []);
  const [open, setOpen] = useState(null);
  const trouble = people.error || tokens.error;
  if (trouble) return html`<${Failure} error=${trouble} again=${() => { people.again(); tokens.again(); }} />`;
  if (!people.data || !tokens.data) return html`<${Loading} />`;
  const close = () => setOpen(null);
  const changed = () => { close(); say(t("saved")); people.again(); };
  const toggle = async (p) => {
    const put = (disabled) => patch("/accounts/" + p.id, { disabled });
    try {
      await put(!p.disabled);
      say(t(p.disabled ? "people.enabled" : "people.disabled", { name: p.name }), { undo: async () => { await put(p.disabled); people.again(); } });
      people.again();
    } catch (e) { complain(e); }
  };
  return html`<section class="band"><header><h2>${t("people.title")}</h2><span class="grow"></span><button class="main" onClick=${() => setOpen({ person: null })}>${t("people.create")}</button></header>
    <table><thead><tr><th>${t("signin.name")}</th><th>${t("people.role")}</th><th>${t("people.signin")}</th><th>${t("state")}</th><th><span class="hidden-label">${t("actions")}</span></th></tr></thead><tbody>${people.data.map((p) => html`<tr key=${p.id}><td><strong>${p.name}</strong>${p.id === who.get().account_id && html` <span class="tag">${t("people.you")}</span>`}</td><td>${t("role." + p.role)}${p.owner ? ` · ${p.owner}` : ""}</td><td>${t("people.by." + (p.sign_in || "password"))}</td><td><${Chip} state=${p.disabled ? "disabled" : "enabled"} /></td>
      <td class="num"><button class="plain" onClick=${() => setOpen({ person: p })}>${t("edit")}</button><button class="plain" disabled=${p.id === who.get().account_id} onClick=${() => toggle(p)}>${t(p.disabled ? "enable" : "disable")}</button><button class="plain" disabled=${p.id === who.get().account_id} onClick=${() => setOpen({ gone: p })}>${t("delete")}</button></td></tr>`)}</tbody></table></section>
  <section class="band"><header><h2>${t("token.title")}</h2><span class="quiet small">${t("token.about")}</span><span class="grow"></span><button class="main" onClick=${() => setOpen({ token: true })}>${t("token.create")}</button></header>
    ${tokens.data.length === 0 ? html`<p class="quiet">${t("token.none")}</p>` : html`<table><thead><tr><th>${t("signin.name")}</th><th>${t("people.role")}</th><th>${t("key.created")}</th><th>${t("key.expires")}</th><th><span class="hidden-label">${t("actions")}</span></th></tr></thead><tbody>${tokens.data.map((k) => html`<tr key=${k.id}><td><strong>${k.name}</strong></td><td>${t("role." + k.role)}${k.owner ? ` · ${k.owner}` : ""}</td><td><${Ago} at=${k.created_at} /></td><td>${k.expires_at ? html`<${Ago} at=${k.expires_at} />` : t("never")}</td><td class="num"><button class="plain" onClick=${() => setOpen({ dead: k })}>${t("delete")}</button></td></tr>`)}</tbody></table>`}</section>
  ${open && "person" in open && html`<${Person} row=${open.person} close=${close} done=${changed} />`}
  ${open?.token && html`<${Token} close=${close} done=${(made) => { setOpen({ made }); tokens.again(); }} />`}
  ${open?.made && html`<${Dialog} title=${open.made.name} close=${close}><p class="notice waiting">${t("token.once")}</p><${Code} text=${open.made.token} label=${t("token.title")} /><//>`}
  ${open?.gone && html`<${Confirm} title=${t("people.delete", { name: open.gone.name })} says=${t("people.delete.says")} verb=${t("delete")} close=${close} act=${async () => { await remove("/accounts/" + open.gone.id); changed(); }} />`}
  ${open?.dead && html`<${Confirm} title=${t("token.delete", { name: open.dead.name })} says=${t("token.delete.says")} verb=${t("delete")} close=${close} act=${async () => { await remove("/tokens/" + open.dead.id); close(); tokens.again(); }} />`}`;
}
