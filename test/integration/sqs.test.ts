/** Workers on Amazon SQS. */
import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chord } from '../../src/canvas.ts'
import { Celery, type UserAppOptions } from '../../src/index.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { type UserWorkerOptions, Worker } from '../../src/worker/worker.ts'
import { eventually } from '../support/eventually.ts'
import type { AwsServer } from '../support/servers/aws.ts'
import { startAws } from '../support/servers/aws.ts'
import { startProcess } from '../support/spawn.ts'
import { tempDir } from '../support/temp-dir.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const APP = fileURLToPath(new URL('fixtures/sqs-app.ts', import.meta.url))
/** Whoever leaves awaits the end of its last poll: with long ones, test after test would wait for that. */
const OPTIONS = { wait_time_seconds: 0, polling_interval: 0.02 }

/** What is registered first is cleaned up first: workers go before their app, and that before the broker. */
async function setup(t: TestContext, settings: UserAppOptions = {}) {
  const stops: (() => Promise<unknown>)[] = []
  t.after(async () => {
    for (const stop of stops) await stop()
  })
  const aws = await startAws((stop) => void t.after(stop))
  const app = new Celery('sqs-test', {
    broker: aws.sqsUrl,
    backend: 'cache+memory://',
    brokerTransportOptions: OPTIONS,
    logger: silentLogger,
    ...settings,
  })
  stops.push(() => app.close())
  const start = async (options: UserWorkerOptions = {}): Promise<Worker> => {
    const worker = new Worker(app, { pool: 'async', concurrency: 4, logger: silentLogger, ...options })
    stops.unshift(() => worker.stop('cold'))
    await worker.start()
    return worker
  }
  return { aws, app, start }
}

async function waiting(aws: AwsServer): Promise<number> {
  return (await aws.inspect('celery')).messages.ready.length
}

test('tasks, retries and chords run on SQS, and leave nothing behind [10-072]', async (t) => {
  const { aws, app, start } = await setup(t)
  const add = app.task('t.add', (x: number, y: number) => x + y)
  const total = app.task('t.total', (numbers: number[]) => numbers.reduce((sum, one) => sum + one, 0))
  const again = app.task('t.again', { bind: true }, (self) => {
    if (self.request.retries < 2) throw self.retry({ countdown: 0 })
    return self.request.retries
  })
  await start()
  const parts = Array.from({ length: 25 }, (_, index) => add.s(index, index))
  const results = [add.delay(1, 2), again.delay(), chord(parts, total.s()).delay()]
  assert.deepEqual(await Promise.all(results.map((result) => result.get({ timeout: 60 }))), [3, 2, 600])
  await eventually(async () => {
    const { messages } = await aws.inspect('celery')
    assert.deepEqual([messages.ready.length, messages.inflight.length], [0, 0])
  })
})

test('no remote control where there are no broadcasts: the worker runs without [5-097]', async (t) => {
  const { app, start } = await setup(t)
  const echo = app.task('t.echo', (text: string) => text)
  await start()
  assert.equal(await echo.delay('here').get({ timeout: 60 }), 'here')
})

test('a worker that is stopped gives back what it has not begun, and ends what it has', async (t) => {
  const { aws, app, start } = await setup(t)
  const gate = Promise.withResolvers<void>()
  const begun: string[] = []
  const gated = app.task('t.gated', { acksLate: true }, async (name: string) => {
    begun.push(name)
    await gate.promise
    return name
  })
  const worker = await start({ concurrency: 1, prefetchMultiplier: 4 })
  const results = await Promise.all(['a', 'b', 'c'].map((name) => gated.delay(name)))
  // What SQS has handed out may be on its way yet.
  await eventually(() => assert.deepEqual([begun.length, worker.state.requests.size], [1, 3]))
  assert.equal((await aws.inspect('celery')).messages.inflight.length, 3)
  const stopped = worker.stop('warm')
  gate.resolve()
  await stopped
  assert.equal(begun.length, 1)
  assert.equal(await waiting(aws), 2)
  await start()
  const names = await Promise.all(results.map((result) => result.get({ timeout: 60 })))
  assert.deepEqual(names, ['a', 'b', 'c'])
})

test('a task that takes longer than the visibility timeout runs once while its worker lives [1-281]', async (t) => {
  const { aws, app, start } = await setup(t, {
    brokerTransportOptions: { ...OPTIONS, visibility_timeout: 2 },
  })
  const gate = Promise.withResolvers<void>()
  let runs = 0
  const long = app.task('t.long', { acksLate: true }, async () => {
    runs += 1
    await gate.promise
    return runs
  })
  await start()
  await start({ hostname: 'other' })
  const result = await long.delay()
  await eventually(async () => assert.equal((await aws.inspect('celery')).messages.inflight.length, 1))
  const first = (await aws.inspect('celery')).messages.inflight[0]?.visibilityDeadline ?? 0
  // Its first time is over.
  await eventually(async () => {
    const [held] = (await aws.inspect('celery')).messages.inflight
    assert.ok(Date.now() > first && held !== undefined && held.visibilityDeadline > first)
  })
  gate.resolve()
  assert.equal(await result.get({ timeout: 60 }), 1)
})

test('what a killed worker was working on runs again [1-281] [5-118]', async (t) => {
  const { aws, app } = await setup(t)
  const folder = tempDir(t)
  const file = join(folder, 'runs.txt')
  writeFileSync(file, '')
  const runs = (): string[] => readFileSync(file, 'utf8').split('\n').filter(Boolean)
  const hang = app.task('sqs.hang', { acksLate: true }, (name: string) => appendFileSync(name, 'never\n'))
  const begin = () => {
    const env = { CELERY_BROKER_URL: aws.sqsUrl, CELERY_RESULT_BACKEND: 'disabled://' }
    const args = [CLI, '-A', APP, 'worker', '-P', 'async', '-c', '1']
    return startProcess(process.execPath, args, { t, cwd: folder, env })
  }
  const worker = begin()
  await hang.delay(file)
  await eventually(() => assert.equal(runs().length, 1))
  await worker.kill()
  const other = begin()
  await eventually(() => assert.deepEqual(runs(), [`${worker.pid}`, `${other.pid}`]))
  await other.kill()
})
