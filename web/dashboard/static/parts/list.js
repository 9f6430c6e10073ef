// Long lists: only the rows that are seen are in the page, and the arrows move the focus
// among them.
import { html, cx, useEffect, useMemo, useRef, useState, useLayoutEffect } from "../lib/dom.js";

// narrow says that there is no room for more than what matters.
const narrow = matchMedia("(max-width: 820px)");

// useShape answers which columns there is room for, and how large the text is against the
// usual.
function useShape(columns) {
  const [, again] = useState(0);
  useEffect(() => {
    const f = () => again((n) => n + 1);
    addEventListener("resize", f);
    return () => removeEventListener("resize", f);
  }, []);
  const marked = columns.some((c) => c.minor);
  return { shown: narrow.matches && marked ? columns.filter((c) => !c.minor) : columns, wide: narrow.matches && !marked, scale: parseFloat(getComputedStyle(document.documentElement).fontSize) / 14 || 1 };
}

// List shows rows of one height. columns are {name, label, width, num, minor, cell(row)},
// of which the minor ones are left out where the screen is narrow. key
// answers a row's own key; onOpen opens one (Enter, or a click).
export function List({ rows, columns: all, rowKey, onOpen, selected, height: usual = 33, most = 620, label, onEnd }) {
  const { shown: columns, wide, scale } = useShape(all);
  const height = Math.round(usual * scale);
  const box = useRef();
  const [top, setTop] = useState(0);
  const [view, setView] = useState(most);
  const [mark, setMark] = useState(null); // by its key: rows move when others come before them
  const at = useMemo(() => (mark === null ? -1 : rows.findIndex((r) => rowKey(r) === mark)), [rows, mark]);
  const body = rows.length * height;
  const first = Math.max(0, Math.floor(top / height) - 6);
  const last = Math.min(rows.length, Math.ceil((top + view) / height) + 6);
  const shown = Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i);
  if (at >= 0 && !shown.includes(at)) shown.push(at); // the focus stays where it is while the list is scrolled
  useLayoutEffect(() => setView(box.current.clientHeight || most), [rows.length]);
  const moved = useRef(false);
  useLayoutEffect(() => {
    if (moved.current) box.current.querySelector(".line.at")?.focus({ preventScroll: true });
    moved.current = false;
  });
  useEffect(() => { if (onEnd && rows.length && last >= rows.length - 5) onEnd(); }, [last, rows.length]);
  const move = (to) => {
    const n = Math.max(0, Math.min(rows.length - 1, to));
    setMark(rowKey(rows[n]));
    moved.current = true;
    const y = n * height;
    if (y < box.current.scrollTop) box.current.scrollTop = y;
    else if (y + height > box.current.scrollTop + view) box.current.scrollTop = y + height - view;
  };
  const typed = (e) => {
    if (e.target !== box.current && !e.target.matches(".line")) return; // a button or a field in a row has keys of its own
    const page = Math.floor(view / height);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: rows.length - 1 }[e.key];
    if (to !== undefined && rows.length) { e.preventDefault(); move(to); }
    if (e.key === "Enter" && rows[at] && onOpen) onOpen(rows[at]);
  };
  const template = columns.map((c) => (c.width || "minmax(0, 1fr)").replace(/(\d+)px/g, (_, n) => Math.round(n * scale) + "px")).join(" ");
  const cells = (c, row) => html`<div key=${c.name} role="cell" class=${cx(c.num && "num", !c.wide && "clip")}>${c.cell(row)}</div>`;
  return html`<div class=${cx("list", wide && "wide")} role="table" aria-label=${label} aria-rowcount=${rows.length}>
    <div class="head" role="row" style=${{ gridTemplateColumns: template }}>
      ${columns.map((c) => html`<div key=${c.name} role="columnheader" class=${c.num ? "num" : ""}>${c.label}</div>`)}</div>
    <div class="rows" role="rowgroup" ref=${box} tabindex="0" onKeyDown=${typed} onScroll=${(e) => setTop(e.currentTarget.scrollTop)}
        style=${{ maxHeight: most + "px", height: Math.min(body, most) + "px" }}>
      <div role="presentation" style=${{ height: body + "px" }} class="canvas">
        ${shown.map((n) => ({ n, row: rows[n] })).map(({ n, row }) => html`<div key=${rowKey(row)} role="row" aria-rowindex=${n + 2} tabindex="-1"
            class=${cx("line", n === at && "at", selected === rowKey(row) && "selected", onOpen && "opens")}
            style=${{ top: n * height + "px", height: height + "px", gridTemplateColumns: template }}
            onClick=${(e) => { setMark(rowKey(row)); if (onOpen && !e.target.closest("button, a, input, select, label")) onOpen(row); }}>
          ${columns.map((c) => cells(c, row))}</div>`)}
      </div>
    </div>
  </div>`;
}
