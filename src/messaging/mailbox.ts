/** The exchanges and queues of remote control, under the names that all of Celery uses. kombu: `Mailbox`. */
import { ImproperlyConfigured } from '../errors.ts'
import { Exchange, Queue } from './entity.ts'

/** What a `Mailbox` is made of; the settings `control…` have these. Times in seconds, null for without end. */
export interface MailboxOptions {
  /** Celery: `control_exchange`. */
  readonly namespace: string
  /** How long commands and replies live in their queues. Celery: `control_queue_ttl`. */
  readonly queueTtl: number | null
  /** After how much time without use the queues go. Celery: `control_queue_expires`. */
  readonly queueExpires: number | null
  /** Celery: `control_queue_durable`. */
  readonly durable: boolean
  /** Celery: `control_queue_exclusive`. */
  readonly exclusive: boolean
}

/** See the module's description. Nothing is declared by making one. */
export class Mailbox {
  /** Requests go there: `celery.pidbox`. */
  readonly exchange: Exchange
  /** Replies go there: `reply.celery.pidbox`. */
  readonly replyExchange: Exchange
  readonly #options: MailboxOptions

  /** @throws ImproperlyConfigured when the queues shall be exclusive and durable at once. */
  constructor(options: MailboxOptions) {
    if (options.durable && options.exclusive) {
      throw new ImproperlyConfigured(
        'controlQueueDurable and controlQueueExclusive (control_queue_…) cannot both be true: an exclusive queue ' +
          'goes with its connection; set one of them to false',
      )
    }
    this.#options = options
    this.exchange = pidbox(options.namespace, 'fanout')
    this.replyExchange = pidbox(`reply.${options.namespace}`, 'direct')
  }

  /** The queue in which a worker receives requests: `<nodename>.celery.pidbox`. kombu: `get_queue`. */
  nodeQueue(nodename: string): Queue {
    return this.#queue(`${nodename}.${this.exchange.name}`, this.exchange, '')
  }

  /** The queue in which a process receives replies, bound by its id: `<oid>.reply.celery.pidbox`. kombu: `reply_queue`. */
  replyQueue(oid: string): Queue {
    return this.#queue(`${oid}.${this.replyExchange.name}`, this.replyExchange, oid)
  }

  #queue(name: string, exchange: Exchange, routingKey: string): Queue {
    const { durable, exclusive, queueTtl, queueExpires } = this.#options
    return new Queue(name, {
      exchange,
      routingKey,
      durable,
      exclusive,
      autoDelete: !durable,
      noAck: true,
      expires: queueExpires ?? undefined,
      messageTtl: queueTtl ?? undefined,
    })
  }
}

function pidbox(namespace: string, type: 'fanout' | 'direct'): Exchange {
  return new Exchange(`${namespace}.pidbox`, { type, durable: false, deliveryMode: 'transient' })
}
