import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { z } from 'zod'
import { InvalidArguments, NotRegistered, Retry } from '../../../src/errors.ts'
import { TaskSelf } from '../../../src/task/context.ts'
import { currentTask } from '../../../src/task/current-task.ts'
import { TaskDefinition } from '../../../src/task/task.ts'
import { sentMessages } from '../app/golden-app.ts'
import { createTestApp } from '../app/test-app.ts'

suite('a task', () => {
  test('is a function that runs here and now [2-114]', () => {
    const app = createTestApp()
    const add = app.task('t.add', (x: number, y: number) => x + y)
    assert.equal(add(2, 3), 5)
    assert.equal(typeof add, 'function')
    assert.ok(add instanceof TaskDefinition)
    assert.equal(add.name, 't.add')
    assert.equal(String(add), '<Task t.add>')
    assert.equal(app.tasks.get('t.add'), add)
  })

  test('that is bound gets the running call, called directly, too [2-070 2-114 2-130 2-154]', () => {
    const app = createTestApp()
    const seen: unknown[] = []
    const task = app.task('t.bound', { bind: true }, (self, x: number) => {
      assert.ok(self instanceof TaskSelf)
      seen.push(self.name, self.request.calledDirectly, self.request.args, currentTask() === self)
      seen.push(task.request === self.request)
      return x
    })
    assert.equal(task(4), 4)
    assert.deepEqual(seen, ['t.bound', true, [4], true, true])
    assert.equal(task.request, undefined)
    assert.equal(currentTask(), undefined)
  })

  test('that is called directly is not retried: the error comes out [2-137]', async () => {
    const app = createTestApp()
    const error = new RangeError('no')
    const given = app.task('t.given', { bind: true }, (self) => self.retry({ error }))
    await assert.rejects(given(), error)
    const plain = app.task('t.plain', { bind: true }, (self) => self.retry())
    await assert.rejects(plain(), Retry)
  })

  test('makes signatures that bind arguments [2-121]', () => {
    const app = createTestApp()
    const add = app.task('t.add', (x: number, y: number) => x + y)
    assert.deepEqual(add.s(3).toJSON(), {
      task: 't.add',
      args: [3],
      kwargs: {},
      options: {},
      subtask_type: null,
      immutable: false,
    })
    assert.equal(add.si(1, 2).immutable, true)
    const signature = add.signature([1], { kwargs: { y: 2 }, queue: 'q', countdown: '5s' })
    assert.deepEqual(signature.toJSON().kwargs, { y: 2 })
    assert.deepEqual(signature.toJSON().options, { queue: 'q', countdown: 5 })
  })

  test('knows how many arguments it takes', () => {
    const app = createTestApp()
    assert.equal(app.task('t.two', (x: number, y: number) => x + y).arity, 2)
    assert.equal(app.task('t.bound', { bind: true }, (_self, x: number) => x).arity, 1)
    assert.equal(app.task('t.declared', { params: ['x', 'y?'] }, (x: number, y = 1) => x + y).arity, 2)
    assert.equal(app.remoteTask('t.remote').arity, undefined)
  })

  test('of another place has no body here', () => {
    const app = createTestApp()
    const remote = app.remoteTask<[x: number], number>('py.task', { queue: 'py' })
    assert.equal(remote.runnable, false)
    assert.deepEqual(remote.options.publish, { queue: 'py', serializer: 'json' })
    assert.throws(() => remote(1), NotRegistered)
  })

  test('looks at its settings again when they change', () => {
    const app = createTestApp()
    const add = app.task('t.add', (x: number) => x)
    assert.equal(add.options.timeLimit, undefined)
    const before = add.options
    assert.equal(add.options, before)
    app.conf.update({ taskTimeLimit: 9 })
    assert.equal(add.options.timeLimit, 9000)
  })

  test('gives its name for logs by call [2-125]', async () => {
    const app = createTestApp()
    const shadowName = (args: readonly unknown[]): string => `t.for-${String(args[0])}`
    await app.task('t.shadow', { shadowName }, (who: string) => who).delay('me')
    const [message] = await sentMessages(app, ['celery'])
    assert.equal(message?.headers['shadow'], 't.for-me')
  })
})

suite('arguments that do not fit', () => {
  test('are refused before anything is sent [2-075 3-034]', async () => {
    const app = createTestApp()
    const add = app.task('t.add', { params: ['x', 'y'] }, (x: number, y: number) => x + y)
    await assert.rejects(add.applyAsync({ kwargs: { x: 1 } }).get(), /is missing the argument 'y'/)
    await assert.rejects(add.applyAsync({ kwargs: { x: 1, z: 1 } }).get(), TypeError)
    assert.deepEqual(await sentMessages(app, ['celery']), [])
  })

  test('are sent all the same with `typing: false` or without strictTyping [2-075 2-012]', async () => {
    const app = createTestApp({ strictTyping: false })
    const add = app.task('t.add', { params: ['x', 'y'] }, (x: number, y: number) => x + y)
    await add.applyAsync({ kwargs: { x: 1 } })
    assert.equal((await sentMessages(app, ['celery'])).length, 1)
  })

  test('of a schema are refused before sending, and before running [2-076]', async () => {
    const app = createTestApp({ taskAlwaysEager: true })
    const input = z.tuple([z.coerce.number()])
    const double = app.task('t.double', { input }, (x: number) => x * 2)
    const wrong = app.signature('t.double', { args: ['many'] })
    await assert.rejects(wrong.delay().get(), InvalidArguments)
    // What runs is what the schema made of it.
    assert.equal(
      await app
        .signature('t.double', { args: ['21'] })
        .delay()
        .get(),
      42,
    )
    assert.equal(double(4), 8)
  })

  test('that are no list are refused [3-001]', async () => {
    const app = createTestApp()
    await assert.rejects(app.sendTask('t.x', JSON.parse('{"a": 1}')).get(), /args must be a list/)
    const add = app.task('t.add', (x: number) => x)
    assert.throws(() => Reflect.apply(add.applyAsync, add, ['text']), /takes a list of arguments/)
  })
})
