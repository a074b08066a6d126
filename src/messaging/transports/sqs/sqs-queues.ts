/** Queues by our names: where they are, and how they are made. */
import type { SQS } from '@aws-sdk/client-sqs'
import { ChannelError, ImproperlyConfigured } from '../../../errors.ts'
import { isFifo, sqsQueueName } from './queue-name.ts'
import type { SqsClients } from './sqs-clients.ts'
import { isDenied, isMissingQueue, sqsError } from './sqs-error.ts'
import type { PredefinedQueue, SqsOptions } from './sqs-options.ts'

/** A queue that is there. */
export interface SqsQueue {
  /** Our name, without prefix. */
  readonly name: string
  readonly url: string
  readonly sqs: SQS
  readonly fifo: boolean
  readonly predefined: PredefinedQueue | undefined
}

/** See the module's description. */
export class SqsQueues {
  readonly #options: SqsOptions
  readonly #clients: SqsClients
  readonly #known = new Map<string, Promise<SqsQueue | undefined>>()
  /** By URL: whether there is a redrive policy. */
  readonly #redriving = new Map<string, boolean>()

  constructor(options: SqsOptions, clients: SqsClients) {
    this.#options = options
    this.#clients = clients
  }

  /**
   * Asks SQS something, so that it shows whether it can be reached; accounts that may not list queues are believed.
   * With predefined queues nothing is asked that is not about one of them.
   */
  async probe(): Promise<void> {
    const { account, predefinedQueues, queueNamePrefix } = this.#options
    if (predefinedQueues !== undefined) return
    const sqs = await this.#clients.of(account)
    try {
      await sqs.listQueues({ QueueNamePrefix: sqsQueueName(queueNamePrefix), MaxResults: 1 })
    } catch (error) {
      if (!isDenied(error)) throw sqsError(error, 'be reached')
    }
  }

  /** The queue, made if it is not there. */
  async open(name: string): Promise<SqsQueue> {
    const found = await this.find(name)
    if (found !== undefined) return found
    const made = this.#create(name)
    this.#remember(name, made)
    return made
  }

  /** Undefined: there is no such queue. */
  find(name: string): Promise<SqsQueue | undefined> {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const looking = this.#look(name)
    this.#remember(name, looking)
    return looking
  }

  /** It is looked for again the next time. */
  forget(name: string): void {
    this.#known.delete(name)
  }

  /** Whether SQS moves messages of the queue elsewhere that were delivered too often. */
  async redrives(name: string): Promise<boolean> {
    const queue = await this.find(name)
    if (queue === undefined) return false
    const known = this.#redriving.get(queue.url)
    if (known !== undefined) return known
    try {
      const wanted = { QueueUrl: queue.url, AttributeNames: ['RedrivePolicy' as const] }
      const { Attributes } = await queue.sqs.getQueueAttributes(wanted)
      const redrives = Attributes?.RedrivePolicy !== undefined
      this.#redriving.set(queue.url, redrives)
      return redrives
    } catch (error) {
      throw sqsError(error, `read the attributes of the queue ${name}`)
    }
  }

  /** Removes the queue, unless it is predefined. */
  async remove(name: string): Promise<void> {
    const queue = await this.find(name)
    this.forget(name)
    if (queue === undefined || queue.predefined !== undefined) return
    try {
      await queue.sqs.deleteQueue({ QueueUrl: queue.url })
    } catch (error) {
      if (!isMissingQueue(error)) throw sqsError(error, `delete the queue ${name}`)
    }
  }

  /** Only what is there stays known. */
  #remember(name: string, queue: Promise<SqsQueue | undefined>): void {
    const forget = (): void => {
      if (this.#known.get(name) === queue) this.#known.delete(name)
    }
    this.#known.set(name, queue)
    queue.then((found) => found === undefined && forget(), forget)
  }

  async #look(name: string): Promise<SqsQueue | undefined> {
    const { account, predefinedQueues } = this.#options
    if (predefinedQueues !== undefined) return this.#predefined(name, predefinedQueues)
    const sqs = await this.#clients.of(account)
    try {
      const { QueueUrl: url } = await sqs.getQueueUrl({ QueueName: this.#sqsName(name) })
      return url === undefined ? undefined : this.#queue(name, url, sqs)
    } catch (error) {
      if (isMissingQueue(error)) return undefined
      throw sqsError(error, `look for the queue ${name}`)
    }
  }

  async #predefined(name: string, queues: ReadonlyMap<string, PredefinedQueue>): Promise<SqsQueue> {
    const predefined = queues.get(name) ?? queues.get(this.#sqsName(name))
    if (predefined !== undefined) {
      const sqs = await this.#clients.of(predefined)
      return { name, url: predefined.url, sqs, fifo: isFifo(predefined.url), predefined }
    }
    throw new ChannelError(
      `Queue ${JSON.stringify(name)} is none of the predefined ones: add it to predefined_queues in ` +
        `brokerTransportOptions, where there are ${[...queues.keys()].join(', ')}`,
      { recoverable: false },
    )
  }

  async #create(name: string): Promise<SqsQueue> {
    const { account, creationAttributes, tags, visibilityTimeout } = this.#options
    const sqs = await this.#clients.of(account)
    const sqsName = this.#sqsName(name)
    try {
      const { QueueUrl: url } = await sqs.createQueue({
        QueueName: sqsName,
        Attributes: {
          VisibilityTimeout: `${Math.ceil(visibilityTimeout / 1000)}`,
          ...(isFifo(sqsName) ? { FifoQueue: 'true' } : {}),
          ...creationAttributes,
        },
        ...(tags === undefined ? {} : { tags }),
      })
      if (url === undefined)
        throw new ChannelError(`SQS made the queue ${sqsName} and did not say where it is`)
      return this.#queue(name, url, sqs)
    } catch (error) {
      if (error instanceof Error && error.name === 'InvalidParameterValue') {
        throw new ImproperlyConfigured(`SQS makes no queue ${sqsName}: ${error.message}`, { cause: error })
      }
      throw sqsError(error, `make the queue ${sqsName}`)
    }
  }

  #queue(name: string, url: string, sqs: SQS): SqsQueue {
    return { name, url, sqs, fifo: isFifo(url), predefined: undefined }
  }

  #sqsName(name: string): string {
    return sqsQueueName(this.#options.queueNamePrefix + name)
  }
}
