// Charts on one time axis with one cursor, and the small line beside a figure.
import uPlot from "../vendor/uplot.js";
import { html, useEffect, useRef, useState } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { count, day, span as duration } from "../lib/format.js";

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

const two = (n) => String(n).padStart(2, "0");

// axisTimes writes the marks of a time axis: minutes, and days where they are whole days.
const axisTimes = (_, marks, __, ___, step) => marks.map((v) => {
  const d = new Date(v * 1000);
  return step >= 86400 ? `${d.getMonth() + 1}/${d.getDate()}` : `${two(d.getHours())}:${two(d.getMinutes())}` + (step < 60 ? ":" + two(d.getSeconds()) : "");
});

// axisElapsed are the marks of a time axis that begins at zero.
const axisElapsed = { space: 76, incrs: [1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400], values: (_, marks) => marks.map((s) => (s ? duration(s * 1000) : "0")) };

const empty = (v) => v === null || v === undefined;

// Chart draws series over time. times are Unix seconds; a series is {label, colour, values, dash, fill}.
// Charts of one group share the cursor; span keeps the axis to [from, to]. write writes a
// value with its unit; daily: times are whole days; elapsed: they are seconds since a
// beginning, and this is what they are called.
export function Chart({ title, times, series, group = "time", height = 132, write = count, span, daily, elapsed }) {
  const ref = useRef();
  const plot = useRef();
  const bounds = useRef(span);
  bounds.current = span;
  const scheme = useScheme();
  const shape = series.map((s) => s.label + s.colour).join() + daily;
  useEffect(() => {
    if (!ref.current) return; // gone before it was drawn
    const box = ref.current;
    const ink = colour("ink-3");
    const grid = { stroke: colour("line"), width: 1 };
    const axis = { stroke: ink, grid, ticks: grid, font: "11px system-ui" };
    const last = (u, i) => { for (let k = u.data[i].length - 1; k >= 0; k--) if (!empty(u.data[i][k])) return u.data[i][k]; return null; };
    const written = (u, v, i, at) => write(at === null || at === undefined ? last(u, i) ?? 0 : empty(v) ? 0 : v);
    plot.current = new uPlot({
      width: box.clientWidth || 400, height, cursor: { sync: { key: group }, y: false, points: { size: 6 } },
      legend: { live: true }, padding: [8, 8, 0, 0],
      scales: { x: { time: !elapsed, range: (_, min, max) => bounds.current || [min, max] }, y: { range: (_, min, max) => [Math.min(0, min), max > 0 ? max * 1.08 : 1] } },
      axes: [{ ...axis, size: 28, space: 64, values: axisTimes, ...(elapsed && axisElapsed), ...(daily && { incrs: [1, 2, 7, 14, 30].map((d) => d * 86400) }) }, { ...axis, size: 58, space: 34, values: (_, v) => v.map(write) }],
      series: [{ label: elapsed || t("req.at"), value: (u, v) => (empty(v) ? t("chart.last") : elapsed ? duration(v * 1000) : daily ? day(v * 1000) : new Date(v * 1000).toLocaleTimeString("en-GB")) }, ...series.map((s) => ({
        label: s.label, stroke: colour(s.colour), width: 1.6, dash: s.dash, fill: s.fill ? colour(s.colour) + "33" : undefined, spanGaps: !!daily,
        points: { show: !!daily, size: 5 }, value: (u, v, i, at) => written(u, v, i, at),
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
