// Before any traffic: the line that makes the first call, and a button that sends it.
import { html, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { get, post } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { can, operators } from "../lib/who.js";
import { href } from "../lib/router.js";
import { samples } from "../lib/samples.js";
import { Code } from "./field.js";
import { say, complain } from "./toast.js";


export function FirstCall() {
  const [busy, setBusy] = useState(false);
  const { data: about } = useLoad(() => get("/about"));
  const model = about?.routes?.[0] || "MODEL";
  const send = async () => {
    setBusy(true);
    try {
      await post("/playground", { request: { model, messages: [{ role: "user", content: "Hello!" }], max_tokens: 32 } });
      say(t("first.sent"));
    } catch (e) {
      complain(e);
    }
    setBusy(false);
  };
  return html`<h2>${t("first.title")}</h2><p class="soft">${t("first.about")}</p>
    <${Code} label="curl" text=${samples.curl({ api: about?.api || "http://127.0.0.1:8080", model, key: about?.demo_key || "$SLUICE_KEY" })} />
    <div class="row">${can(...operators) && html`<button class="main" disabled=${busy || !about} onClick=${send}>${t("first.send")}</button>`}
      <a href=${href("keys")}>${t("first.key")}</a></div>`;
}
