import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Celery } from '../../../src/app/celery.ts'
import type { TaskContext, TaskHost } from '../../../src/task/ports.ts'
import { TaskBase } from '../../../src/task/task-base.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { sentMessages } from './golden-app.ts'
import { createTestApp } from './test-app.ts'

suite('an app', () => {
  test('takes changes over all other settings [2-006]', () => {
    const app = createTestApp({ taskSerializer: 'yaml', changes: { task_serializer: 'msgpack' } })
    assert.equal(app.conf.taskSerializer, 'msgpack')
    app.configFromObject({ taskSerializer: 'json' })
    assert.equal(app.conf.taskSerializer, 'msgpack')
  })

  test('lets a subclass have its say when it is made [2-019]', () => {
    class Own extends Celery {
      protected override onInit(): void {
        this.addDefaults({ taskDefaultQueue: 'own' })
      }
    }
    assert.equal(new Own('own', { setAsCurrent: false }).conf.taskDefaultQueue, 'own')
  })

  test('knows the time, and its zone [2-038 2-039]', () => {
    const clock = new VirtualClock()
    const app = createTestApp({ clock, timezone: 'Asia/Tokyo' })
    assert.equal(app.now().getTime(), clock.now())
    assert.equal(app.usesUtcTimezone, false)
    assert.equal(app.timezone.name, 'Asia/Tokyo')
    assert.equal(createTestApp().usesUtcTimezone, true)
  })

  test('gives a value, or the setting if there is none [2-041]', () => {
    const app = createTestApp({ taskSerializer: 'yaml' })
    assert.equal(app.either('task_serializer', undefined, null, 'json'), 'json')
    assert.equal(app.either('task_serializer', undefined, null), 'yaml')
  })

  test('describes itself for reports of bugs, without passwords [2-042 10-016]', () => {
    const app = createTestApp({ broker: 'redis://me:secret@localhost', taskDefaultQueue: 'mine' })
    const text = app.bugreport()
    assert.match(text, /software -> celeriac:.* node:/)
    assert.match(text, /transport:redis \(redis:\/\/me:\*\*@localhost/)
    assert.match(text, /task_default_queue: *'mine'/)
    assert.doesNotMatch(text, /secret/)
  })

  test('takes settings from objects, the environment and the command line, over defaults [2-028]', (t) => {
    t.after(() => {
      delete process.env['TEST_SETTINGS_OF_THIS_APP']
    })
    const app = createTestApp()
    app.addDefaults({ taskDefaultQueue: 'default', workerConcurrency: 1, taskDefaultPriority: 1 })
    app.configFromObject({ worker_concurrency: 2, taskDefaultPriority: 2 })
    app.conf.configFromWords(['worker.concurrency=3'], 'worker')
    const { taskDefaultQueue, workerConcurrency, taskDefaultPriority } = app.conf
    assert.deepEqual([taskDefaultQueue, workerConcurrency, taskDefaultPriority], ['default', 3, 2])
    process.env['TEST_SETTINGS_OF_THIS_APP'] = new URL('fixtures/settings.ts', import.meta.url).pathname
    const other = createTestApp()
    assert.equal(other.configFromEnvvar('TEST_SETTINGS_OF_THIS_APP'), true)
    assert.equal(other.conf.taskDefaultQueue, 'from-a-module')
  })

  test('has an id of its own, the queue of its replies [2-049]', async () => {
    const app = createTestApp()
    assert.match(app.oid, /^[0-9a-f-]{36}$/)
    assert.notEqual(app.oid, createTestApp().oid)
    await app.sendTask('t.add')
    const [message] = await sentMessages(app, ['celery'])
    assert.equal(message?.properties['reply_to'], app.oid)
  })

  test('says what has become of backends that are no more [4-056 4-057]', async () => {
    const stateOf = (backend: string): Promise<string> =>
      createTestApp({ backend }).AsyncResult('one').state()
    await assert.rejects(stateOf('amqp://localhost'), /amqp:\/\/ is no more.*rpc:\/\//)
    await assert.rejects(stateOf('riak://localhost'), /riak:\/\/ is no more: Celery has dropped it/)
  })

  test('gives access to its queues [2-057]', () => {
    const app = createTestApp({ taskDefaultQueue: 'mine' })
    assert.equal(app.amqp.defaultQueue.name, 'mine')
    assert.equal(app.amqp.defaultExchange.name, 'mine')
    assert.equal(app.amqp.queues, app.queues)
  })

  test('makes signatures of tasks that it does not know [2-036]', async () => {
    const app = createTestApp()
    const signature = app.signature('elsewhere.add', {
      args: [1],
      kwargs: { y: 2 },
      queue: 'q',
      immutable: true,
    })
    assert.deepEqual(JSON.parse(JSON.stringify(signature)), {
      task: 'elsewhere.add',
      args: [1],
      kwargs: { y: 2 },
      options: { queue: 'q' },
      subtask_type: null,
      immutable: true,
    })
  })
})

suite('what tasks have in common', () => {
  class Counting {
    count = 0
    readonly options = { maxRetries: 7, queue: 'counted' }
    onSuccess(): void {
      this.count += 1
    }
  }

  test('is their base: options, handlers, and this [2-071]', async () => {
    const app = createTestApp({ taskAlwaysEager: true })
    const one = app.task('t.one', { base: Counting, maxRetries: 1 }, function one(this: Counting) {
      return this.count
    })
    const two = app.task('t.two', { base: Counting }, function two(this: Counting) {
      return this.count
    })
    assert.equal(one.options.maxRetries, 1)
    assert.equal(two.options.maxRetries, 7)
    assert.equal(one.options.publish['queue'], 'counted')
    const eager = async (task: typeof one): Promise<unknown> => (await task.apply({ args: [] })).get()
    assert.deepEqual([await eager(one), await eager(one), await eager(two)], [0, 1, 0])
  })

  test('is what the app says of all of them [2-009]', async () => {
    const log: string[] = []
    const taskCls = { options: { ignoreResult: true }, onSuccess: () => log.push('all') }
    const app = createTestApp({ taskAlwaysEager: true, taskCls })
    const plain = app.task('t.plain', () => 1)
    const own = app.task('t.own', { onSuccess: () => log.push('own'), ignoreResult: false }, () => 1)
    await plain.delay()
    await own.delay()
    assert.deepEqual(log, ['all', 'own'])
    assert.deepEqual([plain.options.ignoreResult, own.options.ignoreResult], [true, false])
  })

  test('may be done to their functions before they are tasks [2-074]', async () => {
    const app = createTestApp()
    const double = app.task(
      't.double',
      {
        filter:
          (body) =>
          (...args: never[]) =>
            Number(Reflect.apply(body, undefined, args)) * 2,
      },
      (x: number) => x,
    )
    assert.equal(await (await double.apply([4])).get(), 8)
  })

  test('is told which app it belongs to, without reading the configuration [2-128 2-131]', () => {
    const bound: TaskHost[] = []
    class Bound extends TaskBase<[x: number], number> {
      readonly name = 't.bound'
      override onBound = (app: TaskHost): void => void bound.push(app)
      run(x: number): number {
        return x
      }
    }
    const app = createTestApp()
    const task = app.registerTask(new Bound())
    assert.equal(bound[0], app)
    assert.equal(app.conf.loaded, false)
    assert.equal(task.app, app)
    assert.equal(task.backend, app.results)
    assert.equal(task.name, 't.bound')
  })

  test('their context knows them and their app [2-131]', async () => {
    const app = createTestApp({ taskAlwaysEager: true })
    let seen: TaskContext | undefined
    const task = app.task('t.self', { bind: true }, (self) => {
      seen = self
    })
    await task.delay()
    assert.equal(seen?.task, task)
    assert.equal(seen?.host, app)
  })
})
