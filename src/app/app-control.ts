/** Wires remote control to the app: its settings, its broker, its serializers. */
import type { Configuration } from '../config/configuration.ts'
import type { Settings } from '../config/settings.ts'
import { Control } from '../control/control.ts'
import type { ControlContext } from '../control/ports.ts'
import { Mailbox } from '../messaging/mailbox.ts'
import type { MessageProperties } from '../messaging/message.ts'
import type { Producer } from '../messaging/producer.ts'
import type { EncodedBody } from '../messaging/serialization/raw.ts'
import type { SerializerRegistry } from '../messaging/serialization/registry.ts'
import type { Channel } from '../messaging/transport.ts'
import type { Clock } from '../util/clock.ts'
import { toMilliseconds } from '../util/duration.ts'
import type { LamportClock } from '../util/lamport-clock.ts'
import type { Logger } from '../util/logger.ts'
import type { AppAmqp } from './app-amqp.ts'

/** What remote control takes of an app. */
export interface ControlledApp {
  readonly conf: Configuration
  readonly settings: Settings
  readonly amqp: AppAmqp
  readonly oid: string
  readonly clock: Clock
  readonly logicalClock: LamportClock
  readonly logger: Logger
  readonly serializers: SerializerRegistry
}

/** The remote control of an app. It looks at the settings when it is used. */
export function createControl(app: ControlledApp): Control {
  return new Control(new AppControl(app))
}

/** The exchanges and queues of remote control, as the settings want them. @throws ImproperlyConfigured. */
export function mailboxOf(settings: Settings): Mailbox {
  return new Mailbox({
    namespace: settings.controlExchange,
    queueTtl: settings.controlQueueTtl,
    queueExpires: settings.controlQueueExpires,
    durable: settings.controlQueueDurable,
    exclusive: settings.controlQueueExclusive,
  })
}

class AppControl implements ControlContext {
  readonly oid: string
  readonly clock: Clock
  readonly logicalClock: LamportClock
  readonly logger: Logger
  readonly #app: ControlledApp

  constructor(app: ControlledApp) {
    this.#app = app
    this.oid = app.oid
    this.clock = app.clock
    this.logicalClock = app.logicalClock
    this.logger = app.logger.child('control')
  }

  get mailbox(): Mailbox {
    return mailboxOf(this.#app.settings)
  }

  get producer(): Producer {
    return this.#app.amqp.broker.producer
  }

  get connectTimeout(): number | undefined {
    const { publishTimeout } = this.#app.settings
    return publishTimeout === null ? undefined : toMilliseconds(publishTimeout, 'publishTimeout')
  }

  openChannel(): Promise<Channel> {
    return this.#app.amqp.broker.openChannelSoon()
  }

  async ready(): Promise<void> {
    const { taskSerializer, acceptContent } = this.#app.settings
    await this.#app.serializers.ready(taskSerializer, ...acceptContent)
  }

  encode(value: unknown): EncodedBody {
    return this.#app.serializers.encode(value, this.#app.settings.taskSerializer)
  }

  decode(body: Uint8Array, { contentType, contentEncoding }: MessageProperties): unknown {
    const { serializers, settings } = this.#app
    const accept = serializers.acceptList(settings.acceptContent)
    return serializers.decode(body, contentType, contentEncoding, accept)
  }

  purge(): Promise<number> {
    return this.#app.amqp.purge()
  }
}
