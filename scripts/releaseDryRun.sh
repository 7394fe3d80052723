#!/usr/bin/env bash
# Does all of a release but the publishing, in a copy of what is committed: the changesets become versions and changelogs, the packages are built,
# checked and packed, and pnpm says what it would publish. The copy has a public address, which the workspace may not have yet.
set -euo pipefail
cd "$(dirname "$0")/.."

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git clone --quiet . "$copy"
cd "$copy"

node -e '
  const { readFileSync, writeFileSync } = require("node:fs")
  const manifest = JSON.parse(readFileSync("package.json", "utf8"))
  writeFileSync("package.json", JSON.stringify({ ...manifest, repository: manifest.repository || "https://example.org/effect-ioredis" }, null, 2))'
pnpm install --frozen-lockfile --silent
pnpm changeset version
pnpm install --no-frozen-lockfile --silent
git -c user.name=release -c user.email=release@example.org commit --quiet --all --message "A release that is not made"
git diff --stat HEAD~1 -- '*CHANGELOG.md' '*package.json'
for package in packages/*/; do
  [[ -s $package/CHANGELOG.md ]] || { echo "$package has no changelog." >&2; exit 1; }
done
pnpm build
pnpm publish --recursive --dry-run --no-git-checks
