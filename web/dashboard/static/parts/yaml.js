// A text editor for the configuration: line numbers, marks at the lines that are wrong, and
// what each mark means.
import { html, cx, useId, useLayoutEffect, useRef, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

const height = 19; // of a line, in pixels, as the style sheet has it

// Gutter numbers the lines that are seen, and marks those that are wrong or odd.
function Gutter({ lines, top, view, wrong, odd }) {
  const box = useRef();
  useLayoutEffect(() => { box.current.scrollTop = top; });
  const first = Math.max(0, Math.floor(top / height) - 10);
  const last = Math.min(lines, Math.ceil((top + view) / height) + 10);
  const words = (n) => [...(wrong.get(n) || []), ...(odd.get(n) || [])].map((p) => p.message).join("\n");
  return html`<div class="gutter" ref=${box} aria-hidden="true"><div style=${{ height: lines * height + "px", paddingTop: first * height + "px" }}>
    ${Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i + 1).map((n) => html`<div key=${n} class=${cx("line", wrong.has(n) ? "wrong" : odd.has(n) && "odd")} title=${words(n)}>${n}</div>`)}</div></div>`;
}

// byLine are problems by their line.
function byLine(problems) {
  const out = new Map();
  for (const p of problems) out.set(p.line, [...(out.get(p.line) || []), p]);
  return out;
}

const shown = 100; // problems that are listed

export function Editor({ text, set, problems = [], warnings = [], readonly }) {
  const area = useRef();
  const free = useRef(false); // the next Tab leaves
  const id = useId();
  const [at, scroll] = useState({ top: 0, view: 620 });
  const look = () => scroll({ top: area.current.scrollTop, view: area.current.clientHeight });
  useLayoutEffect(look, []);
  let lines = 1;
  for (let i = text.indexOf("\n"); i >= 0; i = text.indexOf("\n", i + 1)) lines++;
  const jump = (line) => {
    const all = text.split("\n");
    const start = all.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    area.current.focus();
    area.current.setSelectionRange(start, start + (all[line - 1] || "").length);
    area.current.scrollTop = (line - 6) * height;
  };
  const typed = (e) => {
    if (e.key === "Tab" && !e.shiftKey && !readonly && !free.current) {
      e.preventDefault();
      document.execCommand("insertText", false, "  ");
    }
    free.current = e.key === "Escape";
  };
  const say = (list, kind) => list.slice(0, shown).map((p, i) => html`<li key=${kind + i} class=${kind}>${p.line ? html`<button type="button" class="plain" onClick=${() => jump(p.line)}>${t("yaml.line", { n: p.line })}</button>` : ""} ${p.path && html`<code>${p.path}</code>`} ${p.message}</li>`);
  return html`<div class="editor"><${Gutter} lines=${lines} top=${at.top} view=${at.view} wrong=${byLine(problems)} odd=${byLine(warnings)} />
    <textarea ref=${area} aria-label=${t("yaml.text")} aria-describedby=${id} spellcheck=${false} wrap="off" readonly=${readonly} value=${text} onInput=${(e) => set?.(e.target.value)} onScroll=${look} onKeyDown=${typed}></textarea></div>
    ${!readonly && html`<p id=${id} class="quiet small">${t("yaml.keys")}</p>`}
    ${(problems.length > 0 || warnings.length > 0) && html`<ul class="problems" aria-live="polite">${say(problems, "wrong")}${say(warnings, "odd")}${problems.length > shown && html`<li class="quiet">${t("yaml.more", { n: problems.length - shown })}</li>`}</ul>`}`;
}

const restart = " (needs a restart)";

// Difference shows what a change does, one line each, and marks what acts only after a
// restart.
export function Difference({ lines }) {
  if (!lines?.length) return html`<p class="quiet">${t("yaml.same")}</p>`;
  const kind = (l) => (l.startsWith("added") ? "added" : l.startsWith("removed") ? "removed" : "");
  return html`<ul class="diff">${lines.map((l, i) => html`<li key=${i} class=${kind(l)}>${l.endsWith(restart) ? html`${l.slice(0, -restart.length)} <span class="tag restart">${t("yaml.restart")}</span>` : l}</li>`)}</ul>`;
}
