// Times as people say them: relative, with the moment itself behind them.
import { html, useEffect, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { ago, moment, whole } from "../lib/format.js";

// One clock for all times of a page: it stands while nobody looks at it.
const watchers = new Set();
let timer = null;

function watch(f) {
  watchers.add(f);
  timer ||= setInterval(() => document.hidden || watchers.forEach((w) => w()), 1000);
  return () => {
    watchers.delete(f);
    if (!watchers.size) { clearInterval(timer); timer = null; }
  };
}

// relative writes a moment as seen from now, coarser the longer it is away.
export function relative(at, now = Date.now()) {
  const past = ago(at, now);
  const ahead = new Date(at).getTime() - now;
  if (ahead > 0) return t("ahead", { span: whole(ahead) });
  return past < 1500 ? t("justnow") : t("ago", { span: whole(past) });
}

// Ago is a moment that grows older while it is looked at.
export function Ago({ at }) {
  const [, again] = useState(0);
  useEffect(() => watch(() => again((n) => n + 1)), []);
  if (!at) return html`<span>–</span>`;
  return html`<time class="nowrap" datetime=${at} title=${moment(at)}>${relative(at)}</time>`;
}
