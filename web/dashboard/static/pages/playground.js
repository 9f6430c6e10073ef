// Playground: a chat against a route, for real, and what happened to it.
import { html, useEffect, useRef, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { get, url, ApiError } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { href } from "../lib/router.js";
import { count, money, took } from "../lib/format.js";
import { Choice, Text, Area, Check } from "../parts/field.js";
import { Story } from "../parts/timeline.js";
import { classes } from "../parts/lanes.js";
import { Empty, Failure, Loading } from "../parts/states.js";

// read takes a stream's events apart and hands on the text of each.
async function read(response, more) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
      const event = JSON.parse(line.slice(6));
      if (event.error) throw new ApiError(200, event.error);
      more(event.choices?.[0]?.delta?.content || "");
    }
  }
}

// send calls the route and follows the answer.
async function send({ request, key, priority, signal }, more) {
  const response = await fetch(url("/playground"), { method: "POST", credentials: "same-origin", signal, headers: { "content-type": "application/json" }, body: JSON.stringify({ request, key, priority }) });
  const id = response.headers.get("x-request-id");
  if (!response.ok) {
    const body = await response.json().catch(() => null);
    throw Object.assign(new ApiError(response.status, body?.error), { id });
  }
  if ((response.headers.get("content-type") || "").includes("event-stream")) await read(response, more);
  else more((await response.json()).choices?.[0]?.message?.content || "");
  return { id, model: response.headers.get("x-sluice-model"), provider: response.headers.get("x-sluice-provider") };
}

// trailOf waits for the request's record, which is written when it has ended.
async function trailOf(id) {
  for (let n = 0; n < 10; n++) {
    const trail = await get("/explain/" + encodeURIComponent(id)).catch(() => null);
    if (trail) return trail;
    await new Promise((done) => setTimeout(done, 150));
  }
  return null;
}

// told is in a line what happened to a call.
const told = (r) => [r.model && `${r.model} · ${r.account}`, r.queue_ms >= 1 && t("play.queued", { span: took(r.queue_ms) }), r.attempts?.length > 1 && t("play.attempts", { n: r.attempts.length }),
  r.first_byte_ms > 0 && t("play.firstbyte", { span: took(r.first_byte_ms) }), t("play.took", { span: took(r.duration_ms) }), t("stage.settled.what", { tokens: count(r.input_tokens + r.output_tokens), cost: money(r.cost_nano_usd) })].filter(Boolean).join(" · ");

function Turn({ turn }) {
  return html`<article class=${"turn " + turn.role}>
    <h2>${t("play." + turn.role)}${turn.model ? html` <span class="quiet">${turn.model}</span>` : ""}</h2>
    <div class="text">${turn.content}${turn.busy && html`<span class="cursor" aria-hidden="true"></span>`}</div>
    ${turn.error && html`<p class="notice refused" role="alert"><code>${turn.error.code}</code> ${turn.error.message}</p>`}
    ${turn.trail && html`<p class="small soft">${told(turn.trail)} <a href=${href("requests", [turn.trail.id])}>${t("play.open")}</a></p><details><summary>${t("play.happened")}</summary><${Story} request=${turn.trail} /></details>`}
  </article>`;
}

export function Page() {
  const { data: about, error: trouble, again } = useLoad(() => get("/about"));
  const [set, setSet] = useState({ model: "", key: "", priority: "", max: "512", system: "", stream: true });
  const [turns, setTurns] = useState([]);
  const [text, setText] = useState("");
  const stop = useRef(null);
  const end = useRef();
  const change = (name) => (v) => setSet((s) => ({ ...s, [name]: v }));
  const busy = !!turns.at(-1)?.busy;
  const model = set.model || about?.routes?.[0] || "";
  const last = (f) => setTurns((list) => [...list.slice(0, -1), f(list.at(-1))]);
  useEffect(() => end.current?.scrollIntoView({ block: "nearest" }), [turns]);
  useEffect(() => () => stop.current?.abort(), []);
  const ask = async (e) => {
    e.preventDefault();
    if (!text.trim() || stop.current) return;
    const past = [...turns.filter((x) => !x.error), { role: "user", content: text }];
    setTurns([...past, { role: "assistant", content: "", busy: true }]);
    setText("");
    stop.current = new AbortController();
    const messages = [...(set.system ? [{ role: "system", content: set.system }] : []), ...past.map(({ role, content }) => ({ role, content }))];
    const request = { model, messages, stream: set.stream, ...(+set.max > 0 && { max_tokens: +set.max }) };
    let id;
    try {
      const done = await send({ request, key: set.key, priority: set.priority, signal: stop.current.signal }, (more) => last((x) => ({ ...x, content: x.content + more })));
      id = done.id;
      last((x) => ({ ...x, busy: false, model: done.model }));
    } catch (error) {
      id = error.id;
      last((x) => ({ ...x, busy: false, error: error.name === "AbortError" ? null : error }));
    }
    stop.current = null;
    const trail = id && (await trailOf(id));
    if (trail) last((x) => ({ ...x, trail }));
  };
  const typed = (e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) ask(e); };
  if (!about) return trouble ? html`<${Failure} error=${trouble} again=${again} />` : html`<${Loading} />`;
  return html`<div class="pagehead"><h1>${t("page.playground")}</h1><span class="grow"></span>${turns.length > 0 && html`<button onClick=${() => setTurns([])}>${t("play.clear")}</button>`}</div>
    <section class="band"><div class="form">
      <${Choice} label=${t("req.route")} value=${model} set=${change("model")} options=${(about?.routes || []).map((r) => [r, r])} />
      <${Text} label=${t("play.as")} about=${t("play.as.about")} value=${set.key} set=${change("key")} list="play-keys" />
      <${Choice} label=${t("req.class")} value=${set.priority} set=${change("priority")} options=${[["", t("explain.owncl")], ...classes.map((c) => [c, t("class." + c)])]} />
      <${Text} label="max_tokens" value=${set.max} set=${change("max")} inputmode="numeric" />
      <${Check} label=${t("play.stream")} value=${set.stream} set=${change("stream")} />
      <div class="whole"><${Text} label=${t("play.system")} value=${set.system} set=${change("system")} /></div>
    </div><datalist id="play-keys">${(about?.keys || []).map((k) => html`<option key=${k} value=${k}></option>`)}</datalist></section>
    ${turns.length === 0 && html`<${Empty}><p>${t("play.empty")}</p><//>`}
    <div class="turns" aria-live="polite">${turns.map((turn, i) => html`<${Turn} key=${i} turn=${turn} />`)}<div ref=${end}></div></div>
    <form class="band stack" onSubmit=${ask}>
      <${Area} label=${t("play.message")} about=${t("play.keys")} value=${text} set=${setText} rows="3" onKeyDown=${typed} />
      <div class="row"><button class="main" disabled=${!model || busy}>${t("play.send")}</button><button type="button" disabled=${!busy} onClick=${() => stop.current?.abort()}>${t("play.stop")}</button></div>
    </form>`;
}
