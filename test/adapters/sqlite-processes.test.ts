import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { Channel } from '../../src/messaging/transport.ts'
import { Owner } from '../../src/messaging/transports/sqlite/owner.ts'
import { BROKER_TABLES } from '../../src/messaging/transports/sqlite/schema.ts'
import { sqliteTransport } from '../../src/messaging/transports/sqlite/transport.ts'
import { Collector, publishTexts, tagsOf } from '../../src/testing/conformance/transport-session.ts'
import { systemClock } from '../../src/util/clock.ts'
import type { SqliteFile } from '../../src/util/sqlite-file.ts'
import { openSqliteFile } from '../../src/util/sqlite-file.ts'
import { eventually } from '../support/eventually.ts'
import type { RunningProcess } from '../support/spawn.ts'
import { startProcess } from '../support/spawn.ts'
import { tempDir } from '../support/temp-dir.ts'
import { onEnd } from './fixtures/on-end.ts'

const QUEUE = 'work'

interface Broker {
  readonly path: string
  readonly child: (mode: string, ...rest: readonly string[]) => RunningProcess
  readonly channel: () => Promise<Channel>
}

/** A new file, and whoever uses it. */
function broker(t: TestContext): Broker {
  const path = join(tempDir(t), 'celery.sqlite3')
  const url = `sqlite:///${path}`
  return {
    path,
    child: (mode, ...rest) =>
      startProcess(
        process.execPath,
        [join(import.meta.dirname, 'fixtures', 'sqlite-child.ts'), mode, url, QUEUE, ...rest],
        {
          t,
        },
      ),
    async channel() {
      const connection = await sqliteTransport.connect({
        url,
        transportOptions: {},
        connectTimeout: undefined,
        heartbeat: 0,
        ssl: false,
        clientName: 'test',
      })
      onEnd(t, () => connection.close())
      return connection.openChannel()
    },
  }
}

function numbered(name: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index}`)
}

// Work is shared between processes: nothing is lost, nothing is done twice.
test('two processes publish 5,000 messages, three consume each exactly once', async (t) => {
  const { child } = broker(t)
  const consumers = [child('consume'), child('consume'), child('consume')]
  await Promise.all(consumers.map((consumer) => consumer.waitForOutput(/ready/)))
  const publishers = [child('publish', 'a', '2500'), child('publish', 'b', '2500')]
  const codes = await Promise.all(publishers.map((publisher) => publisher.wait()))
  assert.deepEqual(codes, [0, 0])

  const received = (): readonly string[] =>
    consumers.flatMap((consumer) => consumer.stdout().split('\n').filter(Boolean))
  await eventually(() => received().length >= 5000)
  assert.deepEqual(await Promise.all(consumers.map((consumer) => consumer.stop())), [0, 0, 0])
  assert.deepEqual([...received()].sort(), [...numbered('a', 2500), ...numbered('b', 2500)].sort())
  for (const consumer of consumers)
    assert.ok(consumer.stdout().length > 0, 'each consumer must have had a share')
})

// The worst end of a worker: its work is done by others, within seconds.
test('what a killed process held is delivered again', async (t) => {
  const { child, channel } = broker(t)
  const own = await channel()
  const texts = numbered('m', 30)
  await publishTexts(own, QUEUE, texts)
  const victim = child('hold', '20')
  await victim.waitForOutput(/holding/)
  const collector = new Collector()
  await own.consume(QUEUE, collector.deliver)
  await collector.wait(10)
  assert.ok(collector.deliveries.every(({ redelivered }) => !redelivered))

  await victim.kill()
  await collector.wait(30)
  assert.deepEqual([...collector.texts].sort(), [...texts].sort())
  assert.equal(collector.deliveries.filter(({ redelivered }) => redelivered).length, 20)
  await own.ack(tagsOf(collector.deliveries))
})

// A worker that has all it may take still waits for its tasks to end.
test('a consumer keeps its process alive while it has no room for more', async (t) => {
  const { child, channel } = broker(t)
  await publishTexts(await channel(), QUEUE, numbered('m', 3))
  const holder = child('hold', '3')
  await holder.waitForOutput(/holding/)
  assert.equal(await holder.stop(), 'SIGTERM')
})

// A publisher may die as soon as it was told that its messages are stored.
test('what a killed process had published is there', async (t) => {
  const { child, channel } = broker(t)
  const publisher = child('publish', 'p', '500')
  assert.equal(await publisher.wait(), 0)
  const victim = child('hold', '500')
  await victim.waitForOutput(/holding/)
  await victim.kill()
  const collector = new Collector()
  await (await channel()).consume(QUEUE, collector.deliver)
  await collector.wait(500)
  assert.deepEqual([...collector.texts].sort(), [...numbered('p', 500)].sort())
})

/** A process that holds three messages, and the file as a third party sees it. */
async function held(
  t: TestContext,
  ...block: readonly string[]
): Promise<{ victim: RunningProcess; file: SqliteFile }> {
  const { path, child, channel } = broker(t)
  await publishTexts(await channel(), QUEUE, numbered('m', 3))
  const victim = child('hold', '3', ...block)
  await victim.waitForOutput(/holding/)
  const file = await openSqliteFile(path, {
    tables: BROKER_TABLES,
    busyTimeout: 10_000,
    synchronous: 'normal',
  })
  onEnd(t, () => file.close())
  return { victim, file }
}

/** Changes what stands in the file about the process. */
function rewriteOwners(file: SqliteFile, assignment: string): void {
  const database = new DatabaseSync(file.path, { timeout: 5000 })
  database.exec(`UPDATE celeriac_owners SET ${assignment}`)
  database.close()
}

// User code may block the event loop for longer than any lease; that must not make duplicates.
test('a process that is blocked keeps what it holds until it dies', async (t) => {
  const { victim, file } = await held(t, 'block')
  const owner = new Owner(file, systemClock)
  rewriteOwners(file, 'lease_until = 0')
  assert.equal(await owner.reap(), 0)
  await victim.kill()
  assert.equal(await owner.reap(), 3)
  assert.equal(await owner.reap(), 0)
})

// Numbers of processes are used again, after a restart of the machine at the latest.
test('another process under the number of a dead one keeps nothing', async (t) => {
  const { file } = await held(t)
  const owner = new Owner(file, systemClock)
  assert.equal(await owner.reap(), 0)
  rewriteOwners(file, "started = '1'")
  assert.equal(await owner.reap(), 3)
})

// Processes in other containers cannot be seen, so their lease has to do.
test('of a process on another machine the lease decides', async (t) => {
  const { file } = await held(t)
  const owner = new Owner(file, systemClock)
  rewriteOwners(file, "machine = 'elsewhere', pid = 1")
  assert.equal(await owner.reap(), 0)
  rewriteOwners(file, `lease_until = ${Date.now() - 1}`)
  assert.equal(await owner.reap(), 3)
})
