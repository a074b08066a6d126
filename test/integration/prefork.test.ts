/** Workers made by code, not by the command line, whose tasks run in other processes. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Celery, ImproperlyConfigured } from '../../src/index.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { Worker } from '../../src/worker/worker.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { tempDir } from '../support/temp-dir.ts'

const PACKAGE = new URL('../../src/index.ts', import.meta.url).href

interface Place {
  readonly app: Celery
  /** A module with an app: its path from the working folder. */
  module(name: string, text?: string): string
  worker(appModule?: string): Worker
}

function place(t: TestContext): Place {
  const folder = tempDir(t)
  const url = `sqlite:///${join(folder, 'celery.sqlite3')}`
  const app = new Celery('t', { broker: url, backend: url, logger: silentLogger, setAsCurrent: false })
  app.task('t.pid', () => process.pid)
  onCleanup(
    t,
    () => app.close(),
    () => undefined,
  )
  return {
    app,
    module: (name, text = '') => {
      const file = join(folder, `${name}.ts`)
      writeFileSync(
        file,
        `import { Celery } from ${JSON.stringify(PACKAGE)}
        export const app = new Celery('t')
        app.task('t.pid', () => process.pid)
        ${text}`,
      )
      return `./${relative(process.cwd(), file)}`
    },
    worker: (appModule) => {
      const options = { pool: 'prefork', concurrency: 1, logger: silentLogger }
      const worker = new Worker(app, appModule === undefined ? options : { ...options, appModule })
      onCleanup(
        t,
        () => worker.stop('cold'),
        () => undefined,
      )
      return worker
    },
  }
}

test('child processes find the app by the name of its module, with and without attribute', async (t) => {
  const { app, module, worker } = place(t)
  const path = module('tasks')
  const url = pathToFileURL(path).href
  for (const name of [path, path.replace(/\.ts$/, ''), `${path}#app`, `${path}:app`, url, `${url}#app`]) {
    const running = worker(name)
    await running.start()
    const pid = await app.sendTask('t.pid').get({ timeout: 60 })
    assert.ok(typeof pid === 'number' && pid !== process.pid, name)
    await running.stop()
  }
})

test('the pool is restarted by remote control: new processes run the tasks [1-185 6-121 7-036]', async (t) => {
  const { app, module, worker } = place(t)
  app.conf.workerPoolRestarts = true
  const running = worker(module('tasks'))
  await running.start()
  const pid = await app.sendTask('t.pid').get({ timeout: 60 })
  const options = { destination: running.hostname, reply: true, timeout: 60 }
  assert.deepEqual(await app.control.poolRestart(options), [{ [running.hostname]: { ok: 'reload started' } }])
  await eventually(async () => assert.notEqual(await app.sendTask('t.pid').get({ timeout: 60 }), pid))
})

test('without a module, or with a wrong one, the worker does not start and says why', async (t) => {
  const { module, worker } = place(t)
  await assert.rejects(worker().start(), (error) => {
    assert.ok(error instanceof ImproperlyConfigured)
    assert.match(error.message, /^The pool 'prefork' .* new Worker\(app, \{ appModule: '\.\/tasks\.ts' \}\)/)
    return true
  })
  await assert.rejects(worker('./nowhere').start(), /There is no module \.\/nowhere: looked for/)
  await assert.rejects(worker(`${module('tasks')}#ap`).start(), /exports no ap \(did you mean "app"\?\)/)
  await assert.rejects(worker(module('broken', 'null.x')).start(), /Cannot read properties of null/)
})

test('a module that starts a worker when it is imported starts no flood of processes', async (t) => {
  const { module, worker } = place(t)
  const start = `
    import { Worker } from ${JSON.stringify(new URL('../../src/worker/worker.ts', import.meta.url).href)}
    await new Worker(app, { pool: 'prefork', concurrency: 1, appModule: import.meta.filename }).start()`
  await assert.rejects(worker(module('starts', start)).start(), /must not start a worker when it is imported/)
})
