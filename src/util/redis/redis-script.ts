import { createHash } from 'node:crypto'

/** A Lua script that runs inside the server, in one piece. */
export interface RedisScript {
  readonly lua: string
  /** Its name on the server. */
  readonly sha: string
}

/** Prepares a script. */
export function redisScript(lua: string): RedisScript {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}
