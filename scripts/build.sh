#!/usr/bin/env bash
# Builds the packages as they would be published, packs them into dist/, and has the tarballs checked.
set -euo pipefail
cd "$(dirname "$0")/.."

rm -rf dist packages/*/dist packages/*/node_modules/.cache
tsc --build packages/*/tsconfig.build.json

for package in packages/*/; do
  (cd "$package" && pnpm pack --pack-destination ../../dist >/dev/null)
done
for tarball in dist/*.tgz; do
  pnpm --silent dlx publint@0.3.25 run --strict "$tarball"
  pnpm --silent dlx @arethetypeswrong/cli@0.18.5 --profile esm-only --no-emoji --no-summary "$tarball"
done
echo "The tarballs:"
printf '  %s\n' dist/*.tgz
