import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Celery } from '../../../src/app/celery.ts'
import { chain } from '../../../src/canvas/compose-chain.ts'
import { group } from '../../../src/canvas/group.ts'
import {
  ImproperlyConfigured,
  MaxRetriesExceededError,
  OperationalError,
  Reject,
  Retry,
} from '../../../src/errors.ts'
import type { TaskSelf } from '../../../src/task/context.ts'
import type { TaskRequestFields } from '../../../src/task/request.ts'
import { sentMessages, withRequest } from '../app/golden-app.ts'
import { createTestApp } from '../app/test-app.ts'

function inTask<T>(app: Celery, fields: Partial<TaskRequestFields>, code: (self: TaskSelf) => T): T {
  const task =
    app.tasks.get('t.work') ?? app.task('t.work', { bind: true, maxRetries: 2 }, (_self, x: number) => x)
  return withRequest(app, task, fields, code)
}

/** The error that a promise rejects with. */
async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  const [result] = await Promise.allSettled([promise])
  assert.ok(result?.status === 'rejected', 'it did not fail')
  return result.reason
}

suite('retry', () => {
  test('sends the same call once more and throws [2-132 2-134]', async () => {
    const app = createTestApp()
    const error = await errorOf(inTask(app, { args: [1], retries: 1 }, (self) => self.retry()))
    assert.ok(error instanceof Retry)
    assert.equal(error.when, 180)
    assert.equal(error.isEager, false)
    const [message] = await sentMessages(app, ['celery'])
    assert.equal(message?.headers['id'], 'run-id')
    assert.equal(message?.headers['retries'], 2)
    assert.equal(message?.headers['eta'], '2030-01-02T03:07:05.678000+00:00')
  })

  test('goes back to the queue it came from, unless told otherwise [2-133]', async () => {
    const app = createTestApp()
    const deliveryInfo = {
      exchange: '',
      routingKey: 'hipri',
      priority: 6,
      redelivered: false,
      isEager: false,
    }
    await errorOf(inTask(app, { deliveryInfo }, (self) => self.retry({ countdown: 0 })))
    const [same] = await sentMessages(app, ['hipri'])
    assert.equal(same?.properties['priority'], 6)
    await errorOf(inTask(app, { deliveryInfo }, (self) => self.retry({ queue: 'lopri' })))
    assert.equal((await sentMessages(app, ['lopri'])).length, 1)
  })

  test('throws the reason when no attempt is left, or MaxRetriesExceededError [2-136]', async () => {
    const app = createTestApp()
    const reason = new RangeError('no')
    const request = { args: [1], kwargs: { y: 2 }, retries: 2 }
    assert.equal(await errorOf(inTask(app, request, (self) => self.retry({ error: reason }))), reason)
    const exceeded = await errorOf(inTask(app, request, (self) => self.retry()))
    assert.ok(exceeded instanceof MaxRetriesExceededError)
    assert.equal(exceeded.message, "Can't retry t.work[run-id] args:(1,) kwargs:{'y': 2}")
    assert.deepEqual([exceeded.taskArgs, exceeded.taskKwargs], [[1], { y: 2 }])
    assert.deepEqual(await sentMessages(app, ['celery']), [])
  })

  test('takes another limit for this attempt, and null for none [2-135]', async () => {
    const app = createTestApp()
    const more = await errorOf(inTask(app, { retries: 5 }, (self) => self.retry({ maxRetries: 6 })))
    assert.ok(more instanceof Retry)
    const endless = await errorOf(inTask(app, { retries: 500 }, (self) => self.retry({ maxRetries: null })))
    assert.ok(endless instanceof Retry)
    const error = new RangeError('no')
    const none = await errorOf(inTask(app, {}, (self) => self.retry({ maxRetries: 0, error })))
    assert.equal(none, error)
  })

  test('with throw: false gives the Retry back [2-139]', async () => {
    const app = createTestApp()
    const retry = await inTask(app, {}, (self) => self.retry({ throw: false, countdown: '3s' }))
    assert.ok(retry instanceof Retry)
    assert.equal((await sentMessages(app, ['celery'])).length, 1)
  })

  test('says when and why [2-140]', async () => {
    const app = createTestApp()
    const error = new RangeError('busy')
    const soon = await errorOf(inTask(app, {}, (self) => self.retry({ countdown: 3, error })))
    assert.ok(soon instanceof Retry)
    assert.match(soon.message, /^Retry in 3s: RangeError: busy$/)
    assert.equal(soon.cause, error)
    const eta = new Date('2030-01-02T04:00:00Z')
    const later = await errorOf(inTask(app, {}, (self) => self.retry({ eta })))
    assert.ok(later instanceof Retry)
    assert.match(later.message, /^Retry at 2030-01-02T04:00:00/)
    assert.equal(later.when, eta)
  })

  test('that cannot be sent rejects the message without putting it back [2-138]', async () => {
    const app = createTestApp()
    app.publish = () => Promise.reject(new OperationalError('the broker is gone'))
    const error = await errorOf(inTask(app, {}, (self) => self.retry()))
    assert.ok(error instanceof Reject)
    assert.equal(error.requeue, false)
    assert.ok(error.cause instanceof OperationalError)
  })

  test('of an eager run sends nothing and hands the call over [2-113]', async () => {
    const app = createTestApp()
    const error = await errorOf(
      inTask(app, { isEager: true, args: [1] }, (self) => self.retry({ args: [2], kwargs: { k: 1 } })),
    )
    assert.ok(error instanceof Retry)
    assert.equal(error.isEager, true)
    assert.ok(typeof error.signature === 'object' && error.signature !== null)
    assert.ok('args' in error.signature)
    assert.deepEqual(error.signature.args, [2])
    assert.deepEqual(await sentMessages(app, ['celery']), [])
  })
})

suite('calls from inside a task', () => {
  test('are its children, unless it keeps no trail or the call says so [2-089 3-024 3-033]', async () => {
    const app = createTestApp()
    const other = app.task('t.other', () => 1)
    const children = await inTask(app, {}, async (self) => {
      await other.delay()
      await other.applyAsync({ addToParent: false })
      return self.request.children
    })
    assert.equal(children.length, 1)
    const quiet = app.task('t.quiet', { trail: false }, () => 1)
    const none = await withRequest(app, quiet, {}, async (self) => {
      await other.delay()
      return self.request.children
    })
    assert.deepEqual(none, [])
  })

  test('inherit the priority only when configured [1-139 3-033]', async () => {
    const deliveryInfo = { exchange: '', routingKey: 'q', priority: 5, redelivered: false, isEager: false }
    for (const [inherit, priority] of [
      [true, 5],
      [false, 0],
    ] as const) {
      const app = createTestApp({ taskInheritParentPriority: inherit })
      const other = app.task('t.other', () => 1)
      await inTask(app, { deliveryInfo }, () => other.delay())
      const [message] = await sentMessages(app, ['celery'])
      assert.equal(message?.properties['priority'], priority)
      assert.equal(message?.headers['parent_id'], 'run-id')
    }
  })
})

test('updateState stores a state of the task’s own [2-119 2-183]', async () => {
  const app = createTestApp()
  await inTask(app, { id: 'state-1', group: 'g' }, (self) => self.updateState('PROGRESS', { done: 3 }))
  const meta = await app.AsyncResult('state-1').meta()
  assert.equal(meta.status, 'PROGRESS')
  assert.deepEqual(meta.result, { done: 3 })
  assert.equal(meta.group_id, 'g')
  await inTask(app, {}, (self) => self.updateState('PROGRESS', 1, { taskId: 'state-2' }))
  assert.equal(await app.AsyncResult('state-2').state(), 'PROGRESS')
})

suite('replace', () => {
  test('refuses what cannot stand in the place of a task [2-143]', async () => {
    const app = createTestApp()
    const other = app.task('t.other', () => 1)
    const inChord = other.s().set({ properties: { chord: {} } })
    await assert.rejects(
      inTask(app, {}, (self) => self.replace(inChord)),
      ImproperlyConfigured,
    )
    const nothing = app.signatureFrom({ ...chain(other.s()).toJSON(), kwargs: { tasks: [] } })
    await assert.rejects(
      inTask(app, {}, (self) => self.replace(nothing)),
      /empty chain/,
    )
  })

  test('hands callbacks and errbacks over [2-145]', async () => {
    const app = createTestApp()
    const other = app.task('t.other', () => 1)
    const back = app.task('t.back', (x: number) => x)
    const request = { callbacks: [back.s().toJSON()], errbacks: [back.s().toJSON()] }
    await errorOf(inTask(app, request, (self) => self.replace(other.s())))
    const [message] = await sentMessages(app, ['celery'])
    const body = message?.body
    assert.ok(Array.isArray(body))
    assert.equal(body[2].callbacks.length, 1)
    assert.equal(body[2].errbacks.length, 1)
  })

  test('of an eager run gives the value of the other [2-146]', async () => {
    const app = createTestApp({ taskAlwaysEager: true })
    const add = app.task('t.add', (x: number, y: number) => x + y)
    const task = app.task('t.replaced', { bind: true }, (self) => self.replace(add.s(2, 3)))
    assert.equal(await task.delay().get(), 5)
    const many = app.task('t.many', { bind: true }, (self) => self.replace(group(add.s(1, 1), add.s(2, 2))))
    assert.deepEqual(await many.delay().get(), [2, 4])
  })
})
