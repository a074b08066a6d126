/** `celery migrate` between brokers that are really there. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { runProgram } from '../../src/cli/program.ts'
import { Celery } from '../../src/index.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { testBrokers } from '../support/brokers.ts'
import { onCleanup } from '../support/cleanup.ts'
import { testIo } from '../unit/cli/fake-app.ts'

function brokerKind(name: string): (typeof testBrokers)[number] {
  const kind = testBrokers.find((each) => each.name === name)
  assert.ok(kind)
  return kind
}

async function openApp(
  t: TestContext,
  kind: string,
): Promise<{ readonly app: Celery; readonly url: string }> {
  const { broker } = await brokerKind(kind).open(t)
  const app = new Celery('migrating', { broker, setAsCurrent: false, logger: silentLogger })
  onCleanup(
    t,
    () => app.close(),
    () => undefined,
  )
  return { app, url: broker }
}

async function fill(app: Celery, queue: string, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => (index % 2 === 0 ? 'tasks.add' : 'tasks.mul'))
  return await Promise.all(
    names.map(async (name) => (await app.sendTask(name, [1, 2], {}, { queue, priority: 0 })).id),
  )
}

/** Takes all messages out of a queue: ids of their tasks. */
async function drain(app: Celery, queue: string): Promise<string[]> {
  const channel = await app.amqp.broker.openChannel()
  await app.queues.get(queue).declare(channel)
  const ids: string[] = []
  for (;;) {
    const message = await channel.get(queue, { noAck: true })
    if (message === undefined) break
    assert.equal(JSON.stringify(JSON.parse(new TextDecoder().decode(message.body))[0]), '[1,2]')
    ids.push(String(message.headers['id']))
  }
  await channel.close()
  return ids
}

async function migrate(...argv: readonly string[]): Promise<{ code: number; output: string }> {
  const io = testIo()
  const code = await runProgram(['migrate', ...argv], io)
  return { code, output: io.output() + io.errors() }
}

for (const [from, to] of [
  ['redis', 'rabbitmq'],
  ['sqlite', 'redis'],
] as const) {
  const skip = brokerKind(from).needs.skip || brokerKind(to).needs.skip

  test(`${from} to ${to}: all messages of the queues move, one queue under another name [6-037]`, {
    skip,
  }, async (t) => {
    const [source, target] = [await openApp(t, from), await openApp(t, to)]
    const celery = await fill(source.app, 'celery', 30)
    const images = await fill(source.app, 'images', 20)
    const args = [source.url, target.url, '-a', '-Q', 'celery,images:pictures,absent']
    const { code, output } = await migrate(...args)
    assert.equal(code, 0, output)
    assert.match(output, new RegExp(`^Migrating task \\d+/50: tasks\\.add\\[${celery[0]}\\]$`, 'm'))
    assert.match(output, /^Moved 50 tasks\n$/m)
    assert.deepEqual(new Set(await drain(target.app, 'celery')), new Set(celery))
    assert.deepEqual(new Set(await drain(target.app, 'pictures')), new Set(images))
    assert.deepEqual(await drain(source.app, 'celery'), [])
    assert.deepEqual(await drain(source.app, 'images'), [])
  })

  test(`${from} to ${to}: without -a they are copied; some tasks and a limit only [6-037]`, {
    skip,
  }, async (t) => {
    const [source, target] = [await openApp(t, from), await openApp(t, to)]
    const ids = await fill(source.app, 'celery', 10)
    const copied = await migrate(source.url, target.url, '-T', 'tasks.mul', '-n', '3')
    assert.match(copied.output, /Copied 3 tasks; they are still at /)
    const muls = ids.filter((_, index) => index % 2 === 1)
    assert.deepEqual(await drain(target.app, 'celery'), muls.slice(0, 3))
    assert.deepEqual(new Set(await drain(source.app, 'celery')), new Set(ids))
  })
}

test('a destination that is not there takes nothing from the source [6-037]', async (t) => {
  const source = await openApp(t, 'sqlite')
  const ids = await fill(source.app, 'celery', 3)
  const { code, output } = await migrate(source.url, 'redis://127.0.0.1:1', '-a')
  assert.equal(code, 1)
  assert.match(output, /127\.0\.0\.1:1/)
  assert.deepEqual(new Set(await drain(source.app, 'celery')), new Set(ids))
})
