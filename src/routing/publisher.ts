/**
 * From a call to a message with the broker: route, encode, publish. Celery: `app.amqp.send_task_message`.
 *
 * Messages leave in the order of the calls, although some wait for something first: a router or a serializer that is
 * loaded, a result backend that opens. Only async receivers of `beforeTaskPublish` delay none but their own message.
 *
 * What the calls of a task have in common (route, header template, serializer, properties) is worked out once and kept
 * until a setting changes; a call without options of its own costs little more than the encoding of its arguments.
 */
import type { Settings } from '../config/settings.ts'
import { OperationalError, TimeoutError } from '../errors.ts'
import { Broadcast } from '../messaging/broadcast.ts'
import type { CompressionRegistry } from '../messaging/compression.ts'
import type { DeliveryMode, Queue } from '../messaging/entity.ts'
import { numericMode } from '../messaging/entity.ts'
import type { MessageProperties, OutgoingMessage } from '../messaging/message.ts'
import type { PublishOptions } from '../messaging/producer.ts'
import { Producer } from '../messaging/producer.ts'
import type { SerializerRegistry } from '../messaging/serialization/registry.ts'
import type { EncodedTask, TaskTemplate } from '../protocol/task-message.ts'
import {
  createTaskTemplate,
  encodeTaskMessage,
  encodeTaskMessageV1,
  expirationProperty,
} from '../protocol/task-message.ts'
import type { TaskCall, TaskSignals, WireOptions } from '../task/ports.ts'
import { waitOrAbort } from '../util/abort.ts'
import type { Clock } from '../util/clock.ts'
import { toMilliseconds } from '../util/duration.ts'
import { isRecord } from '../util/is-record.ts'
import { parseIsoDate } from '../util/iso8601.ts'
import type { Logger } from '../util/logger.ts'
import { reprArgs, reprKwargs } from '../util/repr.ts'
import type { Attempt } from '../util/turnstile.ts'
import { Turnstile } from '../util/turnstile.ts'
import type { CallFields } from './call-fields.ts'
import { OptionReader, readCallFields, readProperties } from './call-fields.ts'
import type { RoutedOptions } from './destination.ts'
import { destinationOf, routeCall } from './destination.ts'
import type { NativeDelay, NativeDelaySettings } from './native-delay.ts'
import { delayed, nativeDelay } from './native-delay.ts'
import { intervalPolicy } from './publish-retry.ts'
import type { QueueSettings, Queues } from './queues.ts'
import type { Routes } from './routes.ts'
import { readRoutes, routesOf } from './routes.ts'
import type { EventSender } from './sent-event.ts'
import { eventSender, sentEvent } from './sent-event.ts'

/** The settings that publishing looks at. */
export type PublisherSettings = QueueSettings &
  NativeDelaySettings &
  Pick<
    Settings,
    | 'taskRoutes'
    | 'taskSerializer'
    | 'taskCompression'
    | 'taskDefaultDeliveryMode'
    | 'taskProtocol'
    | 'taskSendSentEvent'
    | 'taskPublishRetry'
    | 'taskPublishRetryPolicy'
    | 'publishTimeout'
  >

/** What a `Publisher` works with. */
export interface PublisherOptions {
  /** The settings as they are now; another object when they have changed. */
  readonly settings: () => PublisherSettings
  readonly queues: () => Queues
  readonly producer: () => Producer
  /** Tells the result backend of a call before it is sent; undefined when there is nothing to wait for. */
  readonly prepare?: (call: TaskCall) => Promise<void> | undefined
  readonly serializers: SerializerRegistry
  readonly compressions: CompressionRegistry
  readonly signals: TaskSignals
  /** Tells monitors, if the settings want it. */
  readonly events: () => EventSender
  /** Where this client awaits results: the `reply_to` of its messages. */
  readonly replyTo: (task: string) => string
  /** Who sends, `gen<pid>@<host>`. */
  readonly origin: string
  readonly clock: Clock
  readonly logger: Logger
}

/** What all calls with the same options have in common. */
interface Plan {
  readonly template: TaskTemplate
  readonly publish: PublishOptions
  readonly serializer: string
  readonly compression: string | undefined
  readonly deliveryMode: 1 | 2
  /** Without those that depend on the time. */
  readonly properties: MessageProperties
  readonly options: WireOptions
  /** Nothing in the options is about this call alone. */
  readonly plain: boolean
  /** Name of the queue, as monitors are told. */
  readonly queue: string | undefined
  /** For calls with an `eta`; undefined: their workers do the waiting. */
  readonly delay: NativeDelay | undefined
}

/** A call on its way. */
interface Sending {
  readonly task: EncodedTask
  readonly properties: MessageProperties
  readonly publish: PublishOptions
}

/** See the module's description. */
export class Publisher {
  readonly #options: PublisherOptions
  #settings: PublisherSettings | undefined
  #routes: Routes | Promise<Routes> | undefined
  readonly #turnstile = new Turnstile()
  /** By the options of a task, which are the same object for all its calls without options. */
  #plans = new WeakMap<WireOptions, Plan>()

  constructor(options: PublisherOptions) {
    this.#options = options
  }

  /**
   * Publishes a call; settles when the broker has the message.
   * @throws TypeError or RangeError for options that cannot be; EncodeError; QueueNotFound; OperationalError.
   */
  publish(call: TaskCall): Promise<void> {
    this.#refresh()
    const preparing = this.#options.prepare?.(call)
    const plan = this.#plans.get(call.options)
    if (plan !== undefined && preparing === undefined && this.#turnstile.isFree) return this.#send(plan, call)
    let prepared = preparing
    return this.#turnstile.enter(() => {
      if (prepared === undefined) return this.#attempt(call)
      const wait = this.#inTime(prepared, 'the result backend')
      prepared = undefined
      return { wait }
    })
  }

  /** Forgets what was derived from settings that have changed. */
  #refresh(): void {
    const settings = this.#options.settings()
    if (settings === this.#settings) return
    this.#settings = settings
    this.#routes = undefined
    this.#plans = new WeakMap()
  }

  /** What a call must wait for, or the way to the broker. */
  #attempt(call: TaskCall): Attempt<void> {
    this.#refresh()
    const routes = this.#readRoutes()
    if (routes instanceof Promise) return { wait: routes }
    const plan = this.#planOf(call, routes)
    const { serializers } = this.#options
    if (!serializers.isReady(plan.serializer)) return { wait: serializers.ready(plan.serializer) }
    return { pass: () => this.#send(plan, call) }
  }

  #readRoutes(): Routes | Promise<unknown> {
    const settings = this.#options.settings()
    this.#routes ??= readRoutes(settings.taskRoutes)
    if (!(this.#routes instanceof Promise)) return this.#routes
    return this.#routes.then((routes) => {
      if (settings === this.#settings) this.#routes = routes
    })
  }

  /** Whoever sends learns how it went within the time that publishing may take. */
  async #inTime(preparing: Promise<void>, what: string): Promise<void> {
    const { clock, settings } = this.#options
    const { publishTimeout } = settings()
    const timeout = publishTimeout === null ? undefined : toMilliseconds(publishTimeout, 'publishTimeout')
    try {
      await waitOrAbort(preparing, { timeout, clock }, what)
    } catch (cause) {
      if (!(cause instanceof TimeoutError)) throw cause
      throw new OperationalError(`The message was not sent: ${cause.message}`, { cause })
    }
  }

  #planOf(call: TaskCall, routes: Routes): Plan {
    const known = this.#plans.get(call.options)
    if (known !== undefined) return known
    const { router } = call.options
    const asked = router === undefined || router === null ? routes : routesOf([router])
    const plan = makePlan(this.#options, this.#options.settings(), asked, call)
    const isReusable = plan.plain && routes.byNameOnly && call.options === call.task?.options.publish
    if (isReusable) this.#plans.set(call.options, plan)
    return plan
  }

  #send(plan: Plan, call: TaskCall): Promise<void> {
    const { signals } = this.#options
    const now = plan.plain ? 0 : this.#options.clock.now()
    const fields = plan.plain ? undefined : readCallFields(plan.options, now)
    const task = this.#encode(plan, call, fields)
    let { properties } = plan
    if (fields?.expires !== undefined) {
      properties = { ...properties, expiration: expirationProperty(fields.expires, now) }
      this.#warnIfPast(call, fields.expires, now)
    }
    const publish = fields?.eta === undefined ? plan.publish : this.#delayed(plan, fields.eta, now)
    const observed =
      signals.beforeTaskPublish.hasReceivers ||
      signals.afterTaskPublish.hasReceivers ||
      signals.taskSent.hasReceivers
    const sent = observed
      ? this.#sendObserved(plan, call, { task, properties, publish })
      : this.#producerOf(call).publish(this.#message(plan, task, properties), publish)
    if (!this.#settings?.taskSendSentEvent) return sent
    const events = eventSender(plan.options, this.#options.events())
    return sent.then(() => events.send('task-sent', sentEvent(call, task, plan.queue, publish.target)))
  }

  #delayed({ publish, delay }: Plan, eta: Date | string, now: number): PublishOptions {
    if (delay === undefined) return publish
    if (delay.problem === undefined) return delayed(publish, delay, eta, now)
    this.#options.logger.warn(delay.problem)
    return publish
  }

  #encode(plan: Plan, call: TaskCall, fields: CallFields | undefined): EncodedTask {
    const { id, name, args, kwargs } = call
    const encode = this.#settings?.taskProtocol === 1 ? encodeTaskMessageV1 : encodeTaskMessage
    if (fields === undefined) {
      return encode(plan.template, {
        id,
        args,
        kwargs,
        argsrepr: reprArgs(args),
        kwargsrepr: reprKwargs(kwargs),
        replyTo: this.#options.replyTo(name),
      })
    }
    return encode(plan.template, {
      ...fields,
      id,
      args,
      kwargs,
      argsrepr: fields.argsrepr ?? reprArgs(args),
      kwargsrepr: fields.kwargsrepr ?? reprKwargs(kwargs),
      replyTo: fields.replyTo ?? this.#options.replyTo(name),
    })
  }

  #message(plan: Plan, task: EncodedTask, properties: MessageProperties): OutgoingMessage {
    const { serializers, compressions } = this.#options
    const encoded = serializers.encode(task.body, plan.serializer)
    let { body } = encoded
    if (plan.compression !== undefined) {
      const compressed = compressions.compress(body, plan.compression)
      body = compressed.body
      task.headers['compression'] = compressed.contentType
    }
    return {
      body,
      headers: task.headers,
      properties: {
        ...properties,
        contentType: encoded.contentType,
        contentEncoding: encoded.contentEncoding,
        deliveryMode: plan.deliveryMode,
        correlationId: task.correlationId,
        replyTo: task.replyTo,
      },
    }
  }

  /** The call may bring its own. */
  #producerOf({ options }: TaskCall): Producer {
    const own = options['producer'] ?? options['publisher']
    if (own === undefined || own === null) return this.#options.producer()
    if (own instanceof Producer) return own
    throw new TypeError('producer must be a Producer of celeriac/messaging')
  }

  /** Somebody listens: receivers may change the message before it goes. */
  async #sendObserved(plan: Plan, call: TaskCall, { task, properties, publish }: Sending): Promise<void> {
    const { signals } = this.#options
    const { exchange, routingKey } = publish.target
    const changeable: Record<string, unknown> = {
      ...properties,
      correlationId: task.correlationId,
      replyTo: task.replyTo,
    }
    const sender = call.name
    const common = { sender, body: task.body, headers: task.headers, exchange, routingKey }
    if (signals.beforeTaskPublish.hasReceivers) {
      const { retry: retryPolicy, declare } = publish
      const message = { ...common, properties: changeable, retryPolicy, declare }
      const pending = signals.beforeTaskPublish.deliver(message)
      if (pending !== undefined) await pending
    }
    const message = this.#message(plan, task, properties)
    await this.#producerOf(call).publish(
      { ...message, properties: { ...message.properties, ...changeable } },
      publish,
    )
    if (signals.afterTaskPublish.hasReceivers) await signals.afterTaskPublish.send(common)
    if (signals.taskSent.hasReceivers) {
      const { id: taskId, args, kwargs } = call
      const { eta, group } = task.headers
      await signals.taskSent.send({
        sender,
        taskId,
        task: sender,
        args,
        kwargs,
        eta: typeof eta === 'string' ? eta : null,
        taskset: typeof group === 'string' ? group : null,
      })
    }
  }

  #warnIfPast({ id }: TaskCall, expires: Date | string, now: number): void {
    const at = typeof expires === 'string' ? parseIsoDate(expires) : expires
    const late = now - at.getTime()
    if (late <= 0) return
    this.#options.logger.warn(
      `Task ${id} expired ${late / 1000} s before it was sent: the broker drops it unless a worker takes it at once`,
    )
  }
}

/** Works out what the calls with these options have in common. */
function makePlan(
  { queues, origin }: PublisherOptions,
  settings: PublisherSettings,
  routes: Routes,
  call: TaskCall,
): Plan {
  const read = new OptionReader(call.options)
  const name = read.text('route_name') ?? call.name
  const routed = routeCall(queues(), routes, { ...call, name })
  const { options, queue } = routed
  const given = new OptionReader(options)
  const { exchange, routingKey } = destinationOf(routed, queues())
  const template = createTaskTemplate({
    task: call.name,
    origin,
    ignoreResult: options['ignore_result'] === true,
    timeLimit: given.milliseconds('time_limit'),
    softTimeLimit: given.milliseconds('soft_time_limit'),
    shadow: given.text('shadow'),
  })
  const { mandatory } = options
  const target =
    typeof mandatory === 'boolean' ? { exchange, routingKey, mandatory } : { exchange, routingKey }
  return {
    template,
    publish: {
      target,
      declare: queue === undefined || queue instanceof Broadcast ? [] : [queue],
      retry: retryOf(given, settings),
      timeout: timeoutOf(given),
    },
    serializer: given.text('serializer') ?? settings.taskSerializer,
    compression: given.text('compression') ?? settings.taskCompression ?? undefined,
    deliveryMode: deliveryModeOf(options['delivery_mode'], queue, settings),
    properties: { ...defaultPriority(routed, call), ...readProperties(options) },
    options,
    plain: isPlain(options),
    queue: queue?.name,
    delay: isPlain(options) ? undefined : nativeDelay(routed, queues(), settings),
  }
}

/**
 * kombu's default is 0; but a task that is registered names all of its options, this one as "none", and only routing
 * drops what says nothing.
 */
function defaultPriority({ routed }: RoutedOptions, { task }: TaskCall): MessageProperties {
  return routed || task === undefined ? { priority: 0 } : {}
}

/** Options that say nothing about a single call. */
const COMMON: ReadonlySet<string> = new Set([
  'queue',
  'routing_key',
  'exchange',
  'exchange_type',
  'priority',
  'serializer',
  'delivery_mode',
  'compression',
  'time_limit',
  'soft_time_limit',
  'immediate',
  'mandatory',
  'ignore_result',
  'retry',
  'retry_policy',
  'timeout',
  'confirm_timeout',
])

function timeoutOf(read: OptionReader): number | undefined {
  const timeout = read.milliseconds('timeout')
  const confirm = read.milliseconds('confirm_timeout')
  return timeout === undefined || confirm === undefined ? (timeout ?? confirm) : Math.min(timeout, confirm)
}

function isPlain(options: WireOptions): boolean {
  for (const name in options) {
    if (!COMMON.has(name)) return false
  }
  return true
}

function deliveryModeOf(given: unknown, queue: Queue | undefined, settings: PublisherSettings): 1 | 2 {
  const mode = isDeliveryMode(given) ? given : undefined
  return numericMode(mode ?? queue?.exchange?.deliveryMode ?? settings.taskDefaultDeliveryMode) ?? 2
}

function isDeliveryMode(value: unknown): value is DeliveryMode {
  return value === 1 || value === 2 || value === 'transient' || value === 'persistent'
}

function retryOf(read: OptionReader, settings: PublisherSettings): PublishOptions['retry'] {
  const { retry, retry_policy: policy } = read.options
  if (retry === undefined && policy === undefined) return undefined
  if (retry === false || (retry !== true && !settings.taskPublishRetry)) return false
  return intervalPolicy({ ...settings.taskPublishRetryPolicy, ...(isRecord(policy) ? policy : {}) })
}
