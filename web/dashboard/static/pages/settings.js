// Settings: the configuration with its history, people and tokens, alerts, the audit log.
import { html } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { href } from "../lib/router.js";
import { can, admins, readers } from "../lib/who.js";
import { Tabs } from "../parts/chips.js";
import { Broken } from "../parts/states.js";
import { Configuration } from "./settings/configuration.js";
import { People } from "./settings/people.js";
import { Alerts } from "./settings/alerts.js";
import { Audit } from "./settings/audit.js";
import { Me } from "./settings/me.js";

const tabs = () => [
  { name: "configuration", roles: readers, show: Configuration }, { name: "alerts", roles: readers, show: Alerts },
  { name: "people", roles: admins, show: People }, { name: "audit", roles: admins, show: Audit }, { name: "me", roles: readers, show: Me },
];

export function Page({ at }) {
  const all = tabs();
  const list = all.filter((x) => can(...x.roles));
  const tab = all.find((x) => x.name === at.rest[0]) || list[0];
  return html`<div class="pagehead"><h1>${t("page.settings")}</h1></div>
    <${Tabs} label=${t("page.settings")} at=${tab.name} tabs=${list.map((x) => ({ name: x.name, href: href("settings", [x.name]), label: t("settings." + x.name) }))} />
    ${list.includes(tab) ? html`<${tab.show} at=${at} />` : html`<${Broken} kind="forbidden" roles=${tab.roles} />`}`;
}
