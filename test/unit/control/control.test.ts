import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { suite, test } from 'node:test'
import type { UserAppOptions } from '../../../src/app/app-options.ts'
import type { Celery } from '../../../src/app/celery.ts'
import type { NodeReply } from '../../../src/control/reply-collector.ts'
import { ChannelError, ConnectionError, ImproperlyConfigured } from '../../../src/errors.ts'
import type { Channel } from '../../../src/messaging/transport.ts'
import type { ControlNode } from '../../support/control-node.ts'
import { startControlNode } from '../../support/control-node.ts'
import { eventually } from '../../support/eventually.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { createTestApp, listeningLogger } from '../app/test-app.ts'

interface Fleet {
  readonly app: Celery
  readonly clock: VirtualClock
  readonly messages: readonly string[]
  readonly node: ControlNode
}

/** An app, and a node that replies when the test says so. */
async function startFleet(t: TestContext, options: UserAppOptions = {}): Promise<Fleet> {
  const clock = new VirtualClock()
  const { logger, messages } = listeningLogger()
  const app = createTestApp({ clock, logger, ...options })
  t.after(() => app.close())
  const node = await startControlNode(t, app, { name: 'w1@host', answer: () => undefined })
  return { app, clock, messages, node }
}

async function received({ node }: Fleet, count = 1): Promise<ControlNode['received']> {
  await eventually(() => node.received.length === count, { every: 1 })
  return node.received
}

async function assertNoReplyQueue(app: Celery): Promise<void> {
  const channel: Channel = await app.amqp.broker.openChannel()
  const name = `${app.oid}.reply.celery.pidbox`
  const declared = channel.declareQueue({
    name,
    durable: false,
    exclusive: false,
    autoDelete: true,
    passive: true,
    arguments: {},
  })
  await assert.rejects(declared, ChannelError)
}

suite('replies', () => {
  test('are over when all destinations have answered [5-085] [5-086]', async (t) => {
    const { app } = await startFleet(t)
    await startControlNode(t, app, { name: 'w2@host' })
    await startControlNode(t, app, { name: 'w3@host' })
    const answers = await app.control.inspect({ destination: ['w2@host', 'w3@host'] }).ping()
    assert.deepEqual(Object.keys(answers).sort(), ['w2@host', 'w3@host'])
    assert.deepEqual(answers['w2@host'], { ok: 'pong' })
    await assertNoReplyQueue(app)
  })

  test('none within the time: nobody answered, and nothing is left behind [5-086]', async (t) => {
    const fleet = await startFleet(t)
    const { app, clock } = fleet
    const answers = app.control.inspect({ timeout: 2 }).ping()
    let over = false
    void answers.finally(() => {
      over = true
    })
    await received(fleet)
    const pass = async (): Promise<boolean> => {
      await clock.advance(2000)
      return over
    }
    await eventually(pass, { every: 1 })
    assert.deepEqual(await answers, {})
    await assertNoReplyQueue(app)
  })

  test('find their request by the ticket, though all share one queue [5-077] [5-082]', async (t) => {
    const fleet = await startFleet(t)
    const { app, node } = fleet
    const options = { reply: true, limit: 1 }
    const both = Promise.all([app.control.ping(options), app.control.enableEvents(options)])
    const [first, second] = await received(fleet, 2)
    assert.ok(first && second)
    assert.equal(first.request.replyTo?.routingKey, app.oid)
    assert.deepEqual(first.request.replyTo, second.request.replyTo)
    await node.reply(second.request, `to ${second.request.method}`)
    await node.reply(first.request, `to ${first.request.method}`)
    assert.deepEqual(await both, [[{ 'w1@host': 'to ping' }], [{ 'w1@host': 'to enable_events' }]])
    await assertNoReplyQueue(app)
  })

  test('the queue is there again for the next request', async (t) => {
    const { app } = await startFleet(t)
    await startControlNode(t, app, { name: 'w2@host' })
    const ping = () => app.control.ping({ destination: 'w2@host' })
    for (let i = 0; i < 3; i++) assert.deepEqual(await ping(), [{ 'w2@host': { ok: 'pong' } }])
    const rounds = await Promise.all([ping(), ping(), ping()])
    assert.equal(rounds.flat().length, 3)
    await assertNoReplyQueue(app)
  })

  test('are told of as they come, and a loop may be left early', async (t) => {
    const { app } = await startFleet(t)
    await startControlNode(t, app, { name: 'w2@host' })
    const heard: NodeReply[] = []
    const callback = (reply: NodeReply): void => void heard.push(reply)
    for await (const reply of app.control.stream('ping', { callback })) {
      assert.deepEqual(reply, { 'w2@host': { ok: 'pong' } })
      break
    }
    assert.equal(heard.length, 1)
    await assertNoReplyQueue(app)
  })

  test('waiting for them can be given up', async (t) => {
    const fleet = await startFleet(t)
    const { app } = fleet
    const controller = new AbortController()
    const answers = app.control.ping({ abort: controller.signal, timeout: null })
    await received(fleet)
    controller.abort(new Error('enough'))
    await assert.rejects(answers, /enough/)
    await assertNoReplyQueue(app)
    await assert.rejects(app.control.ping({ abort: controller.signal }), /enough/)
  })

  test('when the connection goes, the wait ends with the reason', async (t) => {
    const fleet = await startFleet(t)
    const answers = fleet.app.control.ping({ timeout: null })
    const refused = assert.rejects(answers, ConnectionError)
    await received(fleet)
    await fleet.app.close()
    await refused
  })

  test('two workers of one name are told about, and the later reply counts [5-088, 7-117]', async (t) => {
    const fleet = await startFleet(t)
    const { app, node, messages } = fleet
    const answers = app.control.inspect({ limit: 2 }).clock()
    const [asked] = await received(fleet)
    assert.ok(asked)
    await node.reply(asked.request, { clock: 1 })
    await node.reply(asked.request, { clock: 2 })
    assert.deepEqual(await answers, { 'w1@host': { clock: 2 } })
    assert.match(messages.join('\n'), /DuplicateNodenameWarning: .*w1@host/)
  })

  test('what cannot be read, or has expired, does not count [5-078]', async (t) => {
    const fleet = await startFleet(t)
    const { app, node, clock, messages } = fleet
    await app.serializers.ready('yaml')
    const answers = app.control.ping({ limit: 1 })
    const [asked] = await received(fleet)
    assert.ok(asked)
    await node.reply(asked.request, 'late', { expires: clock.now() / 1000 - 1 })
    await node.reply(asked.request, 'not mine', { ticket: 'another' })
    await node.reply(asked.request, 'secret', {}, 'yaml')
    await eventually(() => messages.length > 0, { every: 1 })
    await node.reply(asked.request, 'good')
    assert.deepEqual(await answers, [{ 'w1@host': 'good' }])
    assert.match(messages.join('\n'), /cannot be read.*yaml/)
  })

  test('the logical clock goes with the messages [5-080]', async (t) => {
    const fleet = await startFleet(t)
    const { app, node } = fleet
    const answers = app.control.ping({ limit: 1 })
    const [asked] = await received(fleet)
    assert.ok(asked)
    assert.equal(asked.delivery.headers['clock'], 1)
    await node.reply(asked.request, 'x', { clock: 41 })
    await answers
    assert.equal(app.logicalClock.value, 42)
  })
})

suite('commands', () => {
  test('expire with the time for replies, or never [5-080]', async (t) => {
    const fleet = await startFleet(t)
    const { app, clock } = fleet
    await app.control.enableEvents({ timeout: 5 })
    await app.control.enableEvents({ timeout: null })
    const [first, second] = await received(fleet, 2)
    assert.equal(first?.delivery.headers['expires'], (clock.now() + 5000) / 1000)
    assert.equal(second?.delivery.headers['expires'], 0)
  })

  test('reach nobody when it is not clear who is meant', async (t) => {
    const { app, node } = await startFleet(t)
    const { control } = app
    await assert.rejects(control.shutdown({ destination: [] }), /destination is empty/)
    await assert.rejects(control.shutdown({ matcher: 'glob' }), TypeError)
    await assert.rejects(control.shutdown({ pattern: '' }), TypeError)
    await assert.rejects(control.ping({ limit: 0 }), RangeError)
    await assert.rejects(control.ping({ timeout: 'soon' }), TypeError)
    assert.equal(node.received.length, 0)
  })

  test('a pattern alone is a glob [5-085]', async (t) => {
    const fleet = await startFleet(t)
    await fleet.app.control.shutdown({ pattern: 'w2@*' })
    const [{ request } = { request: undefined }] = await received(fleet)
    assert.deepEqual([request?.pattern, request?.matcher], ['w2@*', 'glob'])
  })

  test('the settings name the exchanges [1-100] [5-074] [5-076]', async (t) => {
    const { app } = await startFleet(t, { controlExchange: 'my' })
    await startControlNode(t, app, { name: 'w2@host' })
    assert.equal((await app.control.ping({ destination: 'w2@host' })).length, 1)
  })

  test('an exclusive queue that is durable is refused [5-078] [1-223]', async (t) => {
    const app = createTestApp({ controlQueueDurable: true })
    t.after(() => app.close())
    await assert.rejects(app.control.enableEvents(), ImproperlyConfigured)
  })

  test('purge empties the queues that are consumed [10-037]', async (t) => {
    const app = createTestApp()
    t.after(() => app.close())
    await app.sendTask('a')
    await app.sendTask('b')
    assert.equal(await app.control.purge(), 2)
    assert.equal(await app.control.discardAll(), 0)
  })
})
