/** A task that kills whole workers, not only a process of their pool, is run so often and no more. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Celery, WorkerLostError } from '../../src/index.ts'
import { resolveTransport } from '../../src/messaging/transports/resolve-transport.ts'
import { StreamLogger, silentLogger } from '../../src/util/logger.ts'
import { Worker } from '../../src/worker/worker.ts'
import { testBrokers } from '../support/brokers.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually, eventuallyValue } from '../support/eventually.ts'
import { needs } from '../support/require-server.ts'
import { sharedRabbitmq } from '../support/servers/rabbitmq.ts'
import { startProcess } from '../support/spawn.ts'
import { tempDir } from '../support/temp-dir.ts'
import { createUnluckyApp } from './fixtures/unlucky-app.ts'

const WORKER = join(import.meta.dirname, 'fixtures/poison-worker.ts')

for (const [name, deliveries] of [
  ['sqlite', 5],
  ['redis', 2],
] as const) {
  const kind = testBrokers.find((each) => each.name === name)
  test(`${name}: a task that took ${deliveries} workers with it gets no other`, {
    skip: kind?.needs.skip ?? true,
    timeout: 240_000,
  }, async (t) => {
    assert.ok(kind !== undefined)
    const { broker, backend } = await kind.open(t)
    const file = join(tempDir(t), 'notes.txt')
    writeFileSync(file, '')
    const { app, poison } = createUnluckyApp({ broker, backend, logger: silentLogger })
    onCleanup(
      t,
      () => app.close(),
      () => undefined,
    )
    const result = await poison.delay(file)
    const start = () => startProcess(process.execPath, [WORKER, broker, backend, `${deliveries}`], { t })
    for (let count = 0; count < deliveries; count += 1) await start().exited
    start()
    await assert.rejects(result.get({ timeout: 60 }), (error) => {
      assert.ok(error instanceof WorkerLostError)
      assert.match(error.message, new RegExp(`was delivered ${deliveries} times and never came to an end`))
      return true
    })
    assert.equal(readFileSync(file, 'utf8'), 'poison\n'.repeat(deliveries))
    await eventually(async () => assert.equal(await app.purge(['celeriac.dead']), 1))
  })
}

test('a dead-letter queue that somebody has made otherwise is used as it is, and disturbs no task [7-070]', {
  ...needs('rabbitmq-server'),
}, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const lines: string[] = []
  const logger = new StreamLogger('test', { level: 'WARNING', write: (line) => void lines.push(line) })
  const app = new Celery('poison', {
    broker: url,
    backend: 'rpc://',
    logger,
    taskDeadLetterQueue: 'dead',
    setAsCurrent: false,
  })
  const add = app.task('t.add', (x: number, y: number) => x + y)
  const worker = new Worker(app, { pool: 'async' })
  const transport = await resolveTransport(url)
  const options = { transportOptions: {}, connectTimeout: undefined, heartbeat: 0, ssl: false }
  const connection = await transport.connect({ ...options, url, clientName: 'test' })
  onCleanup(
    t,
    async () => {
      await worker.stop('cold')
      await Promise.all([app.close(), connection.close()])
    },
    () => undefined,
  )
  const channel = await connection.openChannel()
  const queue = { name: 'dead', durable: true, exclusive: false, autoDelete: false }
  await channel.declareQueue({ ...queue, arguments: { 'x-max-length': 10 } })
  await worker.start()
  const body = new TextEncoder().encode('{"cut')
  const sent = {
    headers: { task: 't.add', id: 'one' },
    properties: { contentType: 'application/json' },
    body,
  }
  for (const routingKey of ['celery', 'celery']) await channel.publish(sent, { exchange: '', routingKey })
  for (let kept = 0; kept < 2; kept += 1) {
    const { headers } = await eventuallyValue(() => channel.get('dead', { noAck: true }))
    assert.partialDeepStrictEqual(headers['celeriac_death'], { reason: 'undecodable' })
  }
  assert.equal(await add.delay(1, 2).get({ timeout: 10 }), 3)
  assert.equal(lines.filter((line) => line.includes('Cannot declare the dead-letter queue dead')).length, 1)
  assert.ok(!lines.some((line) => line.includes('Connection to broker lost')))
})
