/** From the options of a call to the queue, exchange and key that its message is published to. */
import { Queue } from '../messaging/entity.ts'
import type { WireOptions } from '../task/ports.ts'
import type { Queues } from './queues.ts'
import type { RoutedCall, Routes } from './routes.ts'
import { findRoute } from './routes.ts'

/** Options with a route laid below them, and the queue that follows from both. */
export interface RoutedOptions {
  readonly options: WireOptions
  /** Undefined when the call names an exchange that belongs to no queue. */
  readonly queue: Queue | undefined
  /** A route, or the default queue, had a say in it; otherwise the call named its queue itself. */
  readonly routed: boolean
}

/**
 * Lays the route of a call below its options: what the call says wins, null in the call says nothing then. Without a
 * route and a queue of its own it goes to the default queue. Celery: `Router.route`.
 * @throws QueueNotFound when a queue is not known and missing ones are not made.
 */
export function routeCall(queues: Queues, routes: Routes, call: RoutedCall): RoutedOptions {
  const own = expand(queues, call.options)
  const route = findRoute(routes, call)
  if (route !== undefined) {
    const expanded = expand(queues, route)
    const options = layered(expanded.options, own.options)
    // A route that names but a key, as those to topics do, is one to the default queue's exchange.
    const fallback = options['exchange'] === undefined ? queues.default : undefined
    return { options, queue: own.queue ?? expanded.queue ?? fallback, routed: true }
  }
  if (own.queue !== undefined) return own
  return { options: layered({}, own.options), queue: queues.default, routed: true }
}

/** Where a message is published to. */
export interface Destination {
  readonly exchange: string
  readonly routingKey: string
}

/**
 * Through a direct exchange a queue is reached by its name over the default exchange, whatever the key; through others
 * by exchange and key. Celery: in `send_task_message`.
 */
export function destinationOf(routed: RoutedOptions, queues: Queues): Destination {
  const { options, queue } = routed
  const exchange = textOf(options['exchange'])
  const routingKey = textOf(options['routing_key'])
  if ((exchange === undefined || routingKey === undefined) && exchangeTypeOf(routed) === 'direct') {
    return { exchange: '', routingKey: queue?.name ?? routingKey ?? '' }
  }
  return {
    exchange: exchange ?? (queue?.exchange?.name || queues.defaultExchange.name),
    routingKey: routingKey ?? (queue?.routingKey || queues.defaultRoutingKey),
  }
}

/** Type of the exchange that a call goes through. */
export function exchangeTypeOf({ options, queue }: RoutedOptions): string {
  return textOf(options['exchange_type']) ?? queue?.exchange?.type ?? 'direct'
}

function expand(queues: Queues, options: WireOptions): RoutedOptions {
  const { queue } = options
  if (queue === undefined) return { options, queue: undefined, routed: false }
  const { queue: _, ...rest } = options
  if (queue === null || queue === '') return { options: rest, queue: undefined, routed: false }
  if (queue instanceof Queue) return { options: rest, queue, routed: false }
  if (typeof queue === 'string') return { options: rest, queue: queues.get(queue), routed: false }
  throw new TypeError(`queue must be the name of a queue or a Queue, not ${typeof queue}`)
}

function layered(below: WireOptions, above: WireOptions): WireOptions {
  const merged: Record<string, unknown> = { ...below }
  for (const [name, value] of Object.entries(above)) {
    if (value !== null) merged[name] = value
  }
  return merged
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
