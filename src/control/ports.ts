/** What remote control needs of the app. */
import type { Mailbox } from '../messaging/mailbox.ts'
import type { MessageProperties } from '../messaging/message.ts'
import type { Producer } from '../messaging/producer.ts'
import type { EncodedBody } from '../messaging/serialization/raw.ts'
import type { Channel } from '../messaging/transport.ts'
import type { Clock } from '../util/clock.ts'
import type { LamportClock } from '../util/lamport-clock.ts'
import type { Logger } from '../util/logger.ts'

/** See the module's description. */
export interface ControlContext {
  /** The exchanges and queues, as the settings want them. */
  readonly mailbox: Mailbox
  /** Names this process among those who ask: replies are routed by it. Celery: `app.oid`. */
  readonly oid: string
  readonly clock: Clock
  readonly logicalClock: LamportClock
  readonly logger: Logger
  readonly producer: Pick<Producer, 'publish'>
  /** Milliseconds to wait for a broker that does not answer; undefined: no limit. */
  readonly connectTimeout: number | undefined
  /** A channel for the caller alone, who closes it. */
  openChannel(): Promise<Channel>
  /** Loads what encoding and decoding need. */
  ready(): Promise<void>
  encode(value: unknown): EncodedBody
  /** @throws SerializationError. */
  decode(body: Uint8Array, properties: MessageProperties): unknown
  /** Empties the queues of tasks that are consumed; settles with the number of messages removed. */
  purge(): Promise<number>
}
