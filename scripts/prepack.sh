#!/usr/bin/env bash
# Runs before a package is packed. Only pnpm writes the package.json that is published: with the built files as `exports`,
# and a version in the place of `workspace:`.
set -euo pipefail

if [[ ${npm_config_user_agent:-} != pnpm/* ]]; then
  echo "npm would pack a package.json that only works in this workspace. Run \`pnpm build\` instead: it says where the tarballs are." >&2
  exit 1
fi
if [[ ! -d dist ]]; then
  echo "There is nothing built to pack. Run \`pnpm build\`." >&2
  exit 1
fi
