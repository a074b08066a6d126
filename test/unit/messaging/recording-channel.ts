import type { OutgoingMessage, PublishTarget } from '../../../src/messaging/message.ts'
import type {
  Channel,
  ConsumerHandle,
  PublishTicket,
  QueueDeclaration,
  QueueStatus,
} from '../../../src/messaging/transport.ts'
import { Deferred } from '../../../src/util/deferred.ts'

/** A message that was handed to a channel, to be confirmed by the test. */
export interface HandedOver {
  readonly message: OutgoingMessage
  readonly target: PublishTarget
  readonly ticket: PublishTicket | undefined
  readonly confirmed: Deferred
}

/** A channel that writes down what it is told, for tests of what must not wait for a broker. */
export class RecordingChannel implements Channel {
  readonly calls: (readonly [verb: string, argument: unknown])[] = []
  readonly published: HandedOver[] = []
  /** Told of each publish; what it returns or throws is the answer. Undefined: the test answers. */
  answer: ((handed: HandedOver) => void) | undefined
  /** What the next declaration answers with. */
  declareError: Error | undefined
  /** Declarations wait for it, if it is there. */
  declareGate: Promise<void> | undefined
  readonly #ended = new Deferred<Error | undefined>()
  readonly closed: Promise<Error | undefined> = this.#ended.promise

  async declareExchange(argument: unknown): Promise<void> {
    this.calls.push(['declareExchange', argument])
  }

  async declareQueue(queue: QueueDeclaration): Promise<QueueStatus> {
    this.calls.push(['declareQueue', queue])
    await this.declareGate
    const error = this.declareError
    this.declareError = undefined
    if (error !== undefined) throw error
    return { name: queue.name, messages: 0, consumers: 0 }
  }

  async bind(argument: unknown): Promise<void> {
    this.calls.push(['bind', argument])
  }

  async bindExchange(argument: unknown): Promise<void> {
    this.calls.push(['bindExchange', argument])
  }

  async unbind(argument: unknown): Promise<void> {
    this.calls.push(['unbind', argument])
  }

  async deleteExchange(argument: unknown): Promise<void> {
    this.calls.push(['deleteExchange', argument])
  }

  async deleteQueue(argument: unknown): Promise<number> {
    this.calls.push(['deleteQueue', argument])
    return 0
  }

  async purge(argument: unknown): Promise<number> {
    this.calls.push(['purge', argument])
    return 0
  }

  publish(message: OutgoingMessage, target: PublishTarget, ticket?: PublishTicket): Promise<void> {
    const handed: HandedOver = { message, target, ticket, confirmed: new Deferred() }
    this.published.push(handed)
    this.answer?.(handed)
    return handed.confirmed.promise
  }

  async get(): Promise<undefined> {
    return undefined
  }

  async consume(queue: unknown): Promise<ConsumerHandle> {
    this.calls.push(['consume', queue])
    return { cancel: async () => undefined }
  }

  async prefetch(): Promise<void> {}

  async ack(): Promise<void> {}

  async reject(): Promise<void> {}

  /** Ends as if the broker had closed it: everything unconfirmed fails. */
  lose(reason: Error): void {
    for (const { confirmed } of this.published) if (!confirmed.settled) confirmed.reject(reason)
    this.#ended.resolve(reason)
  }

  async close(): Promise<void> {
    this.#ended.resolve(undefined)
  }
}
