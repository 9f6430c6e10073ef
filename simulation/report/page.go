package report

// page is the template of the page with charts. It has no scripts and asks no other host.
const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #59636e; --line: #d1d9e0; --ground: #fff;
  --c0: #0969da; --c1: #1a7f37; --c2: #bc4c00; --c3: #8250df; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --line: #3d444d; --ground: #0d1117;
  --c0: #58a6ff; --c1: #3fb950; --c2: #f0883e; --c3: #bc8cff; } }
body { margin: 0; padding: 1.5rem; background: var(--ground); color: var(--ink); font: 14px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.3rem; margin: 0 0 1rem; } h2 { font-size: 1.05rem; margin: 0 0 .5rem; } h3 { font-size: .9rem; margin: 1rem 0 .25rem; }
.runs { display: grid; grid-template-columns: repeat(auto-fit, minmax(21rem, 1fr)); gap: 2rem; align-items: start; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; font-variant-numeric: tabular-nums; display: block; overflow-x: auto; }
th, td { text-align: right; padding: .15rem .5rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } th { color: var(--soft); font-weight: 600; }
svg { width: 100%; height: auto; } .axis { stroke: var(--line); } .label { fill: var(--soft); font-size: 11px; }
polyline { fill: none; stroke-width: 1.5; } .l0 { stroke: var(--c0); color: var(--c0); } .l1 { stroke: var(--c1); color: var(--c1); }
.l2 { stroke: var(--c2); color: var(--c2); } .l3 { stroke: var(--c3); color: var(--c3); }
.key span { margin-right: .8rem; } .key span::before { content: "━ "; }
</style>
</head>
<body>
<h1>{{.Title}}</h1>
<div class="runs">
{{range .Runs}}<section>
<h2>{{.Engine}}, seed {{.Seed}}</h2>
<table>
<tr><td>calls</td><td>{{.Arrived}} arrived, {{.Served}} served ({{share .Served .Arrived}}), {{.Refused}} refused, {{.Failed}} failed, {{.FellBack}} fell back</td></tr>
<tr><td>upstream 429s</td><td>{{.Upstream429}} of {{.Attempts}} attempts ({{permille .Share429}})</td></tr>
<tr><td>tokens served</td><td>{{.Goodput}} of {{.OfferedTokens}}</td></tr>
<tr><td>wait</td><td>p50 {{human .Wait.P50}}, p99 {{human .Wait.P99}}</td></tr>
<tr><td>fairness (Jain)</td><td>{{printf "%.3f" .Jain}}</td></tr>
{{range $why, $n := .Reasons}}<tr><td>refused: {{$why}}</td><td>{{$n}}</td></tr>{{end}}
</table>
{{range .Charts}}<h3>{{.Title}}</h3>
<svg viewBox="-4 -14 612 152" role="img" aria-label="{{.Title}} over time, highest {{.Top}}">
<line class="axis" x1="0" y1="120" x2="600" y2="120"/><line class="axis" x1="0" y1="0" x2="600" y2="0" stroke-dasharray="2 4"/>
{{range .Lines}}<polyline class="{{.Class}}" points="{{.Points}}"/>{{end}}
<text class="label" x="0" y="-4">{{.Top}}</text><text class="label" x="0" y="134">0</text><text class="label" x="600" y="134" text-anchor="end">{{.End}}</text>
</svg>
{{if gt (len .Lines) 1}}<div class="key">{{range .Lines}}<span class="{{.Class}}">{{.Name}}</span>{{end}}</div>{{end}}
{{end}}
<table><tr><th>account</th><th>attempts</th><th>429s</th><th>requests</th><th>tokens</th><th>quota used</th></tr>
{{range .Accounts}}<tr><td>{{.Name}}</td><td>{{.Attempts}}</td><td>{{.Refused}}</td><td>{{.Requests}}</td><td>{{.Tokens}}</td><td>{{percent .Used}}</td></tr>{{end}}</table>
<table><tr><th>class</th><th>arrived</th><th>served</th><th>queued</th><th>fell back</th><th>refused</th><th>shed</th><th>tokens</th><th>wait p50</th><th>p99</th></tr>
{{$m := .Classes}}{{range classes .Classes}}<tr><td>{{.}}</td>{{with index $m .}}<td>{{.Arrived}}</td><td>{{share .Served .Arrived}}</td><td>{{.Waited}}</td><td>{{.FellBack}}</td><td>{{.Refused}}</td><td>{{.Shed}}</td><td>{{.Tokens}}</td><td>{{human .Wait.P50}}</td><td>{{human .Wait.P99}}</td>{{end}}</tr>{{end}}</table>
<table><tr><th>client</th><th>arrived</th><th>served</th><th>queued</th><th>fell back</th><th>refused</th><th>shed</th><th>tokens</th><th>wait p50</th><th>p99</th></tr>
{{$c := .Clients}}{{range byTokens .Clients}}<tr><td>{{.}}</td>{{with index $c .}}<td>{{.Arrived}}</td><td>{{share .Served .Arrived}}</td><td>{{.Waited}}</td><td>{{.FellBack}}</td><td>{{.Refused}}</td><td>{{.Shed}}</td><td>{{.Tokens}}</td><td>{{human .Wait.P50}}</td><td>{{human .Wait.P99}}</td>{{end}}</tr>{{end}}</table>
</section>{{end}}
</div>
</body>
</html>
`
