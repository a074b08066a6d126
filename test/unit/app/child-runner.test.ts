import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRunner } from '../../../src/app/child-runner.ts'
import { ImproperlyConfigured } from '../../../src/errors.ts'
import { ChildPool } from '../../../src/pool/children/child-pool.ts'
import { JobContext } from '../../../src/pool/job-context.ts'
import { app } from './fixtures/child-app.ts'
import { sentMessages } from './golden-app.ts'
import { createTestApp } from './test-app.ts'

const module = new URL('./fixtures/child-app.ts', import.meta.url).href

test('a child process finds the app, takes over settings, and runs its tasks', async () => {
  const { init, module: runner } = app.runnerSource({ module: `${module}#app` })
  assert.match(runner, /\/child-runner\.ts$/)
  assert.deepEqual(structuredClone(init), init)
  const { run, close } = await createRunner(init)
  await app.tasks.require('child.add').applyAsync([2, 3], { taskId: 'child-1' })
  const [message] = await sentMessages(app, ['celery'])
  const { readTaskHeaders } = await import('../../../src/protocol/task-headers.ts')
  const job = {
    headers: readTaskHeaders(message?.headers ?? {}),
    properties: { contentType: 'application/json', contentEncoding: 'utf-8' },
    compression: undefined,
    body: Buffer.from(JSON.stringify(message?.body)),
    exchange: '',
    routingKey: 'celery',
    redelivered: false,
    hostname: 'w@h',
    wantRepr: true,
  }
  const outcome = await run(job, new JobContext())
  assert.ok(typeof outcome === 'object' && outcome !== null && 'kind' in outcome)
  assert.equal(outcome.kind, 'succeeded')
  assert.equal(await app.AsyncResult('child-1').get(), 5)
  await close()
})

test('a process of a pool tells when it begins and ends, its worker before it is made [7-026 9-037 9-038 9-039]', async () => {
  const told: unknown[] = []
  const { signals } = app
  const disconnect = [
    signals.workerProcessInit.connect(({ sender }) => told.push(['init', sender])),
    signals.workerProcessShutdown.connect(({ pid, exitcode }) => told.push(['shutdown', pid, exitcode])),
    signals.workerBeforeCreateProcess.connect(({ sender }) => told.push(['before', sender])),
  ]
  const source = app.runnerSource({ module: `${module}#app` })
  const stop = new Error('not started')
  const open = (): never => {
    throw stop
  }
  const pool = new ChildPool({ processes: 1 }, { implementation: 'prefork', open, processes: true })
  await assert.rejects(pool.start(source), stop)
  const { close } = await createRunner(source.init)
  await close()
  for (const end of disconnect) end()
  assert.deepEqual(told, [
    ['before', pool],
    ['init', undefined],
    ['shutdown', process.pid, 0],
  ])
})

test('a child process is told all settings that were made at run time, as far as they are data [2-011]', () => {
  const parent = createTestApp({ taskSerializer: 'yaml', taskRoutes: () => undefined })
  parent.configFromObject({ workerConcurrency: 5 })
  parent.conf.include = [...parent.conf.include, './more.ts']
  parent.conf.configFromWords(['task.default_queue=elsewhere'], 'worker')
  const { init } = parent.runnerSource({ module: `${module}#app` })
  assert.ok(typeof init === 'object' && init !== null && 'settings' in init)
  assert.deepEqual(init.settings, {
    brokerUrl: parent.conf.brokerUrl,
    brokerReadUrl: parent.conf.brokerUrl,
    brokerWriteUrl: parent.conf.brokerUrl,
    resultBackend: 'cache+memory://',
    taskSerializer: 'yaml',
    include: ['./more.ts'],
    taskDefaultQueue: 'elsewhere',
  })
})

test('a child process that is told no app says so', async () => {
  await assert.rejects(createRunner({}), ImproperlyConfigured)
  await assert.rejects(
    createRunner({ app: `${module}#noApp`, settings: {} }),
    /noApp of the module \S+ is no Celery app/,
  )
})
