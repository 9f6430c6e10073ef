// Before any traffic: the line that makes the first call, with a key that works, and a
// button that sends it.
import { html, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { get, post } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { can, operators } from "../lib/who.js";
import { href } from "../lib/router.js";
import { samples, sampleNames, apiOf } from "../lib/samples.js";
import { Code } from "./field.js";
import { say, complain } from "./toast.js";

// Lines are ready lines in four languages.
export function Lines({ about, secret, model }) {
  const [kind, setKind] = useState("curl");
  return html`<div class="row" role="group" aria-label=${t("first.language")}>${Object.entries(sampleNames).map(([name, label]) => html`<button key=${name} type="button" aria-pressed=${kind === name} onClick=${() => setKind(name)}>${label}</button>`)}</div>
    <${Code} text=${samples[kind]({ api: apiOf(about), key: secret, model })} label=${sampleNames[kind]} />`;
}

export function FirstCall() {
  const [busy, setBusy] = useState(false);
  const [made, setMade] = useState(null);
  const { data: about } = useLoad(() => get("/about"));
  const model = about?.routes?.[0];
  const act = (f) => async () => {
    setBusy(true);
    try { await f(); } catch (e) { complain(e); }
    setBusy(false);
  };
  const send = act(async () => {
    await post("/playground", { request: { model, messages: [{ role: "user", content: "Hello!" }], max_tokens: 32 } });
    say(t("first.sent"));
  });
  const make = act(async () => setMade(await post("/keys", { name: "first-key-" + Date.now().toString(36) })));
  const secret = made?.key || about?.demo_key;
  const operator = can(...operators);
  return html`<h2>${t("first.title")}</h2><p class="soft">${t(secret ? "first.about" : "first.nokey")}</p>
    ${made && html`<p class="notice waiting">${t("key.once")}</p>`}
    <${Lines} about=${about} secret=${secret || "$SLUICE_KEY"} model=${model || "MODEL"} />
    <div class="row">${operator && html`<button class="main" disabled=${busy || !model} onClick=${send}>${t("first.send")}</button>`}
      ${operator && !secret && about && html`<button disabled=${busy} onClick=${make}>${t("first.make")}</button>`}
      <a href=${href("keys")}>${t("page.keys")}</a></div>`;
}
