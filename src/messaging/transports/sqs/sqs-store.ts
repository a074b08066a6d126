/**
 * Queues in SQS, with messages as kombu writes them, so that Python and we share them.
 *
 * States: **open** → **closing** (`close` was called: nothing is asked for any more, what still comes is given back) →
 * **closed**. There is no connection that could be lost: what SQS refuses is the failure of one call.
 *
 * What is held is hidden from others for the visibility timeout, and anew with each renewal, for twelve hours in all:
 * SQS allows no more. What is not settled by then is delivered to somebody else.
 */
import { ConnectionError, PublishError } from '../../../errors.ts'
import { sleep } from '../../../util/abort.ts'
import { Batcher } from '../../../util/batcher.ts'
import type { Clock } from '../../../util/clock.ts'
import { Deferred } from '../../../util/deferred.ts'
import type {
  PostponedMessage,
  QueueStore,
  QueueStoreFeatures,
  StoredMessage,
  Taken,
} from '../../virtual/queue-store.ts'
import { BATCH, batchesOf, byQueue, eachInLanes } from './batches.ts'
import { Poller } from './poller.ts'
import { SqsClients } from './sqs-clients.ts'
import { isMissingQueue, sqsError } from './sqs-error.ts'
import { MOST_BYTES, OutgoingSqsMessage, ReceivedSqsMessage } from './sqs-message.ts'
import type { SqsOptions } from './sqs-options.ts'
import type { SqsQueue } from './sqs-queues.ts'
import { SqsQueues } from './sqs-queues.ts'
import { SqsVisibility } from './visibility.ts'

/** What SQS can do. */
export const SQS_FEATURES: QueueStoreFeatures = {
  priorities: { levels: 0, lowFirst: false },
  persistent: true,
  shared: true,
  messageTtl: false,
}

/** How often what SQS did not take, for reasons of its own, is sent. */
const ATTEMPTS = 3

/** What a store works with besides its options. */
export interface SqsStoreContext {
  readonly warn: (message: string) => void
  readonly clock: Clock
}

/** Opens a store. Rejects with `ConnectionError`, or `ImproperlyConfigured` when the AWS SDK is not installed. */
export async function openSqsStore(options: SqsOptions, context: SqsStoreContext): Promise<SqsStore> {
  const clients = new SqsClients(options)
  const queues = new SqsQueues(options, clients)
  try {
    await queues.probe()
  } catch (error) {
    await clients.close()
    throw error
  }
  return new SqsStore(options, { ...context, clients, queues })
}

/** See the module's description. */
export class SqsStore implements QueueStore {
  readonly features: QueueStoreFeatures = SQS_FEATURES
  readonly closed: Promise<Error | undefined>
  readonly lease: NonNullable<QueueStore['lease']>
  readonly #options: SqsOptions
  readonly #clock: Clock
  readonly #clients: SqsClients
  readonly #queues: SqsQueues
  readonly #poller: Poller
  readonly #visibility: SqsVisibility
  readonly #closed = new Deferred<Error | undefined>()
  /** By queue: what is settled while a request is under way goes with the next one. */
  readonly #deleting = new Map<string, Batcher<Taken>>()
  #closing: Promise<void> | undefined

  /** Use `openSqsStore`. */
  constructor(
    options: SqsOptions,
    context: SqsStoreContext & { readonly clients: SqsClients; readonly queues: SqsQueues },
  ) {
    const { clock, warn, clients, queues } = context
    this.#options = options
    this.#clock = clock
    this.#clients = clients
    this.#queues = queues
    this.closed = this.#closed.promise
    this.#visibility = new SqsVisibility({ options, queues, clock, warn })
    this.lease = {
      everyMs: options.visibilityTimeout / 3,
      renew: (taken) => this.#visibility.renew([...taken, ...this.#poller.atHand]),
    }
    this.#poller = new Poller({
      waitTime: options.waitTime,
      receive: (queue, limits) => this.#receive(queue, limits),
      restore: (taken) => this.#visibility.end(taken),
      passing: (error) => error instanceof ConnectionError && error.recoverable,
      rest: (signal) => this.#rest(signal),
      ordered: (queue) => queue.endsWith('.fifo'),
    })
  }

  async declare(queue: string): Promise<void> {
    await this.#queues.open(queue)
  }

  prepare(message: StoredMessage): StoredMessage {
    return new OutgoingSqsMessage(message, this.#options.base64)
  }

  async put(name: string, messages: readonly StoredMessage[]): Promise<void> {
    const { base64 } = this.#options
    const outgoing = messages.map((message) =>
      message instanceof OutgoingSqsMessage ? message : new OutgoingSqsMessage(message, base64),
    )
    const queue = await this.#queues.open(name)
    const batches = batchesOf(outgoing, ({ size }) => size, MOST_BYTES)
    await eachInLanes(batches, (batch) => this.#send(queue, batch), queue.fifo ? 1 : undefined)
  }

  async take(
    queues: readonly string[],
    { max, signal, wait }: { readonly max: number; readonly signal: AbortSignal; readonly wait: boolean },
  ): Promise<readonly Taken[]> {
    if (wait) return this.#poller.take(queues, max, signal)
    const taken: Taken[] = []
    for (const queue of queues) {
      if (taken.length < max) taken.push(...(await this.#look(queue, max - taken.length)))
    }
    return taken
  }

  async settle(taken: readonly Taken[]): Promise<void> {
    await Promise.all(
      [...byQueue(taken)].map(async ([queue, group]) => {
        const batcher = this.#deletingFrom(queue)
        await Promise.all(group.map((one) => batcher.add(one)))
      }),
    )
  }

  restore(taken: readonly Taken[], position: 'front' | 'back'): Promise<void> {
    // Who stops gives back at once; who rejects a message wants it later, if a policy says so.
    return position === 'front' ? this.#visibility.end(taken) : this.#visibility.backOff(taken)
  }

  /** What their queue's backoff or redrive policy says; without one they are gone. */
  async discard(taken: readonly Taken[]): Promise<void> {
    await this.settle(await this.#visibility.leave(taken))
  }

  /** They stay hidden; what is wanted later than SQS can hide it comes early, and is postponed again. */
  postpone(postponed: readonly PostponedMessage[]): Promise<void> {
    return this.#visibility.hide(postponed)
  }

  async consuming(queues: readonly string[]): Promise<void> {
    await this.#poller.leaveAllBut(queues)
  }

  async exists(queue: string): Promise<boolean> {
    this.#queues.forget(queue)
    return (await this.#queues.find(queue)) !== undefined
  }

  async size(name: string): Promise<number> {
    const queue = await this.#queues.find(name)
    if (queue === undefined) return 0
    return this.#call(queue, 'count the messages of', async ({ sqs, url }) => {
      const attribute = 'ApproximateNumberOfMessages'
      const { Attributes } = await sqs.getQueueAttributes({ QueueUrl: url, AttributeNames: [attribute] })
      return Number(Attributes?.[attribute] ?? 0)
    })
  }

  /** Takes and deletes, as SQS's own purging takes held messages, too, and is allowed but once a minute. */
  async purge(name: string): Promise<number> {
    let purged = 0
    for (;;) {
      const taken = await this.#look(name, BATCH)
      if (taken.length === 0) return purged
      await this.settle(taken)
      purged += taken.length
    }
  }

  async remove(queue: string): Promise<void> {
    await this.#queues.remove(queue)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    try {
      await this.#poller.stop()
      await Promise.all([...this.#deleting.values()].map((batcher) => batcher.drain()))
    } finally {
      await this.#clients.close()
      this.#closed.resolve(undefined)
    }
  }

  /** Looks without waiting. SQS asks only some of its servers then; all of them, when there should be something. */
  async #look(queue: string, max: number): Promise<readonly Taken[]> {
    if ((await this.#queues.find(queue)) === undefined) return []
    const limits = { max: Math.min(max, BATCH), wait: 0 }
    const taken = await this.#receive(queue, limits)
    if (taken.length > 0 || (await this.size(queue)) === 0) return taken
    return this.#receive(queue, { ...limits, wait: 1000 })
  }

  async #receive(
    name: string,
    { max, wait }: { readonly max: number; readonly wait: number },
  ): Promise<readonly Taken[]> {
    const { systemAttributes, messageAttributes, visibilityTimeout } = this.#options
    const queue = await this.#queues.open(name)
    const { Messages: messages = [] } = await this.#call(queue, 'take messages from', ({ sqs, url }) =>
      sqs.receiveMessage({
        QueueUrl: url,
        MaxNumberOfMessages: max,
        WaitTimeSeconds: Math.round(wait / 1000),
        VisibilityTimeout: Math.ceil(visibilityTimeout / 1000),
        MessageSystemAttributeNames: [...systemAttributes],
        MessageAttributeNames: [...messageAttributes],
      }),
    )
    const now = this.#clock.now()
    return messages.map((received) => {
      const handle = this.#visibility.handle(received)
      return { queue: name, message: new ReceivedSqsMessage(received, now), handle }
    })
  }

  async #send(queue: SqsQueue, batch: readonly OutgoingSqsMessage[]): Promise<void> {
    let rest = batch
    for (let attempt = 1; rest.length > 0; attempt++) {
      const entries = rest.map((message, index) => message.entry(`${index}`, queue.fifo))
      const { Failed: failed = [] } = await this.#call(queue, 'store messages in', ({ sqs, url }) =>
        sqs.sendMessageBatch({ QueueUrl: url, Entries: entries }),
      )
      const [first] = failed
      if (first === undefined) return
      if (attempt === ATTEMPTS || failed.some(({ SenderFault }) => SenderFault)) {
        throw new PublishError(`SQS refused a message for ${queue.name}: ${first.Message ?? first.Code}`, {
          recoverable: !first.SenderFault,
        })
      }
      rest = failed.flatMap(({ Id }) => rest[Number(Id)] ?? [])
    }
  }

  #deletingFrom(name: string): Batcher<Taken> {
    const known = this.#deleting.get(name)
    if (known !== undefined) return known
    const batcher = new Batcher<Taken>(async (taken) => {
      const queue = await this.#queues.open(name)
      await eachInLanes(batchesOf(taken), (batch) => this.#delete(queue, batch))
    })
    this.#deleting.set(name, batcher)
    return batcher
  }

  async #delete(queue: SqsQueue, batch: readonly Taken[]): Promise<void> {
    let rest = batch
    for (let attempt = 1; rest.length > 0; attempt++) {
      const entries = rest.map((taken, index) => ({
        Id: `${index}`,
        ReceiptHandle: this.#visibility.receiptOf(taken),
      }))
      const { Failed: failed = [] } = await this.#call(queue, 'delete messages of', ({ sqs, url }) =>
        sqs.deleteMessageBatch({ QueueUrl: url, Entries: entries }),
      )
      // A receipt that is no good any more is that of a message which is gone, or held by somebody else by now.
      const again = failed.filter(({ SenderFault }) => !SenderFault)
      if (again.length > 0 && attempt === ATTEMPTS) {
        throw sqsError(new Error(again[0]?.Message ?? again[0]?.Code), `delete messages of ${queue.name}`)
      }
      rest = again.flatMap(({ Id }) => rest[Number(Id)] ?? [])
    }
  }

  async #call<T>(queue: SqsQueue, doing: string, ask: (queue: SqsQueue) => Promise<T>): Promise<T> {
    try {
      return await ask(queue)
    } catch (error) {
      // Somebody has deleted it: it is looked for, and made, anew.
      if (isMissingQueue(error)) this.#queues.forget(queue.name)
      throw sqsError(error, `${doing} ${queue.name}`)
    }
  }

  async #rest(signal: AbortSignal): Promise<void> {
    try {
      await sleep(this.#options.pollingInterval, { signal, clock: this.#clock })
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }
}
