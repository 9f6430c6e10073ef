// The queue as lanes: one per class, as long as the tokens that wait in it. What was shed
// falls out of the lane as small marks, hollow where the queue was full.
import { html, cx } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { count, span } from "../lib/format.js";

export const classes = ["critical", "high", "normal", "low"];

const marks = 24; // at most this many marks; more are told in figures

// Fallen are the marks of what was shed in the last minute.
function Fallen({ shed, dropped }) {
  const each = Math.max(1, shed / marks); // calls that one mark stands for
  return html`<span class="fallen" aria-hidden="true">${Array.from({ length: Math.ceil(shed / each) }, (_, i) => html`<i key=${i} class=${cx(i * each < dropped && "dropped")}></i>`)}</span>`;
}

export function Lanes({ queue }) {
  const lanes = classes.map((name) => ({ name, depth: 0, waiting_tokens: 0, oldest_ms: 0, shed: 0, dropped: 0, ...queue?.[name] }));
  const most = Math.max(1, ...lanes.map((l) => l.waiting_tokens || l.depth));
  return html`<div class="lanes">${lanes.map((l) => html`<div key=${l.name} class="lane">
    <div class="name">${t("class." + l.name)}</div>
    <div class="track" role="img" aria-label=${t("lane.says", { n: l.depth, tokens: count(l.waiting_tokens), oldest: span(l.oldest_ms) })}>
      <i class="queue move" style=${{ width: (((l.waiting_tokens || l.depth) / most) * 100).toFixed(1) + "%" }}></i>
      <${Fallen} shed=${l.shed} dropped=${l.dropped} />
    </div>
    <div class=${cx("num", !l.depth && "quiet")}>${l.depth ? t("lane.waiting", { n: count(l.depth), tokens: count(l.waiting_tokens) }) : t("lane.nobody")}</div>
    <div class="num">${l.depth ? t("lane.oldest", { span: span(l.oldest_ms) }) : ""}</div>
    <div class="num shed" title=${l.dropped ? t("lane.dropped", { n: count(l.dropped) }) : ""}>${l.shed ? t("lane.shed", { n: count(l.shed) }) : ""}</div>
  </div>`)}</div>`;
}
