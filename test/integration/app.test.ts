/** Apps on real brokers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Backend, BackendOptions } from '../../src/backends/backend.ts'
import { createBackend } from '../../src/backends/create-backend.ts'
import { Celery, OperationalError } from '../../src/index.ts'
import type { Channel } from '../../src/messaging/transport.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { testBrokers } from '../support/brokers.ts'
import { onCleanup } from '../support/cleanup.ts'
import { freePort } from '../support/free-port.ts'
import { needs } from '../support/require-server.ts'
import { startSentinel } from '../support/servers/sentinel.ts'

for (const kind of testBrokers) {
  test(
    `${kind.name}: what is sent over a fresh connection arrives in the order of the calls`,
    kind.needs,
    async (t) => {
      const { broker } = await kind.open(t)
      const app = new Celery('t', { broker, logger: silentLogger, setAsCurrent: false })
      onCleanup(
        t,
        () => app.close(),
        () => undefined,
      )
      const [one, other] = [app.task('t.one', (x: number) => x), app.task('t.other', (x: number) => x)]
      const sent = Array.from({ length: 1000 }, (_, index) => (index % 3 === 0 ? other : one).delay(index))
      await Promise.all(sent)
      const [options] = app.brokers('read')
      assert.ok(options !== undefined)
      const connection = await (await app.resolveTransport(options.url)).connect(options)
      const channel = await connection.openChannel()
      const order: unknown[] = []
      for (let left = sent.length; left > 0; left--) {
        const delivery = await channel.get('celery', { noAck: true })
        assert.ok(delivery !== undefined)
        order.push(delivery.headers['argsrepr'])
      }
      await connection.close()
      assert.deepEqual(
        order,
        sent.map((_, index) => `(${index},)`),
      )
    },
  )

  test(
    `${kind.name}: channels of the result backend are not the producer's [4-070]`,
    kind.needs,
    async (t) => {
      const { broker } = await kind.open(t)
      const opened = Promise.withResolvers<() => Promise<Channel>>()
      const create = (options: BackendOptions): Promise<Backend> => {
        opened.resolve(options.openChannel)
        return createBackend({ ...options, url: 'cache+memory://' })
      }
      const app = new Celery('t', { broker, logger: silentLogger, setAsCurrent: false })
      app.conf.update({ resultBackend: 'own://', overrideBackends: { own: create } })
      onCleanup(
        t,
        () => app.close(),
        () => undefined,
      )
      await app.results.backend()
      const openChannel = await opened.promise
      const [one, other] = [await openChannel(), await openChannel()]
      assert.notEqual(one, other)

      const sent = Array.from({ length: 50 }, (_, index) => app.sendTask('t.any', [index]))
      await assert.rejects(one.declareQueue({ ...PASSIVE, name: 'is-not-there' }))
      sent.push(...Array.from({ length: 50 }, (_, index) => app.sendTask('t.any', [index])))
      await other.close()
      sent.push(app.sendTask('t.any'))
      await Promise.all(sent)
      // A channel that was lost on the way would have made the producer send again.
      assert.equal(await app.purge(), sent.length)
    },
  )
}

test(
  'sentinels are one broker: the master is found through any of them [1-278]',
  needs('redis-server'),
  async (t) => {
    const { url, masterName } = await startSentinel(t)
    const sentinels = `sentinel://127.0.0.1:1;${url}`
    const options = { master_name: masterName }
    const app = new Celery('t', {
      broker: sentinels,
      backend: sentinels,
      brokerTransportOptions: options,
      resultBackendTransportOptions: options,
      setAsCurrent: false,
    })
    onCleanup(
      t,
      () => app.close(),
      () => undefined,
    )
    const { id } = await app.sendTask('t.any')
    assert.equal(await app.AsyncResult(id).state(), 'PENDING')
    assert.equal(await app.purge(), 1)
  },
)

const PASSIVE = { durable: true, exclusive: false, autoDelete: false, passive: true, arguments: {} }

test('a question to workers, and a purge, give up soon when there is no broker [1-249, 6-017]', {
  timeout: 60_000,
}, async (t) => {
  const broker = `redis://127.0.0.1:${await freePort()}`
  const app = new Celery('tasks', {
    broker,
    publishTimeout: null,
    logger: silentLogger,
    brokerConnectionTimeout: 0.1,
    setAsCurrent: false,
  })
  t.after(() => app.close())
  const patient = { connect_retries_timeout: 0.2 }
  for (const brokerTransportOptions of [{}, patient]) {
    app.conf.update({ brokerTransportOptions })
    await assert.rejects(app.control.ping(), OperationalError)
    await assert.rejects(app.purge(), OperationalError)
  }
})

test('the transport options say when a channel is tried again, and hooks hear of it [1-248, 1-250]', {
  timeout: 60_000,
}, async (t) => {
  const broker = `redis://127.0.0.1:${await freePort()}`
  const app = new Celery('tasks', { broker, logger: silentLogger, setAsCurrent: false })
  t.after(() => app.close())
  for (const max_retries of [2, 0, 1]) {
    const pauses: number[] = []
    const errback = (_error: Error, pause: number): void => {
      pauses.push(pause)
    }
    const options = { max_retries, interval_start: 0.01, interval_step: 0.01, errback }
    app.conf.update({ brokerTransportOptions: options })
    await assert.rejects(app.purge(), OperationalError)
    assert.deepEqual(pauses, [0.01, 0.02].slice(0, max_retries))
    pauses.length = 0
    await assert.rejects(app.amqp.broker.openChannel(), OperationalError)
    assert.equal(pauses.length, max_retries)
  }
})
