// The audit log: who did what, from where, and how it ended.
import { html, useMemo, useState } from "../../lib/dom.js";
import { t } from "../../lib/i18n.js";
import { get } from "../../lib/api.js";
import { useLoad } from "../../lib/load.js";
import { moment } from "../../lib/format.js";
import { Ago } from "../../parts/time.js";
import { List } from "../../parts/list.js";
import { Search } from "../../parts/field.js";
import { Dialog } from "../../parts/dialog.js";
import { Loading, Failure, Empty } from "../../parts/states.js";

const columns = () => [
  { name: "at", label: t("req.at"), width: "116px", cell: (a) => html`<${Ago} at=${a.at} />` }, { name: "who", label: t("audit.who"), cell: (a) => `${a.who || "–"}` }, { name: "role", label: t("people.role"), width: "90px", cell: (a) => a.role },
  { name: "action", label: t("audit.action"), cell: (a) => html`<code>${a.action}</code>` }, { name: "target", label: t("audit.target"), cell: (a) => a.target }, { name: "outcome", label: t("req.outcome"), width: "120px", cell: (a) => a.detail?.outcome || "" }, { name: "from", label: t("audit.from"), width: "140px", cell: (a) => html`<span class="quiet">${a.from}</span>` },
];

export function Audit() {
  const [words, setWords] = useState("");
  const [more, setMore] = useState([]);
  const [next, setNext] = useState(undefined);
  const [open, setOpen] = useState(null);
  const { data, error, again } = useLoad(() => get("/audit"), []);
  const after = next === undefined ? data?.next : next;
  const rows = useMemo(() => [...(data?.data || []), ...more].filter((a) => `${a.who} ${a.action} ${a.target} ${a.from}`.toLowerCase().includes(words.toLowerCase())), [data, more, words]);
  const older = async () => {
    if (!after) return;
    setNext(null);
    const page = await get("/audit", { after }).catch(() => null);
    if (page) { setMore((list) => [...list, ...page.data]); setNext(page.next); }
  };
  if (error) return html`<${Failure} error=${error} again=${again} />`;
  if (!data) return html`<${Loading} />`;
  return html`<div class="row"><${Search} label=${t("audit.search")} value=${words} set=${setWords} /></div>
    ${rows.length ? html`<${List} label=${t("settings.audit")} rows=${rows} columns=${columns()} rowKey=${(a) => a.id} onOpen=${setOpen} onEnd=${older} />` : html`<${Empty}><p>${t("list.nothing")}</p><//>`}
    ${open && html`<${Dialog} title=${open.action} close=${() => setOpen(null)}><dl class="pairs"><dt>${t("audit.who")}</dt><dd>${open.who} (${open.role})</dd><dt>${t("req.at")}</dt><dd>${moment(open.at)}</dd><dt>${t("audit.from")}</dt><dd>${open.from}</dd><dt>${t("audit.target")}</dt><dd>${open.target}</dd></dl><pre>${JSON.stringify(open.detail, null, 2)}</pre><//>`}`;
}
