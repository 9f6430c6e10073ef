// What would become of a request now: nothing is sent.
import { html, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { get, post } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { count, span, money } from "../lib/format.js";
import { Area, Choice, Text } from "./field.js";
import { Chip } from "./chips.js";
import { Candidates } from "./timeline.js";
import { classes } from "./lanes.js";

const states = { send: "ok", wait: "waiting", refuse: "disabled" };

// sentence says an explanation in words.
function sentence(a) {
  if (a.verdict === "send") return t("explain.send", { target: a.target, account: a.account });
  if (a.verdict === "wait") return t(a.wait_ms < 0 ? "explain.wait.unknown" : "explain.wait", { n: a.queued, span: span(a.wait_ms) });
  const d = a.door?.find((x) => x.says !== "room");
  if (d && a.reason.startsWith("limited by")) return t(d.wait_ms < 0 ? "explain.door.never" : "explain.door.says", { scope: t("limited." + d.scope), name: d.name, what: t("dimension." + d.short), span: span(d.wait_ms) });
  return t(a.wait_ms < 0 ? "explain.refuse.unknown" : "explain.refuse", { why: t("refusal." + a.reason), span: span(a.wait_ms) });
}

// Verdict is an explanation in words and pictures.
export function Verdict({ answer: a }) {
  return html`<div class="stack">
    <p class=${"notice " + { send: "free", wait: "waiting", refuse: "refused" }[a.verdict]}><${Chip} state=${states[a.verdict]} text=${t("verdict." + a.verdict)} /><span>${sentence(a)}</span></p>
    <dl class="pairs inline"><dt>${t("explain.estimated")}</dt><dd>${t("explain.tokens", { input: count(a.estimated.input_tokens), output: count(a.estimated.output_tokens) })} · ${money(a.estimated.cost_nano_usd)}</dd>
      <dt>${t("explain.queued")}</dt><dd>${count(a.queued)}${a.predicted_wait_ms > 0 ? ` · ${span(a.predicted_wait_ms)}` : ""}</dd></dl>
    ${a.door?.length > 0 && html`<div><h3>${t("explain.door")}</h3><ul>${a.door.map((d, i) => html`<li key=${i} class="row"><${Chip} state=${d.says === "room" ? "ok" : "disabled"} text=${t("says." + d.says, { what: d.short ? t("dimension." + d.short) : "" })} />${t("limited." + d.scope)} <strong>${d.name}</strong>${d.wait_ms > 0 ? span(d.wait_ms) : ""}</li>`)}</ul></div>`}
    <div><h3>${t("timeline.candidates")}</h3><${Candidates} candidates=${a.candidates} /></div>
  </div>`;
}

export function Explain() {
  const { data: about } = useLoad(() => get("/about"));
  const [text, setText] = useState(null);
  const [key, setKey] = useState("");
  const [priority, setPriority] = useState("");
  const [answer, setAnswer] = useState(null);
  const [error, setError] = useState(null);
  const shown = text ?? JSON.stringify({ model: about?.routes?.[0] || "", messages: [{ role: "user", content: "Hello!" }], max_tokens: 256 }, null, 2);
  const ask = async (e) => {
    e.preventDefault();
    setError(null);
    try {
      setAnswer(await post("/explain", { request: JSON.parse(shown), key, priority }));
    } catch (problem) {
      setAnswer(null);
      setError(problem);
    }
  };
  return html`<section class="band stack"><h2 class="hidden-label">${t("req.explain")}</h2><p class="soft">${t("explain.about")}</p>
    <form class="stack" onSubmit=${ask}>
      <${Area} label=${t("explain.request")} value=${shown} set=${setText} rows="10" error=${error?.message} />
      <div class="form"><${Text} label=${t("explain.key")} about=${t("explain.key.about")} value=${key} set=${setKey} list="explain-keys" />
        <${Choice} label=${t("req.class")} value=${priority} set=${setPriority} options=${[["", t("explain.owncl")], ...classes.map((c) => [c, t("class." + c)])]} /></div>
      <datalist id="explain-keys">${(about?.keys || []).map((k) => html`<option key=${k} value=${k}></option>`)}</datalist>
      <div class="row"><button class="main" disabled=${!about && text === null}>${t("explain.ask")}</button></div>
    </form>
    ${answer && html`<${Verdict} answer=${answer} />`}
  </section>`;
}
