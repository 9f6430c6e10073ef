#!/usr/bin/env bash
# Makes the machine ready for `make test`: a C compiler for the race detector, curl, PostgreSQL's
# server for store/postgres, Chromium and axe-core for test/browser, and node with OpenAI's JavaScript SDK
# for test/sdk. Does nothing where all of it is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'setup-test: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }

packages=()
have "${CC:-cc}" || have gcc || packages+=(gcc libc6-dev)
have curl || packages+=(curl ca-certificates)
have node || packages+=(nodejs)
have npm || packages+=(npm)
have chromium || have chromium-browser || have google-chrome || packages+=(chromium)
compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || have initdb || packages+=(postgresql)

if ((${#packages[@]})); then
	if ! have apt-get; then
		say "missing: ${packages[*]} (Debian's names); there is no apt-get here, please install them" >&2
		exit 1
	fi
	root=()
	if ((EUID != 0)); then
		have sudo || { say "installing ${packages[*]} needs root, and there is no sudo" >&2; exit 1; }
		root=(sudo)
	fi
	say "installing with apt-get: ${packages[*]}"
	install() {
		"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
	}
	if ! install; then
		say "that failed; once more, with fresh package lists"
		"${root[@]}" apt-get update -qq
		install
	fi
fi

if ! node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)'; then
	say "node 20 or later is needed; $(command -v node) is $(node --version)" >&2
	exit 1
fi

for dir in test/sdk/node test/browser/axe; do
	installed=$dir/node_modules/.package-lock.json # npm writes it last
	if [[ ! -e $installed || $dir/package-lock.json -nt $installed ]]; then
		say "installing with npm: what $dir/package-lock.json names"
		(cd "$dir" && npm ci --no-audit --no-fund)
		touch "$installed"
	fi
done
say "ready"
