#!/usr/bin/env bash
# Builds the packages as they would be published, packs them, and has the tarballs checked.
set -euo pipefail
cd "$(dirname "$0")/.."

rm -rf packages/*/dist packages/*/node_modules/.cache
tsc --build packages/*/tsconfig.build.json

tarballs="$(mktemp -d)"
trap 'rm -rf "$tarballs"' EXIT
for package in packages/*/; do
  (cd "$package" && pnpm pack --pack-destination "$tarballs" >/dev/null)
done
for tarball in "$tarballs"/*.tgz; do
  pnpm --silent dlx publint@0.3.25 run --strict "$tarball"
  pnpm --silent dlx @arethetypeswrong/cli@0.18.5 --profile esm-only --no-emoji --no-summary "$tarball"
done
