import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Celery } from '../../src/app/celery.ts'
import type { Backend, BackendOptions } from '../../src/backends/backend.ts'
import { memoryBackends } from '../../src/backends/memory.ts'
import { chord } from '../../src/canvas/chord.ts'
import { group } from '../../src/canvas/group.ts'
import { ImproperlyConfigured } from '../../src/errors.ts'
import { startWorker } from '../../src/testing/start-worker.ts'
import { createTestApp } from '../../src/testing/test-app.ts'
import { tempDir } from '../support/temp-dir.ts'

/** A backend that tells what it was asked to keep. */
function createBackends(): {
  readonly create: (options: BackendOptions) => Promise<Backend>
  readonly kept: string[]
  readonly closed: string[]
} {
  const kept: string[] = []
  const closed: string[] = []
  const open = memoryBackends({})
  const create = async (options: BackendOptions): Promise<Backend> => {
    const backend = await open({ ...options, url: 'cache+memory://own' })
    const [save, close] = [backend.save.bind(backend), backend.close.bind(backend)]
    return Object.assign(backend, {
      save: (...[meta, how]: Parameters<Backend['save']>) => {
        kept.push(meta.status)
        return save(meta, how)
      },
      close: () => {
        closed.push('closed')
        return close()
      },
    })
  }
  return { create, kept, closed }
}

/** What the app's own backend has of a call. */
async function inApp(app: Celery, id: string): Promise<string> {
  return app.AsyncResult(id).state()
}

suite('a task with a backend of its own', () => {
  test('keeps what becomes of it there, and only there [2-095]', async () => {
    const app = createTestApp()
    const { create, kept, closed } = createBackends()
    const told = app.task('t.told', { backend: create, bind: true }, async (self, value: number) => {
      await self.updateState('PROGRESS', { value })
      if (value < 0) throw new RangeError('below zero')
      return value
    })
    const plain = app.task('t.plain', (value: number) => value)
    {
      await using _worker = await startWorker(app)
      const good = await told.delay(1)
      assert.equal(await good.get({ timeout: 60 }), 1)
      assert.equal(await told.delay(5).get({ timeout: 60 }), 5)
      assert.equal(await told.AsyncResult(good.id).state(), 'SUCCESS')
      const bad = await told.delay(-1)
      await assert.rejects(bad.get({ timeout: 60 }), /below zero/)
      for (const { id } of [good, bad]) assert.equal(await inApp(app, id), 'PENDING')
      assert.deepEqual(kept, ['PROGRESS', 'SUCCESS', 'PROGRESS', 'SUCCESS', 'PROGRESS', 'FAILURE'])
      assert.equal(told.backend, told.AsyncResult('x').backend)
      assert.notEqual(told.backend, plain.backend)
      assert.equal(
        await group([told.s(3), plain.s(4), told.s(5)])
          .delay()
          .get({ timeout: 60 })
          .then(String),
        '3,4,5',
      )
    }
    await app.close()
    assert.deepEqual(closed, ['closed'])
  })

  test('is counted there as part of a chord, unless that is impossible [2-095]', async (t) => {
    const app = createTestApp()
    // Before the folder is gone.
    t.after(() => app.close())
    const backend = `sqlite:///${tempDir(t)}/own.sqlite3`
    const part = app.task('t.part', { backend }, (value: number) => value)
    const sum = app.task('t.sum', (values: unknown[]) => JSON.stringify(values))
    await using _worker = await startWorker(app)
    const result = await chord([part.s(1), part.s(2), part.s(3)], sum.s()).delay()
    assert.equal(await result.get({ timeout: 60 }), '[1,2,3]')
    assert.equal(await inApp(app, result.id), 'SUCCESS')
    await assert.rejects(chord([part.s(1), sum.s([])], sum.s()).delay(), ImproperlyConfigured)
  })

  test('that is named by its URL is the same for all tasks that name it [2-095]', async () => {
    const app = createTestApp()
    const url = 'cache+memory://named'
    const one = app.task('t.one', { backend: url }, () => 1)
    const other = app.task('t.other', { backend: url }, () => 2)
    assert.equal(one.backend, other.backend)
    assert.notEqual(one.backend, app.results)
    await using _worker = await startWorker(app)
    assert.equal(await one.delay().get({ timeout: 60 }), 1)
    await app.close()
  })
})

suite('a task that can be asked to stop', () => {
  test('sees it when it looks, and ends as it likes [10-065]', async () => {
    const app = createTestApp()
    const running = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    const patient = app.task('t.patient', { bind: true }, async (self) => {
      const before = await self.isAborted()
      running.resolve()
      await asked.promise
      return [before, await self.isAborted()]
    })
    await using _worker = await startWorker(app)
    const result = await patient.delay()
    await running.promise
    assert.equal(await result.isAborted(), false)
    await result.abort()
    assert.deepEqual(
      [await result.isAborted(), await result.state(), await result.ready()],
      [true, 'ABORTED', false],
    )
    asked.resolve()
    assert.deepEqual(await result.get({ timeout: 60 }), [false, true])
    assert.equal(await result.isAborted(), false)
    await result.abort()
    assert.equal(await patient.AsyncResult(result.id).state(), 'SUCCESS')
    await app.close()
  })
})
