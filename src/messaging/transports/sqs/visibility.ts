/** For how long held messages are hidden from others. */
import type { Message } from '@aws-sdk/client-sqs'
import type { Clock } from '../../../util/clock.ts'
import type { PostponedMessage, Taken } from '../../virtual/queue-store.ts'
import { batchesOf, byQueue, eachInLanes } from './batches.ts'
import { isMissingQueue, sqsError } from './sqs-error.ts'
import type { SqsOptions } from './sqs-options.ts'
import { LONGEST_VISIBILITY } from './sqs-options.ts'
import type { SqsQueue, SqsQueues } from './sqs-queues.ts'

/** A little less than SQS allows, in milliseconds, as our clock is not its clock. */
const MARGIN = 30_000

/** What SQS knows a held message by. */
class Receipt {
  readonly handle: string
  /** Milliseconds since 1970. */
  readonly receivedAt: number
  /** How often it was received by anybody. */
  readonly count: number
  /** Somebody was told that it cannot be held for longer. */
  ended = false

  constructor(handle: string, receivedAt: number, count: number) {
    this.handle = handle
    this.receivedAt = receivedAt
    this.count = count
  }
}

interface Change {
  readonly queue: string
  readonly receipt: Receipt
  /** Seconds from now. */
  readonly seconds: number
}

/** What an `SqsVisibility` works with. */
export interface SqsVisibilityOptions {
  readonly options: Pick<SqsOptions, 'visibilityTimeout'>
  readonly queues: SqsQueues
  readonly clock: Clock
  readonly warn: (message: string) => void
}

/** See the module's description. */
export class SqsVisibility {
  readonly #timeout: number
  readonly #queues: SqsQueues
  readonly #clock: Clock
  readonly #warn: (message: string) => void

  constructor({ options, queues, clock, warn }: SqsVisibilityOptions) {
    this.#timeout = options.visibilityTimeout
    this.#queues = queues
    this.#clock = clock
    this.#warn = warn
  }

  /** The handle of a message that was just received. */
  handle({ ReceiptHandle = '', Attributes }: Message): unknown {
    return new Receipt(ReceiptHandle, this.#clock.now(), Number(Attributes?.ApproximateReceiveCount ?? 1))
  }

  /** What SQS wants to be told of a held message. */
  receiptOf(taken: Taken): string {
    return receiptOf(taken).handle
  }

  /** Hides them for another timeout, as long as SQS allows it. */
  async renew(taken: readonly Taken[]): Promise<void> {
    const changes = taken.flatMap((one) => {
      const receipt = receiptOf(one)
      const left = this.#left(receipt)
      if (left >= 1000) return [change(one, Math.min(this.#timeout, left))]
      this.#tellEnd(one.queue, receipt)
      return []
    })
    await this.#change(changes)
  }

  /** Everybody may have them at once. */
  end(taken: readonly Taken[]): Promise<void> {
    return this.#change(taken.map((one) => change(one, 0)))
  }

  /** Everybody may have them, once the policy of their queue is satisfied. kombu: `apply_backoff_policy`. */
  async backOff(taken: readonly Taken[]): Promise<void> {
    const changes: Change[] = []
    for (const one of taken) changes.push(change(one, (await this.#policyFor(one)) ?? 0))
    await this.#change(changes)
  }

  /**
   * Leaves rejected messages where they are, if their queue has a policy: hidden until the backoff policy, or else their
   * timeout is over, to be delivered again until the redrive policy moves them to its queue. Answers with the others.
   */
  async leave(taken: readonly Taken[]): Promise<readonly Taken[]> {
    const changes: Change[] = []
    const others: Taken[] = []
    for (const one of taken) {
      const backoff = await this.#policyFor(one)
      if (backoff !== undefined) changes.push(change(one, backoff))
      else if (!(await this.#queues.redrives(one.queue))) others.push(one)
    }
    await this.#change(changes)
    return others
  }

  /** Hides them until they are due, or for as long as SQS allows it. */
  hide(postponed: readonly PostponedMessage[]): Promise<void> {
    const now = this.#clock.now()
    return this.#change(
      postponed.map(({ taken, until }) => {
        const left = this.#left(receiptOf(taken))
        return change(taken, Math.max(0, Math.min(until - now, left)))
      }),
    )
  }

  /** In milliseconds; undefined: there is no policy. */
  async #policyFor({ queue, message, handle }: Taken): Promise<number | undefined> {
    const predefined = (await this.#queues.find(queue))?.predefined
    const task = message.headers['task']
    if (predefined === undefined || typeof task !== 'string' || !(handle instanceof Receipt)) return undefined
    const seconds = predefined.backoffTasks.has(task) ? predefined.backoffPolicy.get(handle.count) : undefined
    return seconds === undefined ? undefined : seconds * 1000
  }

  /** Milliseconds that SQS still lets a message be hidden. */
  #left({ receivedAt }: Receipt): number {
    return receivedAt + LONGEST_VISIBILITY - MARGIN - this.#clock.now()
  }

  #tellEnd(queue: string, receipt: Receipt): void {
    if (receipt.ended) return
    receipt.ended = true
    this.#warn(
      `A message of ${queue} has been held for twelve hours, which is the most that SQS allows: it will be delivered ` +
        'again although it is still worked on',
    )
  }

  async #change(changes: readonly Change[]): Promise<void> {
    await Promise.all(
      [...byQueue(changes)].map(async ([name, group]) => {
        const queue = await this.#queues.find(name)
        if (queue === undefined) return
        // One after the other where somebody else may be served next, so that the order stays.
        const lanes = group.some(({ seconds }) => seconds === 0) ? 1 : undefined
        await eachInLanes(batchesOf(group), (batch) => this.#changeBatch(queue, batch), lanes)
      }),
    )
  }

  /** What SQS does not know any more is settled, or was given to somebody else: there is nothing to change. */
  async #changeBatch({ name, sqs, url }: SqsQueue, batch: readonly Change[]): Promise<void> {
    const Entries = batch.map(({ receipt, seconds }, index) => ({
      Id: `${index}`,
      ReceiptHandle: receipt.handle,
      VisibilityTimeout: seconds,
    }))
    try {
      await sqs.changeMessageVisibilityBatch({ QueueUrl: url, Entries })
    } catch (error) {
      if (isMissingQueue(error)) this.#queues.forget(name)
      else throw sqsError(error, `change for how long messages of ${name} are hidden`)
    }
  }
}

function change(taken: Taken, milliseconds: number): Change {
  return { queue: taken.queue, receipt: receiptOf(taken), seconds: Math.ceil(milliseconds / 1000) }
}

function receiptOf({ handle }: Taken): Receipt {
  if (handle instanceof Receipt) return handle
  throw new TypeError('A message that SQS did not hand out was given back to it')
}
