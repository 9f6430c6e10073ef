// A text editor for the configuration: line numbers, marks at the lines that are wrong, and
// what each mark means.
import { html, cx, useRef } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

export function Editor({ text, set, problems = [], warnings = [], readonly }) {
  const gutter = useRef();
  const area = useRef();
  const lines = text.split("\n").length;
  const wrong = new Map(problems.map((p) => [p.line, p]));
  const odd = new Map(warnings.map((p) => [p.line, p]));
  const jump = (line) => {
    const start = text.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    area.current.focus();
    area.current.setSelectionRange(start, start + (text.split("\n")[line - 1] || "").length);
    area.current.scrollTop = (line - 6) * 19;
  };
  const say = (list, kind) => list.map((p, i) => html`<li key=${kind + i} class=${kind}>${p.line ? html`<button class="plain" onClick=${() => jump(p.line)}>${t("yaml.line", { n: p.line })}</button>` : ""} ${p.path && html`<code>${p.path}</code>`} ${p.message}</li>`);
  return html`<div class="editor"><div class="gutter" ref=${gutter} aria-hidden="true">${Array.from({ length: lines }, (_, i) => html`<div key=${i} class=${cx(wrong.has(i + 1) && "wrong", !wrong.has(i + 1) && odd.has(i + 1) && "odd")} title=${(wrong.get(i + 1) || odd.get(i + 1))?.message || ""}>${i + 1}</div>`)}</div>
    <textarea ref=${area} aria-label=${t("yaml.text")} spellcheck="false" wrap="off" readonly=${readonly} value=${text} onInput=${(e) => set?.(e.target.value)} onScroll=${(e) => { gutter.current.scrollTop = e.currentTarget.scrollTop; }}
      onKeyDown=${(e) => { if (e.key === "Tab" && !e.shiftKey && !readonly) { e.preventDefault(); document.execCommand("insertText", false, "  "); } }}></textarea></div>
    ${(problems.length > 0 || warnings.length > 0) && html`<ul class="problems" aria-live="polite">${say(problems, "wrong")}${say(warnings, "odd")}</ul>`}`;
}

const restart = " (needs a restart)";

// Difference shows what a change does, one line each, and marks what acts only after a
// restart.
export function Difference({ lines }) {
  if (!lines?.length) return html`<p class="quiet">${t("yaml.same")}</p>`;
  const kind = (l) => (l.startsWith("added") ? "added" : l.startsWith("removed") ? "removed" : "");
  return html`<ul class="diff">${lines.map((l, i) => html`<li key=${i} class=${kind(l)}>${l.endsWith(restart) ? html`${l.slice(0, -restart.length)} <span class="tag restart">${t("yaml.restart")}</span>` : l}</li>`)}</ul>`;
}
