/**
 * The one place that reaches into amqplib. Its connection is used as it is for the handshake, heartbeats, methods and
 * their replies; three things are done here instead:
 *
 * - Content headers are read by `content-header.ts`, for correctness (see `table-reader.ts`).
 * - Published messages are encoded by `publish-frames.ts`, for correctness (see `byte-writer.ts`) and speed.
 * - What is written in one turn of the event loop leaves in one piece; amqplib makes a system call per frame.
 */
import type { ConfirmChannel } from 'amqplib'
import { ImproperlyConfigured } from '../../../errors.ts'
import type { OutgoingMessage, PublishTarget } from '../../message.ts'
import { ByteWriter } from './byte-writer.ts'
import { takeHeaderFrame } from './content-header.ts'
import { publishFrames } from './publish-frames.ts'

/** What of amqplib's connection is used here. */
interface ClientConnection {
  rest: Buffer
  recvFrame(): unknown
  readonly frameMax: number
  sentSinceLastCheck: boolean
  readonly channels: readonly ({ readonly buffer: { write(chunk: Buffer): boolean } } | null | undefined)[]
  readonly muxer: { _readIncoming(): void }
  readonly stream: { cork(): void; uncork(): void; destroy(error: Error): void }
}

/** See the module's description. */
export class ClientSeam {
  readonly #connection: ClientConnection
  readonly #writer = new ByteWriter()

  /** @throws ImproperlyConfigured when this amqplib isn't built as expected. */
  constructor(connection: object) {
    if (!isClientConnection(connection)) {
      throw new ImproperlyConfigured('This version of amqplib cannot be used: npm install amqplib@2.3')
    }
    this.#connection = connection
    const { recvFrame } = connection
    connection.recvFrame = () => takeHeaderFrame(connection) ?? recvFrame.call(connection)
    writeInOnePiece(connection)
  }

  /**
   * Writes a message. Answers false when amqplib's buffer is full: then wait for the channel's `drain`.
   * @throws TypeError, RangeError when it cannot be encoded; nothing is written then.
   */
  publish(channel: ConfirmChannel, message: OutgoingMessage, target: PublishTarget): boolean {
    const connection = this.#connection
    const number = 'ch' in channel && typeof channel.ch === 'number' ? channel.ch : -1
    const buffer = connection.channels[number]?.buffer
    if (buffer === undefined) throw new Error('the channel is closed')
    const chunks = publishFrames(this.#writer, number, message, target, connection.frameMax)
    connection.sentSinceLastCheck = true
    let room = true
    for (const chunk of chunks) room = buffer.write(chunk)
    return room
  }

  /**
   * amqplib only ends the socket, which a peer that is gone never answers: the process would wait for it. The error lets
   * amqplib end its heartbeat and its channels, if it has not yet.
   */
  destroySocket(): void {
    this.#connection.stream.destroy(new Error('the connection was closed'))
  }
}

function writeInOnePiece({ muxer, stream }: ClientConnection): void {
  const { _readIncoming } = muxer
  muxer._readIncoming = () => {
    stream.cork()
    try {
      _readIncoming.call(muxer)
    } finally {
      stream.uncork()
    }
  }
}

function isClientConnection(value: object): value is ClientConnection {
  return (
    has(value, 'rest', Buffer.isBuffer) &&
    has(value, 'recvFrame', isFunction) &&
    has(value, 'frameMax', Number.isFinite) &&
    has(value, 'sentSinceLastCheck', (sent) => typeof sent === 'boolean') &&
    has(value, 'channels', Array.isArray) &&
    has(value, 'muxer', (muxer) => has(muxer, '_readIncoming', isFunction)) &&
    has(value, 'stream', (stream) =>
      ['cork', 'uncork', 'destroy'].every((name) => has(stream, name, isFunction)),
    )
  )
}

function has(value: unknown, name: string, fits: (property: unknown) => boolean): boolean {
  return typeof value === 'object' && value !== null && fits(Reflect.get(value, name))
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}
