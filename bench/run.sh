#!/usr/bin/env bash
# Compares certgate with plain Caddy mutual TLS, in one binary: server CPU per request, static and proxied.
# bench/run.sh          15 pairs of 20,000 requests: quote its medians
# bench/run.sh --quick  5 pairs of 4,000 requests: a first look, in about a minute
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
go build -trimpath -tags nobadger,nomysql,nopgx -o "$out/compare" ./bench/compare
"$out/compare" "$@"
