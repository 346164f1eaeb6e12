#!/usr/bin/env bash
# Builds Caddy with certgate in it, as a user of xcaddy would, from this checkout: ./xcaddy.sh [OUTPUT]
# The versions are pinned. For a release that is the same bit by bit everywhere build ./cmd/certgate, which uses our own go.sum.
set -euo pipefail
cd "$(dirname "$0")"
[[ $# -le 1 && ${1:-} != -* ]] || { echo "usage: ./xcaddy.sh [OUTPUT]" >&2; exit 2; }

caddy_version=${CADDY_VERSION:-v2.11.9}
xcaddy_version=v0.4.5
output=${1:-./bin/caddy-certgate}
tools=${XDG_CACHE_HOME:-$HOME/.cache}/certgate-tools/xcaddy-$xcaddy_version

modules=(
  certgate
  http.handlers.certgate
  tls.ca_pool.source.certgate
  tls.client_auth.verifier.certgate
)

# Without GOTOOLCHAIN=local an older Go would fetch another one, and the build would not be by the compiler that is installed here.
export GOTOOLCHAIN=${GOTOOLCHAIN:-local} CGO_ENABLED=0
[ -x "$tools/xcaddy" ] || GOBIN=$tools go install "github.com/caddyserver/xcaddy/cmd/xcaddy@$xcaddy_version"

# Setting these replaces all of xcaddy's own, so its tags are repeated.
export GOFLAGS=-mod=mod
export XCADDY_GO_BUILD_FLAGS="-trimpath -ldflags '-s -w -buildid=' -tags nobadger,nomysql,nopgx"
mkdir -p "$(dirname "$output")"
# The version is a name for this checkout. Without one go asks its proxy which versions of certgate there are, although it uses none of them.
"$tools/xcaddy" build "$caddy_version" --output "$output" --with github.com/onerecord/certgate@v0.0.0=./

listed=$("$output" list-modules)
for module in "${modules[@]}"; do
  grep -qx "$module" <<<"$listed" || { echo "xcaddy.sh: $output does not list the module $module" >&2; exit 1; }
done
echo "xcaddy.sh: $output is Caddy $caddy_version with ${modules[*]}"
