/** Queues as replies of remote control show them. kombu: `Queue.as_dict(recurse=True)`. */
import type { Exchange, QueueBinding } from './entity.ts'
import { Queue } from './entity.ts'

type Dict = Readonly<Record<string, unknown>>

/**
 * The queue as a dictionary, keys as kombu's. Limits that have an argument of their own (`expires`, `max_priority`, …)
 * are among the `queue_arguments`.
 */
export function queueDict(queue: { readonly name: string }): Dict {
  if (!(queue instanceof Queue)) return { name: queue.name }
  return {
    name: queue.name,
    exchange: queue.exchange === undefined ? null : exchangeDict(queue.exchange),
    routing_key: queue.routingKey,
    queue_arguments: filled(queue.queueArguments),
    binding_arguments: filled(queue.bindingArguments),
    consumer_arguments: filled(queue.consumerArguments),
    durable: queue.durable,
    exclusive: queue.exclusive,
    auto_delete: queue.autoDelete,
    no_ack: queue.noAck,
    alias: queue.alias ?? null,
    bindings: queue.bindings.map(bindingDict),
    no_declare: queue.noDeclare || null,
    expires: null,
    message_ttl: null,
    max_length: null,
    max_length_bytes: null,
    max_priority: null,
  }
}

function exchangeDict(exchange: Exchange): Dict {
  return {
    name: exchange.name,
    type: exchange.type,
    arguments: filled(exchange.arguments),
    durable: exchange.durable,
    passive: exchange.passive,
    auto_delete: exchange.autoDelete,
    delivery_mode: exchange.deliveryMode ?? null,
    no_declare: exchange.noDeclare,
  }
}

function bindingDict(binding: QueueBinding): Dict {
  return {
    exchange: exchangeDict(binding.exchange),
    routing_key: binding.routingKey,
    arguments: filled(binding.arguments),
    unbind_arguments: filled(binding.unbindArguments),
  }
}

function filled(record: Dict): Dict | null {
  return Object.keys(record).length === 0 ? null : record
}
