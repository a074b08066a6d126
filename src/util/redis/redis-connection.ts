/**
 * One connection to Redis. It never reconnects by itself: who uses it opens another one.
 *
 * States: **open** (what `openRedis` gives) → **closed**, by `close()`, by a loss of the connection, or by an error
 * after which it is of no use (`READONLY` after a failover). Calls that have no reply by then reject.
 *
 * The client library is ioredis; nothing of it is visible outside of this file. It talks RESP 2, which all its versions
 * and all servers have.
 */
import type { Redis } from 'ioredis'
import { ConnectionError, ImproperlyConfigured } from '../../errors.ts'
import { waitOrAbort } from '../abort.ts'
import { Deferred } from '../deferred.ts'
import { importOptional, importReference } from '../modules.ts'
import { redisError } from './redis-error.ts'
import type { RedisScript } from './redis-script.ts'
import type { RedisAddress, RedisCredentials, RedisTarget } from './redis-target.ts'
import type { RedisTls } from './redis-tls.ts'

/** What can be sent. */
export type RedisValue = string | number | Uint8Array

/** A command and its arguments. */
export type RedisCommand = readonly [name: string, ...args: RedisValue[]]

/** Told of messages that come by subscription. `pattern` is '' for those of `SUBSCRIBE`. Must not throw. */
export type RedisListener = (channel: string, payload: unknown, pattern: string) => void

/** What one connection needs of a `RedisTarget`. */
export interface RedisEndpoint {
  readonly address: RedisAddress
  readonly database: number
  readonly username: string | undefined
  readonly password: string | undefined
  readonly tls: RedisTls | undefined
  readonly connectTimeout: number | undefined
  readonly socketTimeout: number | undefined
  readonly keepAlive: number | undefined
  readonly label: string
}

/** When connecting takes longer than this, it counts as failed. */
const CONNECT_TIMEOUT = 10_000
/** How long a closing connection waits for replies that are due. */
const CLOSE_TIMEOUT = 5000

/** See the module's description. */
export class RedisConnection {
  /** Settles once, when the connection is gone: undefined after `close()`, else the reason. Never rejects. */
  readonly closed: Promise<ConnectionError | undefined>
  /** The server, for messages. */
  readonly server: string
  readonly #client: Redis
  readonly #closed = new Deferred<ConnectionError | undefined>()
  #trouble: Error | undefined
  #closing = false
  /** There is no socket any more. */
  #gone = false

  /** Use `openRedis` or `connectTo`. @internal */
  constructor(client: Redis, server: string) {
    this.#client = client
    this.server = server
    this.closed = this.#closed.promise
    client.on('error', (error: Error) => {
      this.#trouble = error
    })
    client.once('close', () => {
      this.#gone = true
    })
    client.once('end', () => this.#ended())
  }

  /** Sends one command. Rejects with `ConnectionError` or `OperationalError`, as all methods do. */
  async send(...command: RedisCommand): Promise<unknown> {
    const [name, ...args] = command
    try {
      return await this.#client.call(name, args.map(toArgument))
    } catch (error) {
      throw this.#failure(error)
    }
  }

  /** Like `send`, for commands with many arguments, which are taken as they are. */
  async sendAll(name: string, args: readonly (string | number | Buffer)[]): Promise<unknown> {
    try {
      return await this.#client.call(name, [...args])
    } catch (error) {
      throw this.#failure(error)
    }
  }

  /** Like `sendAll`; texts in the reply stay bytes. */
  async sendForBytes(name: string, args: readonly (string | number | Buffer)[]): Promise<unknown> {
    try {
      return await this.#client.callBuffer(name, [...args])
    } catch (error) {
      throw this.#failure(error)
    }
  }

  /** Sends several commands at once, as a transaction. Answers their replies; the first error reply is thrown. */
  async transaction(commands: readonly RedisCommand[]): Promise<unknown[]> {
    try {
      const batch = this.#client.multi()
      for (const [name, ...args] of commands) batch.call(name, args.map(toArgument))
      const replies = await batch.exec()
      return (replies ?? []).map(([error, reply]) => {
        if (error !== null) throw error
        return reply
      })
    } catch (error) {
      throw this.#failure(whyAborted(error))
    }
  }

  /** Runs a script, which is sent along when the server doesn't know it. */
  async run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    try {
      return await this.#client.call('EVALSHA', [script.sha, keys.length, ...keys, ...args])
    } catch (error) {
      if (!isUnknownScript(error)) throw this.#failure(error)
    }
    return this.sendAll('EVAL', [script.lua, keys.length, ...keys, ...args])
  }

  /** Like `run`; texts in the reply stay bytes. */
  async runForBytes(
    script: RedisScript,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    try {
      return await this.#client.callBuffer('EVALSHA', [script.sha, keys.length, ...keys, ...args])
    } catch (error) {
      if (!isUnknownScript(error)) throw this.#failure(error)
    }
    return this.sendForBytes('EVAL', [script.lua, keys.length, ...keys, ...args])
  }

  /** Hears what comes on subscribed channels and patterns, as bytes. */
  listen(listener: RedisListener): void {
    this.#client.on('messageBuffer', (channel: unknown, payload: unknown) => {
      listener(String(channel), payload, '')
    })
    this.#client.on('pmessageBuffer', (pattern: unknown, channel: unknown, payload: unknown) => {
      listener(String(channel), payload, String(pattern))
    })
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    await this.#subscription(() => this.#client.subscribe(...channels))
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    await this.#subscription(() => this.#client.unsubscribe(...channels))
  }

  async subscribePatterns(patterns: readonly string[]): Promise<void> {
    await this.#subscription(() => this.#client.psubscribe(...patterns))
  }

  async unsubscribePatterns(patterns: readonly string[]): Promise<void> {
    await this.#subscription(() => this.#client.punsubscribe(...patterns))
  }

  /** Waits until it is connected, and has its database. */
  async opened(database: number, timeout: number): Promise<void> {
    const connecting = this.#client
      .connect()
      .then(() => (database === 0 ? this.send('PING') : this.send('SELECT', database)))
    try {
      await waitOrAbort(connecting, { timeout }, `a connection to Redis at ${this.server}`)
    } catch (error) {
      const failure = this.#failure(this.#trouble ?? error)
      this.destroy(failure)
      throw failure
    }
  }

  /** Gives the connection up at once; calls without a reply reject. */
  destroy(reason: Error): void {
    this.#trouble ??= reason
    // For a socket that is gone already ioredis would keep the process alive for two seconds.
    if (!this.#gone) this.#client.disconnect()
  }

  /** Lets replies that are due come in, then closes. Idempotent. */
  async close(): Promise<void> {
    if (!this.#closing && !this.#closed.settled) {
      this.#closing = true
      // Replies come in order, so with this one all others are there; when it fails, there is nothing to wait for.
      await waitOrAbort(this.#client.quit(), { timeout: CLOSE_TIMEOUT }, 'the last replies').catch(
        () => undefined,
      )
      if (!this.#gone) this.#client.disconnect()
    }
    await this.closed
  }

  async #subscription(call: () => Promise<unknown>): Promise<void> {
    try {
      await call()
    } catch (error) {
      throw this.#failure(error)
    }
  }

  #failure(error: unknown): Error {
    const said = error instanceof Error ? error.message : ''
    // ioredis says no more than this when the connection goes; what it said before tells why.
    const reason = said === 'Connection is closed.' ? (this.#trouble ?? new Error('it was closed')) : error
    const failure = redisError(reason, { server: this.server })
    if (failure instanceof ConnectionError && !this.#closed.settled) this.destroy(failure)
    return failure
  }

  #ended(): void {
    if (this.#closing) {
      this.#closed.resolve(undefined)
      return
    }
    const failure = redisError(this.#trouble ?? new Error('the server closed it'), { server: this.server })
    this.#closed.resolve(
      failure instanceof ConnectionError ? failure : new ConnectionError(failure.message, { cause: failure }),
    )
  }
}

/** Connects to one server. Rejects with `ConnectionError`. */
export async function connectTo(endpoint: RedisEndpoint): Promise<RedisConnection> {
  const { Redis: Client } = await importOptional('ioredis', {
    neededFor: endpoint.label,
    load: () => import('ioredis'),
  })
  const { address, username, password, tls, socketTimeout, keepAlive } = endpoint
  const connectTimeout = endpoint.connectTimeout ?? CONNECT_TIMEOUT
  const client = new Client({
    ...address,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
    ...(socketTimeout === undefined ? {} : { socketTimeout }),
    ...(keepAlive === undefined ? {} : { keepAlive }),
    connectTimeout,
    protocol: 2,
    lazyConnect: true,
    retryStrategy: null,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: null,
    enableReadyCheck: false,
    disableClientInfo: true,
  })
  const connection = new RedisConnection(client, endpoint.label)
  await connection.opened(endpoint.database, connectTimeout)
  return connection
}

/** The credentials to use now: the provider's, or those that were configured. */
export async function credentialsOf(target: RedisTarget): Promise<RedisCredentials> {
  const { credentials, username, password } = target
  if (credentials === undefined) return { username, password }
  const provider =
    typeof credentials === 'string'
      ? await importReference(credentials, { option: 'credential_provider' })
      : credentials
  if (typeof provider !== 'function') {
    throw new ImproperlyConfigured(
      'credential_provider must be a function that answers { username, password }',
    )
  }
  return provider()
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}

/** A transaction that is not carried out says only that; what the server said of its commands tells why. */
function whyAborted(error: unknown): unknown {
  const [first]: unknown[] =
    error instanceof Error && 'previousErrors' in error && Array.isArray(error.previousErrors)
      ? error.previousErrors
      : []
  return first ?? error
}

function toArgument(value: RedisValue): string | number | Buffer {
  if (typeof value === 'string' || typeof value === 'number' || Buffer.isBuffer(value)) return value
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}
