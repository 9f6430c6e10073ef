// The form of a client key or an owner: what it may do, and how much of it.
import { html, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { Text, Choice, Field } from "./field.js";
import { classes } from "./lanes.js";

export const limitNames = ["rpm", "tpm", "rpd", "tpd", "concurrency", "usd_per_day", "usd_per_month"];

// lines is a list as it is written in a field: one thing, a comma, the next.
const list = (text) => text.split(/[,\n]/).map((s) => s.trim()).filter(Boolean);

// draft is a key as the fields hold it.
export function draft(k = {}) {
  return {
    name: k.name || "", owner: k.owner || "", priority: k.priority || "normal", weight: String(k.weight || 1), models: (k.models || ["*"]).join(", "),
    limits: { ...(k.limits || {}) }, max_tokens: k.max_tokens ? String(k.max_tokens) : "", allowed_ips: (k.allowed_ips || []).join(", "),
    tags: (k.tags || []).join(", "), expires_at: k.expires_at ? k.expires_at.slice(0, 10) : "",
  };
}

// written is a limit as the API takes it: a number, or a text such as 25%.
const written = (text) => (/^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : text);

// body is what the API takes. A limit that was there and is empty now is taken away.
export function body(d, before = {}) {
  const limits = Object.fromEntries(Object.entries(d.limits).map(([n, v]) => [n, String(v ?? "").trim()]).filter(([, v]) => v !== "").map(([n, v]) => [n, written(v)]));
  for (const n of Object.keys(before)) if (!(n in limits)) limits[n] = null;
  return {
    name: d.name.trim(), owner: d.owner.trim(), priority: d.priority, weight: Number(d.weight) || 1, models: list(d.models), limits,
    max_tokens: Number(d.max_tokens) || 0, allowed_ips: list(d.allowed_ips), tags: list(d.tags), expires_at: d.expires_at ? d.expires_at + "T00:00:00Z" : null,
  };
}

// Limits are the fields of the limits, with what is set first.
export function Limits({ value, set, fields = {}, shares }) {
  return html`<fieldset class="whole"><legend>${t("key.limits")}</legend><p class="quiet small">${t(shares ? "key.limits.about" : "key.limits.owner")}</p>
    <div class="form tight">${limitNames.map((n) => html`<${Field} key=${n} label=${t("limit." + n)} error=${fields["limits." + n]}>
      ${(tied) => html`<input ...${tied} inputmode="decimal" placeholder="–" value=${value[n] ?? ""} onInput=${(e) => set({ ...value, [n]: e.target.value })} />`}<//>`)}</div></fieldset>`;
}

export function KeyFields({ value: d, set, fields = {}, owners = [], routes = [], own }) {
  const change = (name) => (v) => set({ ...d, [name]: v });
  return html`<div class="form">
    <${Text} label=${t("key.name")} value=${d.name} set=${change("name")} error=${fields.name} required autofocus />
    ${!own && html`<${Text} label=${t("key.owner")} value=${d.owner} set=${change("owner")} error=${fields.owner} list="owners" about=${t("key.owner.about")} />`}
    <${Choice} label=${t("key.priority")} value=${d.priority} set=${change("priority")} error=${fields.priority} options=${classes.map((c) => [c, t("class." + c)])} />
    <${Text} label=${t("key.models")} value=${d.models} set=${change("models")} error=${fields.models} about=${t("key.models.about")} list="routes" />
    <${Limits} value=${d.limits} set=${change("limits")} fields=${fields} shares />
    <${Text} label=${t("key.max_tokens")} value=${d.max_tokens} set=${change("max_tokens")} error=${fields.max_tokens} about=${t("key.max_tokens.about")} inputmode="numeric" />
    <${Text} label=${t("key.weight")} value=${d.weight} set=${change("weight")} error=${fields.weight} about=${t("key.weight.about")} inputmode="numeric" />
    <${Text} label=${t("key.expires")} value=${d.expires_at} set=${change("expires_at")} error=${fields.expires_at} type="date" />
    <${Text} label=${t("key.ips")} value=${d.allowed_ips} set=${change("allowed_ips")} error=${fields.allowed_ips} about=${t("key.ips.about")} />
    <${Text} label=${t("key.tags")} value=${d.tags} set=${change("tags")} error=${fields.tags} />
    <datalist id="owners">${owners.map((o) => html`<option key=${o} value=${o}></option>`)}</datalist>
    <datalist id="routes">${routes.map((r) => html`<option key=${r} value=${r}></option>`)}</datalist>
  </div>`;
}

// useForm keeps a draft and what the API says of it.
export function useForm(first, send, done) {
  const [value, set] = useState(first);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = async (e) => {
    e.preventDefault();
    setBusy(true);
    setError(null);
    try {
      done(await send(value));
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  return { value, set, error, busy, submit, fields: error?.fields || {} };
}

// Trouble is what is wrong with a form as a whole.
export const Trouble = ({ error }) => error && html`<p class="notice refused" role="alert">${error.message}${Object.entries(error.fields || {}).map(([f, m]) => html`<span key=${f}><code>${f}</code> ${m}</span>`)}</p>`;
