import type { Duplex } from 'node:stream'
import { deserialize, serialize } from 'node:v8'
import type { FrameLink } from '../children/frames.ts'

const HEADER_BYTES = 4

/** What a frame socket may be told besides what to receive. */
export interface FrameSocketOptions {
  /** Told once of bytes that are no frame; none of what comes after them is read. Default: the error is thrown. */
  readonly unreadable?: (error: unknown) => void
}

/**
 * One end of the pipe to a child process. A frame is four bytes of length (little endian) and a structured clone of an
 * array of messages.
 */
export class FrameSocket<Out, In> implements FrameLink<Out> {
  readonly #stream: Duplex
  readonly #unreadable: FrameSocketOptions['unreadable']
  #outbox: Out[] = []
  #inbox: Buffer[] = []
  #buffered = 0
  /** Bytes that must be there until there is anything to be read: large frames come in thousands of pieces. */
  #wanted = HEADER_BYTES

  constructor(stream: Duplex, receive: (message: In) => void, { unreadable }: FrameSocketOptions = {}) {
    this.#stream = stream
    this.#unreadable = unreadable
    stream.on('data', (chunk: Buffer) => this.#read(chunk, receive))
  }

  send(message: Out): void {
    if (this.#outbox.push(message) === 1) setImmediate(() => this.flush())
  }

  flush(): void {
    if (this.#outbox.length === 0 || this.#stream.destroyed) return
    const messages = this.#outbox
    this.#outbox = []
    const body = serialize(messages)
    const header = Buffer.allocUnsafe(HEADER_BYTES)
    header.writeUInt32LE(body.length)
    this.#stream.cork()
    this.#stream.write(header)
    this.#stream.write(body)
    this.#stream.uncork()
  }

  /** Sends what is queued and ends the stream. */
  end(): void {
    this.flush()
    this.#stream.end()
  }

  #read(chunk: Buffer, receive: (message: In) => void): void {
    this.#inbox.push(chunk)
    this.#buffered += chunk.length
    if (this.#buffered < this.#wanted) return
    const bytes = this.#inbox.length === 1 ? chunk : Buffer.concat(this.#inbox)
    let offset = 0
    this.#wanted = HEADER_BYTES
    while (bytes.length - offset >= HEADER_BYTES) {
      const start = offset + HEADER_BYTES
      const end = start + bytes.readUInt32LE(offset)
      if (bytes.length < end) {
        this.#wanted = end - offset
        break
      }
      offset = end
      const messages = this.#messagesOf(bytes.subarray(start, end))
      if (messages === undefined) {
        this.#wanted = Number.POSITIVE_INFINITY
        offset = bytes.length
        break
      }
      for (const message of messages) receive(message)
    }
    const rest = bytes.subarray(offset)
    this.#inbox = rest.length === 0 ? [] : [rest]
    this.#buffered = rest.length
  }

  #messagesOf(body: Buffer): In[] | undefined {
    try {
      return deserialize(body) as In[]
    } catch (error) {
      if (this.#unreadable === undefined) throw error
      this.#unreadable(error)
      return undefined
    }
  }
}
