#!/usr/bin/env bash
# Copies the dashboard's libraries, at the versions that web/dashboard/vendor pins, into
# web/dashboard/static/vendor as plain ES modules, with their licences. What it writes is
# committed: a checkout needs neither npm nor a build step to serve the page.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../web/dashboard"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp vendor/package.json "$work"
if [[ -e vendor/package-lock.json ]]; then
	cp vendor/package-lock.json "$work"
	(cd "$work" && npm ci --no-audit --no-fund --silent)
else
	(cd "$work" && npm install --no-audit --no-fund --silent)
	cp "$work/package-lock.json" vendor/
fi

to=static/vendor
rm -rf "$to"
mkdir -p "$to"
modules=$work/node_modules
bare() { sed -e '/^\/\/# sourceMappingURL=/d' -e 's|from"preact"|from"./preact.js"|g' -e "s|from'preact'|from'./preact.js'|g"; }
bare <"$modules/preact/dist/preact.mjs" >"$to/preact.js"
bare <"$modules/preact/hooks/dist/hooks.mjs" >"$to/hooks.js"
bare <"$modules/htm/dist/htm.module.js" >"$to/htm.js"
{
	cat "$modules/uplot/dist/uPlot.iife.min.js"
	printf '\nexport default uPlot;\n'
} >"$to/uplot.js"
cp "$modules/uplot/dist/uPlot.min.css" "$to/uplot.css"
for name in preact htm uplot; do
	cp "$modules/$name/LICENSE" "$to/$name.LICENSE"
done
if grep -lE "(from|import) *[\"'][^./]" "$to"/*.js; then
	echo "vendor-web: a module imports by a bare name, which a page cannot resolve" >&2
	exit 1
fi
printf 'vendor-web: %s\n' "$(du -ch "$to"/* | tail -n 1 | cut -f1)"
