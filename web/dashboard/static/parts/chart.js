// Charts on one time axis with one cursor, and the small line beside a figure.
import uPlot from "../vendor/uplot.js";
import { html, useEffect, useRef, useState } from "../lib/dom.js";
import { count } from "../lib/format.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

// useScheme grows when the colours change.
function useScheme() {
  const [n, set] = useState(0);
  useEffect(() => {
    const again = () => set((x) => x + 1);
    const media = matchMedia("(prefers-color-scheme: dark)");
    const watch = new MutationObserver(again);
    media.addEventListener("change", again);
    watch.observe(document.documentElement, { attributes: true, attributeFilter: ["data-scheme"] });
    return () => { media.removeEventListener("change", again); watch.disconnect(); };
  }, []);
  return n;
}

// Chart draws series over time. times are Unix seconds; a series is {label, colour, values, dash, fill}.
// Charts of one group share the cursor. write writes a value with its unit.
export function Chart({ title, times, series, group = "time", height = 150, write = count }) {
  const ref = useRef();
  const plot = useRef();
  const scheme = useScheme();
  const shape = series.map((s) => s.label + s.colour).join();
  useEffect(() => {
    if (!ref.current) return; // gone before it was drawn
    const box = ref.current;
    const ink = colour("ink-3");
    const grid = { stroke: colour("line"), width: 1 };
    const axis = { stroke: ink, grid, ticks: grid, font: "11px system-ui" };
    plot.current = new uPlot({
      width: box.clientWidth || 400, height, cursor: { sync: { key: group }, y: false, points: { size: 6 } },
      legend: { live: true }, padding: [8, 8, 0, 0],
      scales: { x: { time: true }, y: { range: (_, min, max) => [Math.min(0, min), max > 0 ? max * 1.08 : 1] } },
      axes: [{ ...axis }, { ...axis, size: 52, values: (_, v) => v.map(write) }],
      series: [{ value: (_, v) => (v ? new Date(v * 1000).toLocaleTimeString("en-GB") : "–") }, ...series.map((s) => ({
        label: s.label, stroke: colour(s.colour), width: 1.6, dash: s.dash, fill: s.fill ? colour(s.colour) + "33" : undefined,
        points: { show: false }, value: (_, v) => (v === null || v === undefined ? "–" : write(v)),
      }))],
    }, [times, ...series.map((s) => s.values)], box);
    const size = new ResizeObserver(() => plot.current?.setSize({ width: box.clientWidth || 400, height }));
    size.observe(box);
    return () => { size.disconnect(); plot.current?.destroy(); plot.current = null; };
  }, [shape, scheme, height]);
  useEffect(() => { plot.current?.setData([times, ...series.map((s) => s.values)]); });
  return html`<figure class="chart"><figcaption>${title}</figcaption><div ref=${ref}></div></figure>`;
}

// Spark is a line without axes, as high as the words beside it.
export function Spark({ values, colour: name = "accent", width = 72, height = 20, label }) {
  const real = values.filter((v) => v !== null && v !== undefined);
  if (real.length < 2) return html`<svg class="spark" width=${width} height=${height} aria-hidden="true"></svg>`;
  const most = Math.max(...real, 1e-9);
  const step = width / (values.length - 1);
  const points = values.map((v, i) => `${(i * step).toFixed(1)},${(height - 2 - ((v || 0) / most) * (height - 4)).toFixed(1)}`).join(" ");
  return html`<svg class="spark" width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="img" aria-label=${label || ""}>
    <polyline points=${points} class=${"line " + name} /></svg>`;
}

// Figure is one number with its name, unit and the line of its last hour.
export function Figure({ label, value, unit, about, spark, kind, title }) {
  return html`<div class=${"figure " + (kind || "")} title=${title || ""}>
    <div class="label">${label}</div>
    <div class="value">${value}<span class="unit">${unit}</span></div>
    <div class="about">${spark && html`<${Spark} values=${spark} label=${label} />`}<span class="quiet small">${about}</span></div>
  </div>`;
}
