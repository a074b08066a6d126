/** The commands of `celery amqp`: what stands behind each, and what it does on a channel. */

import { inspect } from 'node:util'
import type { Delivery } from '../../messaging/message.ts'
import type { Channel } from '../../messaging/transport.ts'
import { decodeUtf8 } from '../../util/decode-utf8.ts'
import { truth } from '../option-values.ts'

/** Something that a command is told. */
export interface AmqpParameter {
  readonly name: string
  /** Yes or no; may be left out, and is then no. */
  readonly flag?: boolean
}

/** A command of AMQP. */
export interface AmqpVerb {
  readonly name: string
  /** A sentence for the help. */
  readonly help: string
  readonly parameters: readonly AmqpParameter[]
  /** Does it, and answers what there is to say besides OK. */
  run(channel: Channel, given: AmqpArguments): Promise<string | undefined>
}

/** A command is told too much, too little, or something that can't be. */
export class AmqpUsageError extends Error {}

/** What a command was told. */
export class AmqpArguments {
  readonly #words: ReadonlyMap<string, string>

  /** @throws AmqpUsageError when there are too few words or too many. */
  constructor(verb: AmqpVerb, words: readonly string[]) {
    const { parameters } = verb
    const least = parameters.filter((parameter) => parameter.flag !== true).length
    if (words.length < least || words.length > parameters.length) throw new AmqpUsageError(usageOf(verb))
    this.#words = new Map(words.map((word, index) => [parameters[index]?.name ?? '', word]))
  }

  text(name: string): string {
    return this.#words.get(name) ?? ''
  }

  /** @throws AmqpUsageError when it is neither yes nor no. */
  flag(name: string): boolean {
    const word = this.#words.get(name)
    if (word === undefined) return false
    const value = truth(word)
    if (value === undefined) throw new AmqpUsageError(`${name} must be yes or no, not '${word}'`)
    return value
  }
}

/** `queue.delete <queue> [if_unused] [if_empty]` */
export function usageOf({ name, parameters }: AmqpVerb): string {
  const words = parameters.map((parameter) =>
    parameter.flag ? `[${parameter.name}]` : `<${parameter.name}>`,
  )
  return [name, ...words].join(' ')
}

const flags = (...names: readonly string[]): AmqpParameter[] => names.map((name) => ({ name, flag: true }))
const texts = (...names: readonly string[]): AmqpParameter[] => names.map((name) => ({ name }))

/** All commands. */
export const AMQP_VERBS: readonly AmqpVerb[] = [
  {
    name: 'exchange.declare',
    help: 'Declare an exchange.',
    parameters: [...texts('exchange', 'type'), ...flags('passive', 'durable', 'auto_delete')],
    run: async (channel, given) => {
      await channel.declareExchange({
        name: given.text('exchange'),
        type: given.text('type'),
        passive: given.flag('passive'),
        durable: given.flag('durable'),
        autoDelete: given.flag('auto_delete'),
        arguments: {},
      })
      return undefined
    },
  },
  {
    name: 'exchange.delete',
    help: 'Delete an exchange.',
    parameters: [...texts('exchange'), ...flags('if_unused')],
    run: async (channel, given) => {
      await channel.deleteExchange(given.text('exchange'), { ifUnused: given.flag('if_unused') })
      return undefined
    },
  },
  {
    name: 'queue.bind',
    help: 'Bind a queue to an exchange.',
    parameters: texts('queue', 'exchange', 'routing_key'),
    run: async (channel, given) => {
      const [queue, exchange] = [given.text('queue'), given.text('exchange')]
      await channel.bind({ queue, exchange, routingKey: given.text('routing_key'), arguments: {} })
      return undefined
    },
  },
  {
    name: 'queue.declare',
    help: 'Declare a queue, and say how many messages and consumers it has.',
    parameters: [...texts('queue'), ...flags('passive', 'durable', 'auto_delete')],
    run: async (channel, given) => {
      const { name, messages, consumers } = await channel.declareQueue({
        name: given.text('queue'),
        passive: given.flag('passive'),
        durable: given.flag('durable'),
        autoDelete: given.flag('auto_delete'),
        exclusive: false,
        arguments: {},
      })
      return `queue:${name} messages:${messages} consumers:${consumers}`
    },
  },
  {
    name: 'queue.delete',
    help: 'Delete a queue with what is in it.',
    parameters: [...texts('queue'), ...flags('if_unused', 'if_empty')],
    run: async (channel, given) => {
      const options = { ifUnused: given.flag('if_unused'), ifEmpty: given.flag('if_empty') }
      return `${await channel.deleteQueue(given.text('queue'), options)} messages deleted.`
    },
  },
  {
    name: 'queue.purge',
    help: 'Delete what is in a queue.',
    parameters: texts('queue'),
    run: async (channel, given) => `${await channel.purge(given.text('queue'))} messages deleted.`,
  },
  {
    name: 'basic.get',
    help: 'Take a message from a queue, and print it. Unless no_ack is said, it is to be acknowledged.',
    parameters: [...texts('queue'), ...flags('no_ack')],
    run: async (channel, given) => {
      const delivery = await channel.get(given.text('queue'), { noAck: given.flag('no_ack') })
      return delivery === undefined ? 'No messages in queue. basic.publish something.' : describe(delivery)
    },
  },
  {
    name: 'basic.publish',
    help: 'Publish a text to an exchange.',
    parameters: [...texts('msg', 'exchange', 'routing_key'), ...flags('mandatory', 'immediate')],
    run: async (channel, given) => {
      if (given.flag('immediate'))
        throw new AmqpUsageError('No broker knows immediate any more: leave it out')
      const body = new TextEncoder().encode(given.text('msg'))
      const [exchange, routingKey] = [given.text('exchange'), given.text('routing_key')]
      const mandatory = given.flag('mandatory')
      await channel.publish({ body, properties: {}, headers: {} }, { exchange, routingKey, mandatory })
      return undefined
    },
  },
  {
    name: 'basic.ack',
    help: 'Acknowledge a message that was taken in the same session.',
    parameters: texts('delivery_tag'),
    run: async (channel, given) => {
      const tag = given.text('delivery_tag')
      await channel.ack([/^\d+$/.test(tag) ? Number(tag) : tag])
      return undefined
    },
  },
]

/** A message with Celery's words for its parts. */
function describe({ body, headers, properties, ...info }: Delivery): string {
  const { tag, exchange, routingKey, redelivered } = info
  const message = {
    body: decodeUtf8(body) ?? body,
    properties: { ...properties, headers },
    delivery_info: { delivery_tag: tag, exchange, routing_key: routingKey, redelivered },
  }
  return inspect(message, { depth: null, breakLength: 100 })
}
