/**
 * How parent and child talk: frames of four bytes of length (little endian) and a structured clone of an array of
 * messages. All messages of one turn of the event loop travel in one frame.
 */
import type { Duplex } from 'node:stream'
import { deserialize, serialize } from 'node:v8'

/** What a parent tells a child. */
export type ToChild =
  /** `maxMemory`: bytes; above that, the child says `heavy`. */
  | readonly ['init', module: string, init: unknown, slots: number, maxMemory: number | undefined]
  /** `announce`: say that it starts before it starts, since it might block the process. */
  | readonly ['job', id: string, data: unknown, softTimeLimit: number | undefined, announce: boolean]
  /** `withdraw`: give it back unless it has started. */
  | readonly ['abort', id: string, reason: 'terminate' | 'shutdown' | 'withdraw']
  | readonly ['stop']

/** What a child tells its parent. */
export type ToParent =
  | readonly ['ready']
  | readonly ['failed', message: string, stack: string]
  | readonly ['accepted', id: string]
  /** `milliseconds`: how long it ran. */
  | readonly ['done', id: string, value: unknown, milliseconds: number]
  /** After a job it has more memory than it may have: so many bytes. Said once. */
  | readonly ['heavy', bytes: number]
  /** It waited here, never started, and is given back. */
  | readonly ['returned', id: string]
  /** The runner broke its promise never to reject. */
  | readonly ['broken', id: string, message: string]

const HEADER_BYTES = 4

/** One end of the pipe: sends messages batched per turn, and splits what arrives into messages. */
export class FrameSocket<Out, In> {
  readonly #stream: Duplex
  #outbox: Out[] = []
  #inbox: Buffer[] = []
  #buffered = 0

  constructor(stream: Duplex, receive: (message: In) => void) {
    this.#stream = stream
    stream.on('data', (chunk: Buffer) => this.#read(chunk, receive))
  }

  /** Queues a message; it leaves at the end of this turn. */
  send(message: Out): void {
    if (this.#outbox.push(message) === 1) setImmediate(() => this.flush())
  }

  /** Sends what is queued now. */
  flush(): void {
    if (this.#outbox.length === 0 || this.#stream.destroyed) return
    const body = serialize(this.#outbox)
    this.#outbox = []
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
    let bytes = this.#inbox.length === 1 ? chunk : undefined
    let offset = 0
    while (this.#buffered - offset >= HEADER_BYTES) {
      bytes ??= Buffer.concat(this.#inbox)
      const length = bytes.readUInt32LE(offset)
      if (bytes.length - offset - HEADER_BYTES < length) break
      const start = offset + HEADER_BYTES
      offset = start + length
      for (const message of deserialize(bytes.subarray(start, offset)) as In[]) receive(message)
    }
    if (offset === 0) return
    const rest = bytes?.subarray(offset)
    this.#inbox = rest === undefined || rest.length === 0 ? [] : [rest]
    this.#buffered = rest?.length ?? 0
  }
}
