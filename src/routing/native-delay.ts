/** Which calls RabbitMQ itself keeps until they are due, and how those are published. Celery: in `send_task`. */
import type { Settings } from '../config/settings.ts'
import { Broadcast } from '../messaging/broadcast.ts'
import type { Declarable } from '../messaging/entity.ts'
import {
  DELAYED_EXCHANGE,
  DelayedDeliveryLevels,
  DelayedQueue,
  delayedRoutingKey,
  usesQuorumQueues,
} from '../messaging/native-delayed-delivery.ts'
import type { PublishOptions } from '../messaging/producer.ts'
import { parseIsoDate } from '../util/iso8601.ts'
import type { RoutedOptions } from './destination.ts'
import { destinationOf, exchangeTypeOf } from './destination.ts'
import type { Queues } from './queues.ts'

/** The settings that matter here. */
export type NativeDelaySettings = Pick<Settings, 'brokerWriteUrl' | 'brokerNativeDelayedDeliveryQueueType'>

/** How calls that are due later are published. */
export interface NativeDelay {
  readonly routingKey: string
  /** The levels, so that no message vanishes before the first worker has started; and the queue. */
  readonly declare: readonly Declarable[]
  /** Set when it cannot be: why, for people. */
  readonly problem: string | undefined
}

/** Whether the broker of a URL is one that can keep messages until they are due. */
export function canDelay(url: string): boolean {
  return /^(?:py)?amqps?:/i.test(url)
}

/** Undefined when workers do the waiting: on brokers other than RabbitMQ, and without quorum queues. */
export function nativeDelay(
  routed: RoutedOptions,
  queues: Queues,
  settings: NativeDelaySettings,
): NativeDelay | undefined {
  if (!canDelay(settings.brokerWriteUrl) || !usesQuorumQueues(queues)) return undefined
  const { exchange, routingKey } = destinationOf(routed, queues)
  const { queue } = routed
  if (exchangeTypeOf(routed) === 'direct') {
    const name = queue?.exchange?.name ?? exchange
    return {
      routingKey,
      declare: [],
      problem:
        `Direct exchanges are not supported with native delayed delivery: ${JSON.stringify(name)} is one, so the ` +
        'task waits in its worker until it is due. Make it a topic exchange (taskDefaultExchangeType).',
    }
  }
  if (routingKey === '') return undefined
  const levels = new DelayedDeliveryLevels(settings.brokerNativeDelayedDeliveryQueueType)
  const delayed = queue === undefined || queue instanceof Broadcast ? [] : [new DelayedQueue(queue)]
  return { routingKey, declare: [levels, ...delayed], problem: undefined }
}

/** The same message, to arrive at its `eta`; as it is when that is less than a second away. */
export function delayed(
  publish: PublishOptions,
  { routingKey, declare }: NativeDelay,
  eta: Date | string,
  now: number,
): PublishOptions {
  const due = typeof eta === 'string' ? parseIsoDate(eta) : eta
  const seconds = (due.getTime() - now) / 1000
  if (seconds < 1) return publish
  const target = {
    ...publish.target,
    exchange: DELAYED_EXCHANGE,
    routingKey: delayedRoutingKey(seconds, routingKey),
  }
  return { ...publish, target, declare }
}
