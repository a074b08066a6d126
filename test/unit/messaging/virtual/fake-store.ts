import type {
  Fanout,
  QueueStore,
  StoredMessage,
  Taken,
} from '../../../../src/messaging/virtual/queue-store.ts'
import { Deferred } from '../../../../src/util/deferred.ts'

/** A call that was made to the store. */
export type Call = readonly [verb: string, ...details: readonly unknown[]]

/** Listeners of broadcasts, by exchange. */
export class FakeFanout implements Fanout {
  readonly listeners = new Map<string, (message: StoredMessage) => void>()

  async publish(exchange: string, _routingKey: string, message: StoredMessage): Promise<void> {
    this.listeners.get(exchange)?.(message)
  }

  async subscribe(
    exchange: string,
    _routingKey: string,
    deliver: (message: StoredMessage) => void,
  ): Promise<{ cancel(): Promise<void> }> {
    this.listeners.set(exchange, deliver)
    return {
      cancel: async () => {
        this.listeners.delete(exchange)
      },
    }
  }
}

/** A store that writes down what is asked of it and does what the test says. */
export class FakeStore implements QueueStore {
  readonly features = {
    priorities: { levels: 0, lowFirst: false },
    persistent: true,
    shared: true,
    messageTtl: false,
  }
  readonly calls: Call[] = []
  readonly queues = new Map<string, StoredMessage[]>()
  readonly ended = new Deferred<Error | undefined>()
  readonly closed: Promise<Error | undefined> = this.ended.promise
  lease?: { readonly everyMs: number; renew(taken: readonly Taken[]): Promise<void> }
  fanout?: Fanout
  postpone?: QueueStore['postpone']
  consumedElsewhere?: (queue: string) => Promise<boolean>
  /** Errors to be thrown by the next call of a verb. */
  readonly failures = new Map<string, Error>()
  #lastHandle = 0
  #waiting: (() => void) | undefined

  prepare(message: StoredMessage): StoredMessage {
    this.#fail('prepare')
    return message
  }

  async declare(queue: string): Promise<void> {
    this.calls.push(['declare', queue])
  }

  async put(queue: string, messages: readonly StoredMessage[]): Promise<void> {
    this.calls.push(['put', queue, messages.map(({ body }) => new TextDecoder().decode(body))])
    this.#fail('put')
    this.queues.set(queue, [...(this.queues.get(queue) ?? []), ...messages])
    this.wake()
  }

  async take(
    queues: readonly string[],
    { max, signal, wait }: { readonly max: number; readonly signal: AbortSignal; readonly wait: boolean },
  ): Promise<readonly Taken[]> {
    this.calls.push(['take', queues, max])
    for (;;) {
      this.#fail('take')
      const taken = queues.flatMap((queue) =>
        (this.queues.get(queue)?.splice(0, max) ?? []).map((message) => {
          this.#lastHandle++
          return { queue, message, handle: this.#lastHandle }
        }),
      )
      if (taken.length > 0 || signal.aborted || !wait) return taken
      const woken = new Deferred()
      this.#waiting = () => woken.resolve()
      signal.addEventListener('abort', () => woken.resolve(), { once: true })
      await woken.promise
    }
  }

  /** Lets a waiting `take` look again. */
  wake(): void {
    this.#waiting?.()
  }

  async settle(taken: readonly Taken[]): Promise<void> {
    this.calls.push(['settle', taken.map(({ handle }) => handle)])
    this.#fail('settle')
  }

  async restore(taken: readonly Taken[], position: 'front' | 'back'): Promise<void> {
    this.calls.push(['restore', taken.map(({ handle }) => handle), position])
    this.#fail('restore')
  }

  async size(queue: string): Promise<number> {
    return this.queues.get(queue)?.length ?? 0
  }

  async purge(): Promise<number> {
    return 0
  }

  async remove(queue: string): Promise<void> {
    this.calls.push(['remove', queue])
  }

  async close(): Promise<void> {
    this.calls.push(['close'])
    this.ended.resolve(undefined)
    this.#fail('close')
  }

  /** The calls of one verb, without its name. */
  of(verb: string): readonly (readonly unknown[])[] {
    return this.calls.filter(([name]) => name === verb).map(([, ...details]) => details)
  }

  #fail(verb: string): void {
    const error = this.failures.get(verb)
    this.failures.delete(verb)
    if (error !== undefined) throw error
  }
}
