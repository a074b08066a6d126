import type { Duplex } from 'node:stream'
import { deserialize, serialize } from 'node:v8'
import type { FrameLink } from '../children/frames.ts'

const HEADER_BYTES = 4

/**
 * One end of the pipe to a child process. A frame is four bytes of length (little endian) and a structured clone of an
 * array of messages.
 */
export class FrameSocket<Out, In> implements FrameLink<Out> {
  readonly #stream: Duplex
  #outbox: Out[] = []
  #inbox: Buffer[] = []
  #buffered = 0

  constructor(stream: Duplex, receive: (message: In) => void) {
    this.#stream = stream
    stream.on('data', (chunk: Buffer) => this.#read(chunk, receive))
  }

  send(message: Out): void {
    if (this.#outbox.push(message) === 1) setImmediate(() => this.flush())
  }

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
