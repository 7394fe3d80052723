/**
 * What of a published package.json is the same in each package: its public address, `repository` of the workspace's own
 * package.json. pnpm asks for it when it packs.
 */
const { repository } = require("./package.json")

const addresses = (directory) => ({
  repository: { type: "git", url: `git+${repository}.git`, directory },
  homepage: `${repository}#readme`,
  bugs: `${repository}/issues`
})

module.exports = {
  hooks: {
    beforePacking: (manifest) =>
      repository === "" ? manifest : { ...manifest, ...addresses(`packages/${manifest.name}`) }
  }
}
