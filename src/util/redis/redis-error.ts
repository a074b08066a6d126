/** What Redis and its client complain about, said in our words with a remedy. */
import { ConnectionError, OperationalError } from '../../errors.ts'

interface Complaint {
  readonly pattern: RegExp
  /** Whether the connection is of no more use. */
  readonly fatal: boolean
  /** Whether trying again can help. */
  readonly recoverable: boolean
  readonly remedy: string
}

const COMPLAINTS: readonly Complaint[] = [
  {
    pattern: /^READONLY/,
    fatal: true,
    recoverable: true,
    remedy: 'this server is a replica now; connect to the master (sentinel:// finds it by itself)',
  },
  {
    pattern: /^(?:LOADING|MASTERDOWN)\b/,
    fatal: true,
    recoverable: true,
    remedy: 'the server is not ready yet; it is tried again',
  },
  {
    pattern: /^OOM/,
    fatal: false,
    recoverable: true,
    remedy: 'Redis is at its maxmemory: free memory or raise the limit; the policy must be noeviction',
  },
  {
    pattern: /^MISCONF/,
    fatal: false,
    recoverable: true,
    remedy: 'Redis cannot write its data to disk: see its log',
  },
  {
    pattern: /max number of clients reached/,
    fatal: true,
    recoverable: true,
    remedy: 'its maxclients are connected: raise that, or let fewer connect; it is tried again',
  },
  {
    pattern: /^NOREPLICAS/,
    fatal: false,
    recoverable: true,
    remedy: 'fewer replicas are connected than min-replicas-to-write wants; it is tried again',
  },
  {
    pattern: /^BUSY\b/,
    fatal: false,
    recoverable: true,
    remedy: 'a script of somebody runs for long; it is tried again',
  },
  {
    pattern: /^NOAUTH/,
    fatal: true,
    recoverable: false,
    remedy: 'the server wants a password: redis://:password@host or redis://user:password@host',
  },
  {
    pattern: /^WRONGPASS|invalid (?:username-)?password/,
    fatal: true,
    recoverable: false,
    remedy: 'check user and password in the URL (special characters must be percent-encoded)',
  },
  {
    pattern: /^NOPERM/,
    fatal: false,
    recoverable: false,
    remedy: "the user lacks a permission: see Redis's ACL (+@all, ~* and &* suffice)",
  },
  {
    pattern: /^(?:MOVED|ASK|CROSSSLOT|CLUSTERDOWN)\b/,
    fatal: false,
    recoverable: false,
    remedy: 'this is a Redis Cluster; use a single Redis server, or several with Sentinel',
  },
  {
    pattern: /^WRONGTYPE/,
    fatal: false,
    recoverable: false,
    remedy: 'something else uses that key: use another database, or set global_keyprefix',
  },
  {
    pattern: /DB index is out of range|invalid DB index/,
    fatal: true,
    recoverable: false,
    remedy: 'the number of the database follows the last slash of the URL; by default there are 0 to 15',
  },
  {
    pattern: /unknown command|unknown subcommand/i,
    fatal: false,
    recoverable: false,
    remedy: 'Redis 6.2 or newer is recommended (5 is the least)',
  },
]

/** What went wrong, and with which server. */
export interface RedisErrorContext {
  /** The server, without its password. */
  readonly server: string
}

/** An error of Redis or of its client as one of ours. Ours stay as they are. */
export function redisError(error: unknown, { server }: RedisErrorContext): OperationalError {
  if (error instanceof OperationalError) return error
  const said = textOf(error)
  const complaint = COMPLAINTS.find(({ pattern }) => pattern.test(said))
  if (complaint !== undefined) {
    const { fatal, recoverable, remedy } = complaint
    const Class = fatal ? ConnectionError : OperationalError
    return new Class(`Redis at ${server} replied: ${said} (${remedy})`, { cause: error, recoverable })
  }
  if (isReply(error)) {
    return new OperationalError(`Redis at ${server} replied: ${said}`, { cause: error, recoverable: false })
  }
  return new ConnectionError(`The connection to Redis at ${server} failed: ${said}`, { cause: error })
}

/** Node's error for a name with several addresses has no text of its own. */
function textOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(textOf).join(', ')
  return error instanceof Error ? error.message : String(error)
}

/** Whether the error is a reply of the server, and not a trouble of the connection. */
function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError'
}
