/**
 * Knowing which consumers are alive, so that what a dead one held is restored within seconds, not after the visibility
 * timeout.
 *
 * Each consumer that holds messages gives a sign of life now and then, and looks who gives none any more. Silence alone
 * proves nothing: code that blocks the event loop is silent, too. So a silent consumer counts as dead only when the
 * server has no connection of its name any more either. Where connections cannot be listed nobody counts as dead, and
 * the visibility timeout does it alone, as in kombu.
 */
import { ConnectionError } from '../../../errors.ts'
import type { RedisConnection } from '../../../util/redis/redis-connection.ts'
import type { RedisKeys } from './redis-keys.ts'
import { HEARTBEAT } from './redis-scripts.ts'

/** What a `Presence` works with. */
export interface PresenceOptions {
  readonly connection: RedisConnection
  readonly keys: RedisKeys
  /** Id of the consumer. */
  readonly consumer: string
  /** Shown by `CLIENT LIST`, followed by the id. */
  readonly clientName: string
  /** A connection of ours broke before. With the server all others may have gone, who come back one after the other. */
  readonly reconnected: boolean
  readonly warn: (message: string) => void
}

/** Milliseconds between two signs of life. */
export const HEARTBEAT_INTERVAL = 2000
/** Seconds without a sign after which a consumer is looked for. */
const SILENCE = 6
/** Milliseconds that others may take to connect again: Celery's longest pause between two attempts is 32 seconds. */
const LATE = 40_000
/** Seconds that the one who looks for it has time; then somebody else does. */
const CLAIM = 5

/** See the module's description. */
export class Presence {
  readonly #options: PresenceOptions
  #registered: Promise<boolean> | undefined
  #listable = true
  #beats = 0

  constructor(options: PresenceOptions) {
    this.#options = options
  }

  /** Makes the consumer known; done before it takes its first message. */
  async register(): Promise<void> {
    this.#registered ??= this.#register()
    await this.#registered
  }

  /** Gives a sign of life. Answers the ids of consumers that are dead. */
  async beat(): Promise<readonly string[]> {
    if (!(await this.#registered)) return []
    this.#beats += 1
    const early = this.#beats * HEARTBEAT_INTERVAL < (this.#options.reconnected ? LATE : SILENCE * 1000)
    const silent = await this.#beat(this.#listable && !early)
    return silent.length > 0 ? this.#dead(silent) : []
  }

  /** Everything of that consumer is restored; nobody needs to look for it again. */
  async forget(consumer: string): Promise<void> {
    const { connection, keys } = this.#options
    await connection.send('ZREM', keys.consumers, consumer)
  }

  /** Takes leave. */
  async unregister(): Promise<void> {
    if (await this.#registered) await this.forget(this.#options.consumer)
  }

  async #register(): Promise<boolean> {
    const { connection, clientName, consumer } = this.#options
    try {
      await connection.send('CLIENT', 'SETNAME', `${connectionName(clientName)}${mark(consumer)}`)
    } catch (error) {
      this.#unlistable(error)
      return false
    }
    await this.#beat(false)
    return true
  }

  /** Who asks for those that are silent has to do with them: nobody else is told of them for a while. */
  async #beat(ask: boolean): Promise<readonly string[]> {
    const { connection, keys, consumer } = this.#options
    const silent = await connection.run(HEARTBEAT, [keys.consumers], [consumer, ask ? SILENCE : '', CLAIM])
    return Array.isArray(silent) ? silent.map(String) : []
  }

  async #dead(silent: readonly string[]): Promise<readonly string[]> {
    const { connection, consumer } = this.#options
    let clients: string
    try {
      clients = `${String(await connection.send('CLIENT', 'LIST', 'TYPE', 'normal'))} `
    } catch (error) {
      this.#unlistable(error)
      return []
    }
    const connected = (id: string): boolean => clients.includes(`${mark(id)} `)
    // A proxy may show none of its clients, or hide what is behind other proxies.
    if (connected(consumer)) return silent.filter((id) => !connected(id))
    this.#unlistable(new Error('our own connection is not among them'))
    return []
  }

  #unlistable(error: unknown): void {
    if (error instanceof ConnectionError) throw error
    this.#listable = false
    const reason = error instanceof Error ? error.message : String(error)
    this.#options.warn(
      'Connections of Redis cannot be named or listed, so messages of a dead worker come back only after the ' +
        `visibility_timeout: ${reason}`,
    )
  }
}

/** A name as Redis takes it: without blanks. */
export function connectionName(name: string): string {
  return name.replaceAll(/[^!-~]/g, '_')
}

/** What the name of a consumer's connection ends with. */
function mark(consumer: string): string {
  return `#${consumer}`
}
