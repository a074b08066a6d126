import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { EncodeError, SerializerNotInstalled } from '../../../src/errors.ts'
import { Exchange, Queue } from '../../../src/messaging/entity.ts'
import { sentMessages } from '../app/golden-app.ts'
import { createTestApp } from '../app/test-app.ts'

suite('publishing', () => {
  test('follows settings that change [10-028]', async () => {
    const app = createTestApp({ acceptContent: ['json', 'yaml'] })
    const add = app.task('t.add', (x: number) => x)
    await add.delay(1)
    await add.delay(2)
    app.conf.update({ taskRoutes: { 't.*': 'routed' }, taskSerializer: 'yaml' })
    await add.delay(3)
    app.conf.taskRoutes = null
    await add.delay(4)
    const celery = await sentMessages(app, ['celery'])
    assert.deepEqual(
      celery.map(({ headers }) => headers['argsrepr']),
      ['(1,)', '(2,)', '(4,)'],
    )
    const [routed] = await sentMessages(app, ['routed'])
    assert.equal(routed?.properties['content_type'], 'application/x-yaml')
  })

  test('asks routers about every call when more than the name decides [10-021]', async () => {
    const app = createTestApp({
      taskRoutes: (_name: string, args: readonly unknown[]) => `queue-${String(args[0])}`,
    })
    const add = app.task('t.add', (x: number) => x)
    await add.delay(1)
    await add.delay(2)
    assert.equal((await sentMessages(app, ['queue-1'])).length, 1)
    assert.equal((await sentMessages(app, ['queue-2'])).length, 1)
  })

  test('routes by another name on request [3-025]', async () => {
    const app = createTestApp({ taskRoutes: { 't.other': 'there' } })
    await app.task('t.add', (x: number) => x).applyAsync([1], { routeName: 't.other' })
    assert.equal((await sentMessages(app, ['there'])).length, 1)
  })

  test('lets receivers change the message, and tells them when it is sent [3-039 9-020 9-021 9-022]', async () => {
    const app = createTestApp()
    const told: unknown[] = []
    app.signals.beforeTaskPublish.connect(({ sender, headers, properties, body, exchange, routingKey }) => {
      headers['tenant'] = 'a'
      properties['priority'] = 8
      told.push([sender, exchange, routingKey, body])
    })
    app.signals.afterTaskPublish.connect(({ headers }) => told.push(headers['tenant']))
    app.signals.taskSent.connect(({ taskId, args }) => told.push([taskId, args]), { sender: 't.add' })
    const { id } = await app.task('t.add', (x: number) => x).delay(1)
    const [message] = await sentMessages(app, ['celery'])
    assert.equal(message?.headers['tenant'], 'a')
    assert.equal(message?.properties['priority'], 8)
    const embed = { callbacks: null, errbacks: null, chain: null, chord: null }
    assert.deepEqual(told, [['t.add', '', 'celery', [[1], {}, embed]], 'a', [id, [1]]])
  })

  test('compresses [3-011]', async () => {
    const app = createTestApp({ taskCompression: 'zstd' })
    await app.task('t.add', (x: string) => x).delay('a'.repeat(1000))
    const [message] = await sentMessages(app, ['celery'])
    assert.equal(message?.headers['compression'], 'application/zstd')
    assert.ok(Array.isArray(message?.body))
    assert.deepEqual(message.body[0], ['a'.repeat(1000)])
  })

  test('speaks protocol 1 on request [1-151 3-065 5-022 5-023 12-002]', async () => {
    const app = createTestApp({ taskProtocol: 1 })
    const add = app.task('t.add', (x: number, y: number) => x + y)
    await add.s(1, 2).pipe(add.s(3)).delay()
    const [message] = await sentMessages(app, ['celery'])
    assert.deepEqual(message?.headers, {})
    const { body } = message ?? {}
    assert.ok(typeof body === 'object' && body !== null && 'callbacks' in body && 'task' in body)
    assert.equal(body.task, 't.add')
    assert.ok(Array.isArray(body.callbacks))
    assert.equal(body.callbacks[0].args[0], 3)
  })

  test('what cannot be encoded is the caller’s error, and nothing is sent [2-167]', async () => {
    const app = createTestApp()
    const echo = app.task('t.echo', (x: unknown) => x)
    await assert.rejects(echo.delay(() => 1).get(), EncodeError)
    await assert.rejects(echo.applyAsync([1], { serializer: 'jsn' }).get(), SerializerNotInstalled)
    assert.deepEqual(await sentMessages(app, ['celery']), [])
  })

  test('the client’s queue for results is its own, and stays [5-002 12-030]', async () => {
    const app = createTestApp()
    const add = app.task('t.add', (x: number) => x)
    await add.delay(1)
    await add.delay(2)
    const messages = await sentMessages(app, ['celery'])
    assert.deepEqual(
      messages.map(({ properties }) => properties['reply_to']),
      [app.oid, app.oid],
    )
  })
})

suite('the order of messages', () => {
  const order = async (app: ReturnType<typeof createTestApp>): Promise<unknown[]> =>
    (await sentMessages(app, ['celery'])).map(({ headers }) => headers['argsrepr'])

  test('is that of the calls, from the first on', async () => {
    const app = createTestApp()
    const add = app.task('t.add', (x: number) => x)
    await Promise.all([add.applyAsync([1], { shadow: 'x' }), add.delay(2), add.applyAsync([3]), add.delay(4)])
    assert.deepEqual(await order(app), ['(1,)', '(2,)', '(3,)', '(4,)'])
  })

  test('is that of the calls while a serializer or a router is loaded', async () => {
    const router = `data:text/javascript,${encodeURIComponent('export default () => null')}`
    const app = createTestApp({ taskRoutes: [router], acceptContent: ['json', 'yaml'] })
    const add = app.task('t.add', (x: number) => x)
    await Promise.all([add.applyAsync([1], { serializer: 'yaml' }), add.delay(2), app.sendTask('t.add', [3])])
    assert.deepEqual(await order(app), ['(1,)', '(2,)', '(3,)'])
  })

  test('is that of the calls with receivers for some of them', async () => {
    const app = createTestApp()
    const add = app.task('t.add', (x: number) => x)
    const mul = app.task('t.mul', (x: number) => x)
    app.signals.beforeTaskPublish.connect(() => undefined, { sender: 't.add' })
    await Promise.all([add.delay(1), mul.delay(2), add.delay(3)])
    assert.deepEqual(await order(app), ['(1,)', '(2,)', '(3,)'])
  })

  test('lets a call that cannot be sent hold up nobody', async () => {
    const app = createTestApp()
    const add = app.task('t.add', (x: number) => x)
    const refused = add.applyAsync([1], { serializer: 'jsn' })
    const next = add.delay(2)
    await assert.rejects(async () => refused, SerializerNotInstalled)
    await next
    assert.deepEqual(await order(app), ['(2,)'])
  })
})

suite('options of a call', () => {
  test('name its id, which is a new one otherwise [3-002 3-032]', async () => {
    const app = createTestApp()
    const add = app.task('t.add', (x: number) => x)
    const promise = add.applyAsync([1], { taskId: 'mine' })
    assert.equal(promise.id, 'mine')
    assert.equal((await promise).id, 'mine')
    const other = await add.delay(1)
    assert.match(other.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    const messages = await sentMessages(app, ['celery'])
    assert.deepEqual(
      messages.map(({ headers, properties }) => [headers['id'], properties['correlation_id']]),
      [
        ['mine', 'mine'],
        [other.id, other.id],
      ],
    )
  })

  test('tell how the message is kept [3-012]', async () => {
    const app = createTestApp({
      taskQueues: [new Queue('transient', { exchange: new Exchange('transient', { deliveryMode: 1 }) })],
    })
    const add = app.task('t.add', (x: number) => x)
    await add.applyAsync([1], { queue: 'transient' })
    await add.applyAsync([1], { queue: 'transient', deliveryMode: 2 })
    await add.applyAsync([1], { queue: 'celery' })
    const modes = async (queue: string): Promise<unknown[]> =>
      (await sentMessages(app, [queue])).map(({ properties }) => properties['delivery_mode'])
    assert.deepEqual(await modes('transient'), [1, 2])
    assert.deepEqual(await modes('celery'), [2])
  })

  test('tell how often it was tried before [3-022]', async () => {
    const app = createTestApp()
    await app.sendTask('t.add', [1], {}, { retries: 2 })
    const [message] = await sentMessages(app, ['celery'])
    assert.equal(message?.headers['retries'], 2)
  })

  test('bring a producer or a router of their own [3-017]', async () => {
    const app = createTestApp()
    const other = createTestApp()
    const add = app.task('t.add', (x: number) => x)
    await add.applyAsync([1], { producer: other.amqp.broker.producer })
    await add.applyAsync([2], { router: { 't.*': { queue: 'routed' } } })
    const repr = async (from: typeof app, queue: string): Promise<unknown[]> =>
      (await sentMessages(from, [queue])).map(({ headers }) => headers['argsrepr'])
    assert.deepEqual(await repr(other, 'celery'), ['(1,)'])
    assert.deepEqual(await repr(app, 'routed'), ['(2,)'])
    await assert.rejects(async () => add.applyAsync([3], { producer: {} }), TypeError)
  })

  test('the result backend is told first, unless the result is ignored [3-032]', async () => {
    const app = createTestApp()
    const log: string[] = []
    const { results } = app
    const prepareSend = results.prepareSend.bind(results)
    results.prepareSend = (id) => {
      log.push(`prepare ${id}`)
      return prepareSend(id)
    }
    app.signals.beforeTaskPublish.connect(({ headers }) => log.push(`publish ${String(headers['id'])}`))
    const add = app.task('t.add', (x: number) => x)
    await add.applyAsync([1], { taskId: 'one' })
    await add.applyAsync([1], { taskId: 'two', ignoreResult: true })
    assert.deepEqual(log, ['prepare one', 'publish one', 'publish two'])
  })
})
