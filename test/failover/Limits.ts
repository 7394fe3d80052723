/** The longest that one attempt and one call with its retries may take: the client's `commandTimeout`. */
export const callMillis = 1000

/** After so many milliseconds of silence sentinels, or the nodes of a cluster, take a server for dead. */
export const downAfter = 1000

/** How long a call of the cache may wait for Redis. */
export const patienceMillis = 500
