/** What `app.control` publishes, against what Celery publishes for the same call. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import type { Control } from '../../src/control/control.ts'
import { isRecord } from '../../src/util/is-record.ts'
import { startControlNode } from '../support/control-node.ts'
import { eventually } from '../support/eventually.ts'
import { createTestApp } from '../unit/app/test-app.ts'

const NODE = 'golden@worker.local'
const one = { limit: 1 }
const reply = { reply: true, limit: 1 }
const elected = {
  task: 'golden.add',
  args: [1, 1],
  kwargs: {},
  options: { task_id: 'elected' },
}

const CALLS: Readonly<Record<string, (control: Control) => Promise<unknown>>> = {
  'inspect-ping': (control) => control.inspect(one).ping(),
  'inspect-active': (control) => control.inspect(one).active(),
  'inspect-reserved': (control) => control.inspect(one).reserved(),
  'inspect-scheduled': (control) => control.inspect(one).scheduled(),
  'inspect-revoked': (control) => control.inspect(one).revoked(),
  'inspect-active_queues': (control) => control.inspect(one).activeQueues(),
  'inspect-clock': (control) => control.inspect(one).clock(),
  'inspect-stats': (control) => control.inspect(one).stats(),
  'inspect-report': (control) => control.inspect(one).report(),
  'inspect-conf': (control) => control.inspect(one).conf(),
  'inspect-memsample': (control) => control.inspect(one).memsample(),
  'inspect-memdump': (control) => control.inspect(one).memdump(),
  'inspect-active-safe': (control) => control.inspect(one).active({ safe: true }),
  'inspect-conf-defaults': (control) => control.inspect(one).conf({ withDefaults: true }),
  'inspect-registered': (control) => control.inspect(one).registered(),
  'inspect-registered-attributes': (control) => control.inspect(one).registered('rate_limit', 'max_retries'),
  'inspect-registered_tasks': (control) => control.inspect(one).registeredTasks(),
  'inspect-query_task': (control) => control.inspect(one).queryTask('running', 'waiting', 'later', 'nope'),
  'inspect-hello': (control) => control.inspect(one).hello('other@node.local', { 'x-revoked': 1.5 }),
  'inspect-objgraph': (control) => control.inspect(one).objgraph(),
  'inspect-ping-destination': (control) => control.inspect({ destination: [NODE] }).ping(),
  'inspect-ping-other-destination': (control) => control.inspect(one).ping(['nobody@worker.local']),
  'ping-pattern-glob': (control) =>
    control.broadcast('ping', { ...reply, pattern: 'golden@*', matcher: 'glob' }),
  'ping-pattern-pcre': (control) =>
    control.broadcast('ping', { ...reply, pattern: '^golden@.+$', matcher: 'pcre' }),
  'ping-pattern-mismatch': (control) => control.broadcast('ping', { ...reply, pattern: 'x*' }),
  'ping-limit': (control) => control.broadcast('ping', { reply: true, timeout: 5, limit: 1 }),
  'ping-no-reply': (control) => control.broadcast('ping'),
  'control-ping': (control) => control.ping(one),
  'unknown-command': (control) => control.broadcast('no_such_command', { ...reply, arguments: { a: 1 } }),
  'dump_active-alias': (control) => control.broadcast('dump_active', reply),
  'control-rate_limit': (control) => control.rateLimit('golden.add', '10/m', reply),
  'control-rate_limit-off': (control) => control.rateLimit('golden.add', 0, reply),
  'control-time_limit': (control) => control.timeLimit('golden.add', { soft: 10, hard: '20s', ...reply }),
  'control-enable_events': (control) => control.enableEvents(reply),
  'control-disable_events': (control) => control.disableEvents(reply),
  'control-heartbeat': (control) => control.heartbeat(reply),
  'control-add_consumer': (control) => control.addConsumer('extra-queue', reply),
  'control-add_consumer-topic': (control) =>
    control.addConsumer('extra-topic', {
      exchange: 'extra-ex',
      exchangeType: 'topic',
      routingKey: 'extra.#',
      options: { queue_arguments: { 'x-max-priority': 5 } },
      ...reply,
    }),
  'control-cancel_consumer': (control) => control.cancelConsumer('extra-queue', reply),
  'control-pool_grow': (control) => control.poolGrow(1, reply),
  'control-pool_shrink': (control) => control.poolShrink(1, reply),
  'control-autoscale': (control) => control.autoscale(3, 1, reply),
  'control-revoke': (control) => control.revoke('some-id', reply),
  'control-revoke-list': (control) => control.revoke(['id-1', 'id-2'], reply),
  'control-revoke-terminate-unknown': (control) => control.revoke('nope', { terminate: true, ...reply }),
  'control-revoke-terminate': (control) =>
    control.revoke('running', { terminate: true, signal: 'SIGKILL', ...reply }),
  'control-terminate': (control) => control.terminate('nope', reply),
  'control-revoke_by_stamped_headers': (control) =>
    control.revokeByStampedHeaders({ tenant: ['a', 'b'] }, reply),
  'control-revoke_by_stamped_headers-terminate': (control) =>
    control.revokeByStampedHeaders({ tenant: 'a' }, { terminate: true, ...reply }),
  'inspect-hello-after-revokes': (control) => control.inspect(one).hello('other@node.local'),
  'control-pool_restart': (control) => control.poolRestart({ timeout: 5, ...reply }),
  'control-shutdown': (control) => control.shutdown(),
  election: (control) => control.election('election-1', 'task', elected),
  'shutdown-destination': (control) => control.shutdown({ destination: ['second@worker.local'] }),
}

interface Golden {
  readonly properties: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Readonly<Record<string, unknown>>
}

function load(): ReadonlyMap<string, Golden> {
  const document: unknown = JSON.parse(readFileSync(new URL('vectors/pidbox.json', import.meta.url), 'utf8'))
  assert.ok(isRecord(document) && Array.isArray(document['entries']))
  const found = new Map<string, Golden>()
  for (const { name, requests } of document['entries']) {
    const [request] = requests
    if (request !== undefined) found.set(name, { ...request, body: JSON.parse(request.body) })
  }
  return found
}

suite('requests', () => {
  const golden = load()
  for (const [name, call] of Object.entries(CALLS)) {
    test(`${name} [5-079] [5-081] [6-125]`, async (t) => {
      await using app = createTestApp()
      const node = await startControlNode(t, app, { name: NODE, answer: () => undefined })
      const called = call(app.control)
      await eventually(() => node.received.length === 1)
      const [sent] = node.received
      assert.ok(sent)
      const expected = golden.get(name)
      assert.ok(expected)
      const { ticket, replyTo } = sent.request
      const volatile =
        'ticket' in expected.body
          ? { ticket, reply_to: { exchange: 'reply.celery.pidbox', routing_key: app.oid } }
          : {}
      assert.equal(sent.body, JSON.stringify({ ...expected.body, ...volatile }))
      const { headers, properties } = sent.delivery
      assert.deepEqual(Object.keys(headers).sort(), Object.keys(expected.headers).sort())
      assert.equal(headers['clock'], 1)
      assert.deepEqual(
        [properties.contentType, properties.contentEncoding, properties.deliveryMode, properties.priority],
        Object.values(expected.properties),
      )
      if (replyTo !== undefined) await node.reply(sent.request, 'whatever')
      await called
    })
  }
})
