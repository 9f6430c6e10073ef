// The own account: its password.
import { html } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { put } from "../../lib/api.js";
import { who } from "../../lib/who.js";
import { Text } from "../../parts/field.js";
import { Trouble, useForm } from "../../parts/keyform.js";
import { say } from "../../parts/toast.js";

export function Me() {
  const me = who.get();
  const form = useForm({ current: "", new: "" }, (d) => put("/session/password", d), () => { say(t("me.changed")); form.set({ current: "", new: "" }); });
  const change = (name) => (v) => form.set({ ...form.value, [name]: v });
  return html`<section class="band stack"><header><h2>${me.name}</h2><span class="quiet small">${t("role." + me.role)}</span></header><p class="soft">${t("role.about." + me.role)}</p>
    ${me.account_id && html`<form class="stack narrow" onSubmit=${form.submit}><${Text} label=${t("me.current")} value=${form.value.current} set=${change("current")} type="password" autocomplete="current-password" error=${form.fields.current} required />
      <${Text} label=${t("me.new")} about=${t("signin.rules")} value=${form.value.new} set=${change("new")} type="password" autocomplete="new-password" error=${form.fields.new} required />
      <${Trouble} error=${form.error} /><div class="row"><button class="main" disabled=${form.busy}>${t("me.change")}</button></div></form>`}</section>`;
}
