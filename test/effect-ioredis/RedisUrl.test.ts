import { Result } from "effect"
import { assert, describe, it } from "vitest"
import * as RedisUrl from "../../packages/effect-ioredis/src/internal/RedisUrl.ts"

describe("RedisUrl", () => {
  const taken: ReadonlyArray<readonly [url: string, names: RedisUrl.RedisUrl]> = [
    ["redis://localhost", { host: "localhost", tls: false }],
    ["redis://localhost/", { host: "localhost", tls: false }],
    ["rediss://r.example:6380/0", { host: "r.example", tls: true, port: 6380, db: 0 }],
    [`redis://r.example/${RedisUrl.maxDb}`, { host: "r.example", tls: false, db: RedisUrl.maxDb }],
    ["redis://[::1]:6379", { host: "::1", tls: false, port: 6379 }],
    ["redis://127.0.0.1:1", { host: "127.0.0.1", tls: false, port: 1 }],
    ["redis://:only-a-password@h", { host: "h", tls: false, password: "only-a-password" }],
    [
      "redis://a%3Ab%40c:p%40ss%3A%2F%3F%23%5B%5D%20100%25%20w%C3%B6rd@h",
      { host: "h", tls: false, username: "a:b@c", password: "p@ss:/?#[] 100% wörd" }
    ]
  ]
  for (const [url, names] of taken) {
    it(`${url} names so much and no more`, () =>
      assert.deepStrictEqual(Result.getOrThrow(RedisUrl.parse(url)), { ...names }))
  }

  const refused: ReadonlyArray<readonly [url: string, problem: string]> = [
    ["redis//:hunter2@localhost", "is not a URL"],
    ["redis://:hunter2#1@localhost", "holds a user name or password that is not percent-encoded"],
    ["redis://:hunter2/1@localhost", "holds a user name or password that is not percent-encoded"],
    ["rediss://:hunter2?1@localhost", "holds a user name or password that is not percent-encoded"],
    ["redis://:hunter@2/1#é?@localhost:6379/0", "holds a user name or password that is not percent-encoded"],
    ["unix:///run/redis.sock", "names a socket of the file system, which is not supported"],
    ["redis+unix:///run/redis.sock", "names a socket of the file system, which is not supported"],
    ["/run/redis.sock", "names a socket of the file system, which is not supported"],
    ["redis://:hunter2@", "is not a URL"],
    ["redis://:hunter2@local host", "is not a URL"],
    ["redis://:hunter2@localhost:70000", "is not a URL"],
    ["redis://:hunter2@localhost:port", "is not a URL"],
    ["redis://:hunter2@[::1", "is not a URL"],
    ["http://:hunter2@localhost", "does not begin with redis:// or rediss://"],
    ["localhost:6379", "does not begin with redis:// or rediss://"],
    ["redis:hunter2", "names no host"],
    ["redis:///0", "names no host"],
    ["redis://:hunter2@my%20host", "names no host"],
    ["redis://:hunter2@localhost:0", "names port 0"],
    ["redis://:hunter2@localhost/-1", "names a database that is not a whole number"],
    ["redis://:hunter2@localhost/first", "names a database that is not a whole number"],
    ["redis://:hunter2@localhost/99999999", "names a database that is not a whole number"],
    ["redis://:hunter2@localhost/0/1", "names a database that is not a whole number"],
    ["redis://:hunter2@localhost?db=1", "has parameters, which are not supported"],
    ["redis://:hunter2@localhost#1", "has parameters, which are not supported"],
    ["redis://:hunter2%@localhost", "holds a user name or password that is not percent-encoded"],
    ["redis://:hunter2%ff@localhost", "holds a user name or password that is not percent-encoded"]
  ]
  for (const [url, problem] of refused) {
    it(`${url} ${problem}, which is said without showing it`, () => {
      const parsed = RedisUrl.parse(url)
      const said = Result.isFailure(parsed) ? parsed.failure : assert.fail("it was taken")
      assert.isTrue(said.startsWith(problem), said)
      assert.notInclude(said, "hunter2")
    })
  }
})
