// Requests: what comes in now, what came before, one of them as a timeline, and what
// would become of another.
import { html, useEffect, useMemo, useState, useRef } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { get, url } from "../lib/api.js";
import { useStore } from "../lib/store.js";
import { tail } from "../lib/live.js";
import { useLoad } from "../lib/load.js";
import { href, refine, go } from "../lib/router.js";
import { clock, count, moment, money, took } from "../lib/format.js";
import { Ago } from "../parts/time.js";
import { List } from "../parts/list.js";
import { Story } from "../parts/timeline.js";
import { Chip, Tabs } from "../parts/chips.js";
import { Loading, Failure, Empty } from "../parts/states.js";
import { Search, Choice, Text } from "../parts/field.js";
import { Explain } from "../parts/explain.js";
import { can, readers } from "../lib/who.js";

const outcomes = ["ok", "limited", "no_room", "shed", "rejected", "upstream_failed", "upstream_rejected", "stream_broken", "timeout", "client_gone", "too_large", "internal_error"];

const columns = () => [
  { name: "at", label: t("req.at"), width: "104px", cell: (r) => html`<${Ago} at=${new Date(new Date(r.start).getTime() + r.duration_ms).toISOString()} />` },
  { name: "outcome", label: t("req.outcome"), width: "124px", cell: (r) => html`<${Chip} state=${r.outcome} text=${t("outcome." + r.outcome)} />` },
  { name: "key", label: t("req.key"), width: "minmax(90px, .8fr)", cell: (r) => r.key || "–" },
  { name: "class", minor: true, label: t("req.class"), width: "72px", cell: (r) => html`<span class="quiet">${r.priority ? t("class." + r.priority) : "–"}</span>` },
  { name: "route", minor: true, label: t("req.route"), cell: (r) => r.route || "–" },
  { name: "served", minor: true, label: t("req.served"), width: "minmax(0, 1.7fr)", cell: (r) => html`<span class="soft">${r.model ? `${r.model} · ${r.account}` : r.error_code || "–"}</span>` },
  { name: "tokens", minor: true, label: t("tokens"), width: "108px", num: true, cell: (r) => `${count(r.input_tokens)} + ${count(r.output_tokens)}` },
  { name: "queue", minor: true, label: t("req.queue"), width: "72px", num: true, cell: (r) => (r.queue_ms >= 1 ? html`<span class="later">${took(r.queue_ms)}</span>` : "–") },
  { name: "total", label: t("req.total"), width: "72px", num: true, cell: (r) => took(r.duration_ms) },
  { name: "cost", minor: true, label: t("cost"), width: "98px", num: true, cell: (r) => money(r.cost_nano_usd) },
];

// openOne shows one request; the way back leads to the list as it was.
let listAt = "";

function openOne(r) {
  listAt = location.hash;
  go("requests", [r.id]);
}

// useTail is the last requests as they end; paused, those up to that moment.
function useTail(paused) {
  const rows = useStore(tail);
  const held = useRef(rows);
  if (!paused) held.current = rows;
  return held.current;
}

function Tail({ words }) {
  const [paused, pause] = useState(false);
  const all = useTail(paused);
  const rows = useMemo(() => all.filter((r) => matches(r, words)), [all, words]);
  return html`<div class="row"><button onClick=${() => pause(!paused)} aria-pressed=${paused}>${t(paused ? "req.resume" : "req.pause")}</button>
      <span class="quiet small">${t("req.tail.about")}</span></div>
    ${rows.length ? html`<${List} label=${t("page.requests")} rows=${rows} columns=${columns()} rowKey=${(r) => r.id} onOpen=${openOne} />`
      : html`<${Empty}><p>${t(words ? "list.nothing" : "req.none")}</p><//>`}`;
}

const matches = (r, words) => !words || [r.id, r.client_request_id, r.key, r.owner, r.route, r.model, r.account, r.outcome, r.error_code].some((v) => v?.toLowerCase().includes(words.toLowerCase()));

const iso = (local) => { const d = new Date(local); return local && !Number.isNaN(d.getTime()) ? d.toISOString() : ""; };

// Filters are the conditions of the search that the ledger itself answers.
function Filters({ query }) {
  const { data: about } = useLoad(() => get("/about"));
  const field = (name) => ({ value: query[name] || "", set: (v) => refine({ [name]: v }) });
  const one = (name, label, values, word) => html`<${Choice} label=${label} ...${field(name)} options=${[["", t("any")], ...values.map((v) => [v, word ? t(word + v) : v])]} />`;
  return html`<div class="form filters">${one("outcome", t("req.outcome"), outcomes, "outcome.")}${one("fault", t("req.fault"), ["caller", "policy", "provider", "gateway"], "fault.")}${one("route", t("req.route"), about?.routes || [])}
    <${Text} label=${t("key.owner")} ...${field("owner")} /><${Text} label=${t("req.keyid")} ...${field("key_id")} list="past-keys" />
    <${Text} label=${t("req.from")} type="datetime-local" ...${field("from")} /><${Text} label=${t("req.to")} type="datetime-local" ...${field("to")} />
    <datalist id="past-keys">${(about?.keys || []).map((k) => html`<option key=${k} value=${k}></option>`)}</datalist></div>`;
}

// Past is the search in what the ledger keeps.
function Past({ query, words }) {
  const filter = { outcome: query.outcome, fault: query.fault, route: query.route, owner: query.owner, key_id: query.key_id, from: iso(query.from), to: iso(query.to), id: words.startsWith("req_") ? words : "" };
  const [rows, setRows] = useState([]);
  const next = useRef(null);
  const { data, error, loading, again } = useLoad(() => get("/requests", { ...filter, limit: 200 }), Object.values(filter));
  useEffect(() => { setRows(data?.data || []); next.current = data?.next; }, [data]);
  const more = async () => {
    const after = next.current;
    if (!after) return;
    next.current = null;
    const page = await get("/requests", { ...filter, limit: 200, after }).catch(() => null);
    if (page) { setRows((list) => [...list, ...page.data]); next.current = page.next; }
  };
  const seen = useMemo(() => rows.filter((r) => words.startsWith("req_") || matches(r, words)), [rows, words]);
  const anything = Object.values(filter).some(Boolean);
  return html`<section class="band"><${Filters} query=${query} /></section>
    <div class="row"><span class="quiet small">${t(next.current ? "req.found.more" : "req.found", { n: count(seen.length) })}</span>${anything && html`<button class="plain" onClick=${() => refine({ outcome: "", fault: "", route: "", owner: "", key_id: "", from: "", to: "", q: "" })}>${t("req.clear")}</button>`}
      <button class="plain" onClick=${again}>${t("req.again")}</button><span class="grow"></span><a href=${url("/requests", { ...filter, format: "csv" })} download="requests.csv">${t("export.csv")}</a></div>
    ${error ? html`<${Failure} error=${error} again=${again} />` : loading && !rows.length ? html`<${Loading} />`
      : seen.length ? html`<${List} label=${t("page.requests")} rows=${seen} columns=${columns()} rowKey=${(r) => r.id} onOpen=${openOne} onEnd=${more} />`
      : html`<${Empty}><p>${t(anything || words ? "list.nothing" : "req.nothing")}</p><//>`}`;
}

// One is a single request, from the last ones in memory or from the ledger.
function One({ id }) {
  const { data, error, again } = useLoad(() => get("/requests/" + encodeURIComponent(id)).catch((e) => (can(...readers) ? get("/explain/" + encodeURIComponent(id)) : Promise.reject(e))), [id]);
  return html`<div class="pagehead"><a href=${listAt || href("requests")}>← ${t("page.requests")}</a><h1 class="mono">${id}</h1></div>
    ${error ? html`<${Failure} error=${error} again=${again} />` : !data ? html`<${Loading} />` : html`<section class="band stack"><h2 class="hidden-label">${t("play.happened")}</h2>
      <dl class="pairs inline"><dt>${t("req.at")}</dt><dd title=${moment(data.start)}>${clock(data.start)} · <${Ago} at=${data.start} /></dd><dt>${t("req.key")}</dt><dd>${data.key || "–"}${data.owner ? ` (${data.owner})` : ""}</dd>
        <dt>${t("req.route")}</dt><dd>${data.route || "–"}</dd><dt>${t("req.class")}</dt><dd>${data.priority ? t("class." + data.priority) : "–"}</dd>
        ${data.client_request_id && html`<dt>${t("req.client")}</dt><dd class="mono">${data.client_request_id}</dd>`}</dl>
      <${Story} request=${data} />
      ${data.content && html`<details><summary>${t("req.content")}</summary><pre>${data.content.prompt}</pre><pre>${data.content.answer}</pre></details>`}
    </section>`}`;
}

export function Page({ at }) {
  if (at.rest[0] && at.rest[0] !== "past" && at.rest[0] !== "explain") return html`<${One} id=${at.rest[0]} />`;
  const tab = at.rest[0] || "tail";
  const words = at.query.q || "";
  const tabs = [{ name: "tail", href: href("requests"), label: t("req.tail") }, { name: "past", href: href("requests", ["past"]), label: t("req.past") },
    ...(can(...readers) ? [{ name: "explain", href: href("requests", ["explain"]), label: t("req.explain") }] : [])];
  return html`<div class="pagehead"><h1>${t("page.requests")}</h1><span class="grow"></span>
      ${tab !== "explain" && html`<${Search} label=${t("req.search")} value=${words} set=${(q) => refine({ q })} />`}</div>
    <${Tabs} label=${t("page.requests")} at=${tab} tabs=${tabs} />
    ${tab === "explain" ? html`<${Explain} />` : tab === "past" ? html`<${Past} query=${at.query} words=${words} />` : html`<${Tail} words=${words} />`}`;
}
