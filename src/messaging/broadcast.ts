import { uuid } from '../util/uuid.ts'
import type { QueueOptions } from './entity.ts'
import { Exchange, Queue } from './entity.ts'

/** Options of a `Broadcast`. */
export interface BroadcastOptions extends Omit<QueueOptions, 'exchange' | 'bindings'> {
  /** Default: a fanout exchange of the broadcast's name. */
  readonly exchange?: Exchange
  /** Name of the queue. Default: `bcast.<uuid>`, one for each process. */
  readonly queue?: string
  /** Put a uuid behind the name that was given. Default false. */
  readonly unique?: boolean
}

/**
 * A queue for tasks that every consuming worker shall run: each worker has its own, all bound to one fanout exchange.
 * Every worker stores a result under the same id, so such tasks should ignore results. kombu: `kombu.common.Broadcast`.
 */
export class Broadcast extends Queue {
  /** @param name of the exchange, and the name by which routes refer to the queue. */
  constructor(name: string, options: BroadcastOptions = {}) {
    const { exchange, queue, unique = false, ...rest } = options
    const queueName = unique ? `${queue ?? 'bcast'}.${uuid()}` : (queue ?? `bcast.${uuid()}`)
    super(queueName, {
      autoDelete: true,
      ...rest,
      alias: rest.alias ?? name,
      exchange: exchange ?? new Exchange(name, { type: 'fanout' }),
    })
  }
}
