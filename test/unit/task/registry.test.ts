import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AlreadyRegistered, NotRegistered } from '../../../src/errors.ts'
import { TaskRegistry } from '../../../src/task/registry.ts'
import { createTestApp } from '../app/test-app.ts'

test('tasks are found by name [2-056 2-061]', () => {
  const app = createTestApp()
  const registry = new TaskRegistry()
  const add = app.task('t.add', () => 1)
  registry.register(add)
  registry.register(add)
  assert.equal(registry.size, 1)
  assert.equal(registry.get('t.add'), add)
  assert.equal(registry.get('t.ad'), undefined)
  assert.throws(
    () => registry.require('t.ad'),
    (error) =>
      error instanceof NotRegistered &&
      /No task is called 't.ad' \(did you mean "t.add"\?\)/.test(error.message),
  )
  const twin = createTestApp().task('t.add', () => 2)
  assert.throws(() => registry.register(twin), AlreadyRegistered)
  registry.unregister('t.add')
  assert.throws(() => registry.unregister('t.add'), NotRegistered)
})

test('Celery’s own tasks are listed only on request [2-064]', () => {
  const app = createTestApp()
  app.task('t.add', () => 1)
  assert.deepEqual(app.tasks.names(), ['t.add'])
  assert.deepEqual(app.taskNames.toSorted(), [
    'celery.accumulate',
    'celery.backend_cleanup',
    'celery.chain',
    'celery.chord',
    'celery.chord_unlock',
    'celery.chunks',
    'celery.group',
    'celery.map',
    'celery.starmap',
    't.add',
  ])
})
