import { deserialize, serialize } from 'node:v8'
import type { MessagePort, Worker } from 'node:worker_threads'
import type { FrameLink } from '../children/frames.ts'

/**
 * One end of the way between two threads. Messages are serialized here, and the bytes handed over: to post them as they
 * are would copy the whole chunk from the network of which the body of a task is a part.
 */
export class FramePort<Out, In> implements FrameLink<Out> {
  readonly #port: MessagePort | Worker
  #outbox: Out[] = []

  constructor(port: MessagePort | Worker, receive: (message: In) => void) {
    this.#port = port
    port.on('message', (frame: Uint8Array) => {
      for (const message of deserialize(frame) as In[]) receive(message)
    })
  }

  send(message: Out): void {
    if (this.#outbox.push(message) === 1) setImmediate(() => this.flush())
  }

  flush(): void {
    if (this.#outbox.length === 0) return
    const messages = this.#outbox
    this.#outbox = []
    const frame = serialize(messages)
    this.#port.postMessage(frame, frame.buffer instanceof ArrayBuffer ? [frame.buffer] : [])
  }
}
