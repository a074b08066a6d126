/**
 * The connection to one server, in Memcached's text protocol. Requests are sent without waiting for the replies to
 * earlier ones; those that are made in one turn of the event loop leave as one packet.
 *
 * States: **idle** (no socket) → (a request) **open** → (closed, failed, or silent for too long) **idle**. What had no
 * reply by then rejects; whether it was carried out is unknown. The next request connects again.
 */
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { ConnectionError, OperationalError } from '../../errors.ts'
import { Deferred } from '../../util/deferred.ts'
import type { MemcachedAddress } from './memcached-options.ts'
import type { MemcachedItem, MemcachedReply } from './reply-reader.ts'
import { ReplyReader } from './reply-reader.ts'

/** What a connection needs. */
export interface MemcachedConnectionOptions {
  readonly address: MemcachedAddress
  /** Milliseconds. */
  readonly connectTimeout: number
  /** Milliseconds. */
  readonly replyTimeout: number
}

/** See the module's description. */
export class MemcachedConnection {
  readonly #options: MemcachedConnectionOptions
  /** The server, for messages. */
  readonly server: string
  #socket: Socket | undefined
  #waiting: Deferred<MemcachedReply>[] = []

  constructor(options: MemcachedConnectionOptions) {
    this.#options = options
    const { address } = options
    this.server = address.path ?? `${address.host}:${address.port}`
  }

  /** Sends a command and settles with the line that answers it. @throws OperationalError */
  async command(line: string, data?: Uint8Array): Promise<string> {
    const { line: answer } = await this.#request(line, data)
    if (/^(?:ERROR$|CLIENT_ERROR|SERVER_ERROR)/.test(answer)) {
      throw new OperationalError(`Memcached at ${this.server} refused '${line.slice(0, 60)}': ${answer}`)
    }
    return answer
  }

  /** The items of these keys that are there. @throws OperationalError */
  async get(keys: readonly string[]): Promise<readonly MemcachedItem[]> {
    const { line, items } = await this.#request(`get ${keys.join(' ')}`)
    if (line === 'END') return items
    throw new OperationalError(`Memcached at ${this.server} could not read: ${line}`)
  }

  /** Waits for the replies that are due, then closes. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#waiting.map(({ promise }) => promise))
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #request(line: string, data?: Uint8Array): Promise<MemcachedReply> {
    const socket = this.#socket ?? this.#connect()
    const reply = new Deferred<MemcachedReply>()
    this.#waiting.push(reply)
    socket.cork()
    socket.write(`${line}\r\n`)
    if (data !== undefined) {
      socket.write(data)
      socket.write('\r\n')
    }
    process.nextTick(() => socket.uncork())
    return reply.promise
  }

  #connect(): Socket {
    const { address, connectTimeout, replyTimeout } = this.#options
    const socket = connect({ ...address, noDelay: true })
    this.#socket = socket
    const reader = new ReplyReader()
    socket.setTimeout(connectTimeout)
    socket.once('connect', () => socket.setTimeout(replyTimeout))
    socket.on('timeout', () => {
      if (this.#waiting.length > 0 || socket.connecting) socket.destroy(new Error('no reply in time'))
    })
    socket.on('data', (chunk) => {
      if (socket !== this.#socket) return
      for (const reply of reader.read(chunk)) this.#waiting.shift()?.resolve(reply)
    })
    let cause: Error | undefined
    socket.on('error', (error) => {
      cause = error
    })
    socket.on('close', () => this.#lose(socket, cause))
    return socket
  }

  #lose(socket: Socket, cause: Error | undefined): void {
    if (socket !== this.#socket) return
    this.#socket = undefined
    const waiting = this.#waiting
    this.#waiting = []
    const error = new ConnectionError(
      `The connection to Memcached at ${this.server} failed: ${cause?.message ?? 'closed by the server'}`,
      { cause },
    )
    for (const reply of waiting) reply.reject(error)
  }
}
