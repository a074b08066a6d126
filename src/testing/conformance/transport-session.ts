/** What the conformance suite for transports needs around its tests. */
import type { TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { Delivery, MessageHeaders, MessageProperties, OutgoingMessage } from '../../messaging/message.ts'
import type {
  Channel,
  QueueStatus,
  TransportConnection,
  TransportFeatures,
} from '../../messaging/transport.ts'
import { Deferred } from '../../util/deferred.ts'
import { uuid } from '../../util/uuid.ts'

/** The transport to be exercised. */
export interface TransportSubject {
  /** Shown in the titles of the tests. */
  readonly name: string
  /**
   * A new connection. All connections of one test must lead to the same broker; names are different in each test, so
   * tests may share one. The suite closes what it opened.
   */
  readonly connect: (t: TestContext) => Promise<TransportConnection>
  /** What the broker says it can do; tests of what it cannot are left out. */
  readonly features: TransportFeatures
  /** Whether passive declaration tells queues that exist, empty ones too, from those that don't. Default true. */
  readonly knowsQueues?: boolean
  /** Whether messages of a queue come in the order in which they were published, however many. Default true. */
  readonly keepsOrder?: boolean
  /** How many messages it carries fast enough for a test. Default 10,000. */
  readonly manyMessages?: number
  /** Bytes of the largest body that it must carry. Default 1 MiB. */
  readonly largestBody?: number
  /** Stops the broker and starts it again on the same data; called when all connections are closed. */
  readonly restart?: (t: TestContext) => Promise<void>
}

/** Declares a test of a transport, with a session of its own. */
export type TransportTest = (title: string, body: (session: Session, t: TestContext) => Promise<void>) => void

/** The connections, queues and exchanges of one test, which go with it. */
export class Session {
  readonly #t: TestContext
  readonly #subject: TransportSubject
  readonly #connections: TransportConnection[] = []
  readonly #queues: string[] = []
  readonly #exchanges: string[] = []

  constructor(t: TestContext, subject: TransportSubject) {
    this.#t = t
    this.#subject = subject
  }

  async connect(): Promise<TransportConnection> {
    const connection = await this.#subject.connect(this.#t)
    this.#connections.push(connection)
    return connection
  }

  /** A channel on a connection of its own. */
  async channel(): Promise<Channel> {
    return (await this.connect()).openChannel()
  }

  /** Declares a queue with a name of its own; false flags, no arguments. */
  async queue(
    channel: Channel,
    options: { readonly autoDelete?: boolean; readonly arguments?: Readonly<Record<string, unknown>> } = {},
  ): Promise<string> {
    const name = `conformance.${uuid()}`
    this.#queues.push(name)
    const { autoDelete = false, arguments: args = {} } = options
    await channel.declareQueue({ name, durable: true, exclusive: false, autoDelete, arguments: args })
    return name
  }

  /** Declares an exchange with a name of its own. */
  async exchange(channel: Channel, type: string): Promise<string> {
    const name = `conformance.${type}.${uuid()}`
    this.#exchanges.push(name)
    await channel.declareExchange({ name, type, durable: true, autoDelete: false, arguments: {} })
    return name
  }

  /** What the broker says of a queue. */
  async status(channel: Channel, name: string): Promise<QueueStatus> {
    return channel.declareQueue({
      name,
      durable: true,
      exclusive: false,
      autoDelete: false,
      passive: this.#subject.knowsQueues ?? true,
      arguments: {},
    })
  }

  /** Closes all connections and, so that the broker can be one that others use, takes away what was declared. */
  async end(): Promise<void> {
    await this.disconnect()
    const connection = await this.#subject.connect(this.#t)
    const channel = await connection.openChannel()
    for (const name of this.#queues) await channel.deleteQueue(name)
    for (const name of this.#exchanges) await channel.deleteExchange(name)
    await connection.close()
  }

  /** Closes all connections. */
  async disconnect(): Promise<void> {
    await Promise.all(this.#connections.splice(0).map((connection) => connection.close()))
  }
}

/** Gathers deliveries, to be waited for. */
export class Collector {
  readonly deliveries: Delivery[] = []
  #wanted = 0
  #enough = new Deferred()
  readonly #react: ((delivery: Delivery) => void) | undefined

  /** @param react called with each delivery, e.g. to acknowledge it. */
  constructor(react?: (delivery: Delivery) => void) {
    this.#react = react
  }

  /** To be handed to `Channel.consume`. */
  readonly deliver = (delivery: Delivery): void => {
    this.deliveries.push(delivery)
    this.#react?.(delivery)
    if (this.deliveries.length === this.#wanted) this.#enough.resolve()
  }

  get texts(): readonly string[] {
    return this.deliveries.map(textOf)
  }

  /** Waits until `count` deliveries have come in all. */
  async wait(count: number): Promise<readonly Delivery[]> {
    if (this.deliveries.length < count) {
      this.#wanted = count
      this.#enough = new Deferred()
      await this.#enough.promise
    }
    return this.deliveries
  }
}

/** A message with a text as its body. */
export function textMessage(
  text: string,
  properties: MessageProperties = {},
  headers: MessageHeaders = {},
): OutgoingMessage {
  return { body: new TextEncoder().encode(text), properties, headers }
}

/** The body of a delivery as text. */
export function textOf(delivery: Delivery): string {
  return new TextDecoder().decode(delivery.body)
}

/** The tags of deliveries. */
export function tagsOf(deliveries: readonly Delivery[]): readonly Delivery['tag'][] {
  return deliveries.map(({ tag }) => tag)
}

/** Publishes texts to a queue through the default exchange, all in one turn. */
export async function publishTexts(channel: Channel, queue: string, texts: readonly string[]): Promise<void> {
  await Promise.all(
    texts.map((text) => channel.publish(textMessage(text), { exchange: '', routingKey: queue })),
  )
}

/** Takes everything out of a queue, and acknowledges it. */
export async function drainTexts(channel: Channel, queue: string): Promise<readonly string[]> {
  const texts: string[] = []
  for (let delivery = await channel.get(queue); delivery !== undefined; delivery = await channel.get(queue)) {
    texts.push(textOf(delivery))
    await channel.ack([delivery.tag])
  }
  return texts
}

/** Asks again and again until the answer is right; the test's time limit ends it. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await wait(10)
}
