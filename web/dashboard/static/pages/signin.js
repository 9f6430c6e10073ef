// The door: with a name and a password, with OpenID Connect, or, as long as nobody has an
// account, with the token that the program has shown at its start.
import { html, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { post } from "../lib/api.js";
import { Text } from "../parts/field.js";
import { Failure } from "../parts/states.js";

function Names({ name, setName, password, setPassword, fields, fresh }) {
  return html`
    <${Text} label=${t("signin.name")} value=${name} set=${setName} autocomplete="username" required autofocus error=${fields.name} />
    <${Text} label=${t("signin.password")} value=${password} set=${setPassword} type="password" required
      autocomplete=${fresh ? "new-password" : "current-password"} about=${fresh ? t("signin.rules") : undefined} error=${fields.password} />`;
}

export function SignIn({ me, again }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [token, setToken] = useState("");
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  if (me.error) return html`<main class="door"><${Failure} error=${me.error} again=${again} /></main>`;
  const fresh = !me.ways.accounts;
  const enter = async (e) => {
    e.preventDefault();
    setBusy(true);
    setError(null);
    try {
      if (fresh) await post("/accounts", { name, password, role: "admin" }, { headers: { authorization: "Bearer " + token } });
      await post("/session", { name, password });
      again();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  const said = error && (error.code === "unauthorized" && fresh ? t("signin.badtoken") : error.message);
  return html`<main class="door"><div class="sheet">
    <div class="brand"><img src="/icon.svg" alt="" /><h1>Sluice</h1></div>
    ${me.ways.password && html`<form class="stack" onSubmit=${enter}>
      <p class="soft">${t(fresh ? "signin.first" : "signin.welcome")}</p>
      ${fresh && html`<${Text} label=${t("signin.token")} about=${t("signin.token.about")} value=${token} set=${setToken} type="password" autocomplete="off" required />`}
      <${Names} name=${name} setName=${setName} password=${password} setPassword=${setPassword} fields=${error?.fields || {}} fresh=${fresh} />
      ${said && html`<p class="notice refused" role="alert">${said}</p>`}
      <button class="main" disabled=${busy}>${t(fresh ? "signin.create" : "signin.enter")}</button>
    </form>`}
    ${me.ways.oidc && html`<a class="button" href=${me.ways.oidc_url + "?return=/"}>${t("signin.oidc")}</a>`}
    ${!me.ways.password && !me.ways.oidc && html`<p class="notice waiting">${t("signin.none")}</p>`}
  </div></main>`;
}
