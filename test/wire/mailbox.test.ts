import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { ImproperlyConfigured } from '../../src/errors.ts'
import type { Queue } from '../../src/messaging/entity.ts'
import type { MailboxOptions } from '../../src/messaging/mailbox.ts'
import { Mailbox } from '../../src/messaging/mailbox.ts'

const NODE = 'golden@worker.local'

/** As the settings were when the vectors were recorded: those of the released Celery 5.6. */
const DEFAULTS: MailboxOptions = {
  namespace: 'celery',
  queueTtl: 300,
  queueExpires: 10,
  durable: false,
  exclusive: false,
}

interface Topology {
  readonly exchanges: readonly Record<string, unknown>[]
  readonly queues: readonly Record<string, unknown>[]
  readonly bindings: readonly Record<string, unknown>[]
}

const golden: {
  readonly topology: Record<string, Topology>
  readonly topology_by_setting: Record<string, Topology>
  readonly client_amqp_methods: readonly { readonly method: string; readonly args: Record<string, unknown> }[]
} = JSON.parse(readFileSync(new URL('vectors/pidbox.json', import.meta.url), 'utf8'))

/** A queue as the broker's management lists it. */
function listed({ name, durable, autoDelete, exclusive, queueArguments }: Queue): Record<string, unknown> {
  const table = Object.entries(queueArguments).map(([key, value]) => [key, 'signedint', value])
  return { name, durable, auto_delete: autoDelete, exclusive, arguments: table }
}

function assertTopology(topology: Topology | undefined, mailbox: Mailbox): void {
  assert.ok(topology)
  for (const { name, type, durable, autoDelete } of [mailbox.exchange, mailbox.replyExchange]) {
    const declared = { name, type, durable, auto_delete: autoDelete, internal: false, arguments: [] }
    assert.deepEqual(
      declared,
      topology.exchanges.find((each) => each['name'] === name),
    )
  }
  const queue = mailbox.nodeQueue(NODE)
  const recorded = topology.queues.find((each) => each['name'] === queue.name)
  assert.partialDeepStrictEqual(recorded, listed(queue))
  const binding = topology.bindings.find((each) => each['destination_name'] === queue.name)
  assert.equal(binding?.['source_name'], queue.exchange?.name)
  assert.equal(binding?.['routing_key'], queue.routingKey)
}

suite('exchanges and queues of remote control', () => {
  test('by default [5-074] [5-075] [5-076]', () => {
    assertTopology(golden.topology['worker and client'], new Mailbox(DEFAULTS))
  })

  function assertBySetting(setting: string, options: Partial<MailboxOptions>): void {
    assertTopology(golden.topology_by_setting[setting], new Mailbox({ ...DEFAULTS, ...options }))
  }

  test('control_queue_ttl and control_queue_expires [1-096] [1-097]', () => {
    assertBySetting('control_queue_ttl=60, control_queue_expires=20', { queueTtl: 60, queueExpires: 20 })
  })

  test('control_exchange [1-100]', () => assertBySetting('control_exchange=my', { namespace: 'my' }))

  test('control_queue_exclusive [1-098]', () => {
    assertBySetting('control_queue_exclusive=True', { exclusive: true })
  })

  test('control_queue_durable [1-099]', () => {
    assertBySetting('control_queue_durable=True', { durable: true })
  })

  test('the queue for replies is named after the process [5-077]', () => {
    const queue = new Mailbox(DEFAULTS).replyQueue('0e0e0e0e-0000-3000-8000-000000000000')
    const args = (method: string): Record<string, unknown> | undefined =>
      golden.client_amqp_methods.find((each) => each.method === method)?.args
    assert.partialDeepStrictEqual(args('queue.declare'), {
      queue: queue.name,
      durable: queue.durable,
      exclusive: queue.exclusive,
      auto_delete: queue.autoDelete,
      arguments: queue.queueArguments,
    })
    assert.partialDeepStrictEqual(args('queue.bind'), {
      queue: queue.name,
      exchange: queue.exchange?.name,
      routing_key: queue.routingKey,
    })
  })

  test('without times there are no arguments', () => {
    const queue = new Mailbox({ ...DEFAULTS, queueTtl: null, queueExpires: null }).nodeQueue(NODE)
    assert.deepEqual(queue.queueArguments, {})
  })

  test('exclusive and durable exclude each other [5-078]', () => {
    assert.throws(
      () => new Mailbox({ ...DEFAULTS, durable: true, exclusive: true }),
      (error) => error instanceof ImproperlyConfigured && /controlQueueDurable/.test(error.message),
    )
  })
})
