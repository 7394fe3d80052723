#!/usr/bin/env bash
# Builds, checks and publishes every package whose version is not published yet.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ -z $(node -p 'require("./package.json").repository') ]]; then
  echo "There is no public address to release from. Write it into \`repository\` of the workspace's package.json, as https://…, without .git." >&2
  exit 1
fi
pnpm build
pnpm publish --recursive
