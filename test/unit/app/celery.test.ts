import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Celery } from '../../../src/app/celery.ts'
import { currentApp } from '../../../src/app/current.ts'
import { sharedTask } from '../../../src/app/shared-task.ts'
import { ImproperlyConfigured, RemoteError } from '../../../src/errors.ts'
import { describeException } from '../../../src/protocol/exception-info.ts'
import { buildResultMeta } from '../../../src/protocol/result-meta.ts'
import { GroupResult } from '../../../src/result/group-result.ts'
import { setCurrentHost } from '../../../src/task/current-host.ts'
import { TaskBase } from '../../../src/task/task-base.ts'
import { sentMessages, withRequest } from './golden-app.ts'
import { createTestApp, listeningLogger } from './test-app.ts'

suite('an app', () => {
  test('connects to nothing and reads no configuration when it is made [1-227 2-054]', () => {
    const app = new Celery('quiet', {
      broker: 'nonsense://x',
      configSource: './nowhere.ts',
      setAsCurrent: false,
    })
    app.task('quiet.add', (x: number) => x)
    assert.equal(app.conf.loaded, false)
    assert.equal(app.main, 'quiet')
  })

  test('takes broker, backend and include as settings, like any other [1-243 2-003 2-013 11-026]', () => {
    const app = createTestApp({
      broker: ['memory://a', 'memory://b'],
      backend: 'cache+memory://',
      include: ['m'],
    })
    assert.equal(app.conf.brokerUrl, 'memory://a;memory://b')
    assert.equal(app.conf.resultBackend, 'cache+memory://')
    assert.deepEqual(app.settings.include, ['m'])
    assert.deepEqual(
      app.brokers('write').map(({ url }) => url),
      ['memory://a', 'memory://b'],
    )
    assert.throws(() => createTestApp(JSON.parse('{"brokerUrll": "x"}')), ImproperlyConfigured)
  })

  test('reads its configuration when it is needed, and tells before and after [1-227 1-228 2-007 2-051]', () => {
    const app = createTestApp({ configSource: { task_serializer: 'yaml', worker_concurrency: 3 } })
    const told: string[] = []
    app.signals.onConfigure.connect(() => told.push('before'))
    app.signals.onAfterConfigure.connect(({ source }) => told.push(source === app.conf ? 'after' : 'other'))
    assert.equal(app.settings.taskSerializer, 'yaml')
    assert.deepEqual(told, ['before', 'after'])
    app.configFromObject({ CELERY_TASK_SERIALIZER: 'msgpack', UNRELATED: 1 }, { namespace: 'CELERY' })
    assert.equal(app.settings.taskSerializer, 'msgpack')
    app.addDefaults({ workerConcurrency: 7 })
    assert.equal(app.settings.workerConcurrency, 7)
    process.env['TEST_NO_SUCH_CONFIG'] = ''
    assert.throws(() => app.configFromEnvvar('TEST_NO_SUCH_CONFIG'), ImproperlyConfigured)
  })

  test('lets all receivers change settings before they are read [2-051]', () => {
    const app = createTestApp()
    app.signals.onConfigure.connect(async () => {
      app.conf.taskSerializer = 'yaml'
      await Promise.resolve()
    })
    app.signals.onConfigure.connect(() => {
      app.conf.taskDefaultQueue = 'second'
    })
    const { taskSerializer, taskDefaultQueue } = app.settings
    assert.deepEqual([taskSerializer, taskDefaultQueue], ['yaml', 'second'])
  })

  test('is the current one, inside its tasks even if another was made since [2-005 2-020 2-052]', () => {
    const first = createTestApp({ setAsCurrent: true })
    const second = createTestApp({ setAsCurrent: true })
    assert.equal(currentApp(), second)
    first.setCurrent()
    assert.equal(currentApp(), first)
    const task = second.task('t.where', () => currentApp())
    assert.equal(task(), second)
    assert.equal(
      withRequest(second, task, {}, () => currentApp()),
      second,
    )
  })

  test('is made by default when there is none, on the embedded broker [2-054]', () => {
    setCurrentHost(undefined)
    const app = currentApp()
    assert.equal(app, currentApp())
    assert.equal(app.main, 'default')
    setCurrentHost(undefined)
  })

  test('is disposed of, and may be used again [2-021]', async () => {
    const app = createTestApp()
    const add = app.task('t.add', (x: number) => x)
    await using _disposed = app
    const sent = add.delay(1)
    await app.close()
    await sent
    await add.delay(2)
    assert.equal((await sentMessages(app, ['celery'])).length, 2)
  })

  test('follows changes of its broker and its backend', async () => {
    const app = createTestApp()
    const add = app.task('t.add', (x: number) => x)
    await add.delay(1)
    const { results } = app
    app.conf.update({ brokerUrl: 'memory://elsewhere', resultBackend: 'disabled://' })
    await add.delay(2)
    const [message] = await sentMessages(app, ['celery'])
    assert.equal(message?.headers['argsrepr'], '(2,)')
    assert.notEqual(app.results, results)
    assert.equal(app.results.enabled, false)
    app.conf.update({ taskTimeLimit: 5 })
    assert.equal(app.results, app.results)
  })
})

suite('declaring tasks', () => {
  test('by name, by options, or by the name of the function [2-001 2-024 2-059 2-060 2-069]', () => {
    const app = createTestApp()
    function plain(x: number): number {
      return x
    }
    const names = [
      app.task('t.named', (x: number) => x),
      app.task('t.both', { maxRetries: 1 }, (x: number) => x),
      app.task({ name: 't.options', bind: true }, (self) => self.name),
      app.task(plain),
      app.task(function withOptions() {}, { ignoreResult: true }),
    ].map(({ name }) => name)
    assert.deepEqual(names, ['t.named', 't.both', 't.options', 'test.plain', 'test.withOptions'])
    assert.throws(() => app.task(() => 1), /A task needs a name/)
    assert.throws(() => Reflect.apply(app.task, app, ['t.nothing']), /A task needs a function/)
  })

  test('names them the way a subclass likes [2-026]', () => {
    class Named extends Celery {
      override genTaskName(name: string): string {
        return `mine/${name}`
      }
    }
    const app = new Named('x', { setAsCurrent: false })
    assert.equal(app.task(function work() {}).name, 'mine/work')
  })

  test('a second time gives the first, with a warning [2-055 12-065]', () => {
    const { logger, messages } = listeningLogger()
    const app = createTestApp({ logger })
    const body = (x: number): number => x
    const first = app.task('t.twice', body)
    assert.equal(app.task('t.twice', body), first)
    assert.deepEqual(messages, [])
    assert.equal(
      app.task('t.twice', (x: number) => x + 1),
      first,
    )
    assert.match(messages.join(), /There is a task called 't.twice' already/)
  })

  test('takes the place of one that was only known by name', () => {
    const app = createTestApp()
    const remote = app.remoteTask<[x: number], number>('t.late')
    const local = app.task('t.late', (x: number) => x)
    assert.notEqual(remote, local)
    assert.equal(app.tasks.get('t.late'), local)
    assert.equal(app.remoteTask('t.late').runnable, false)
    assert.equal(app.tasks.get('t.late'), local)
  })

  test('hands handlers of the options over [2-129]', () => {
    const app = createTestApp()
    const task = app.task('t.handled', { onSuccess: () => 1, maxRetries: 7 }, () => 1)
    assert.equal(typeof task.handlers.onSuccess, 'function')
    assert.equal(task.options.maxRetries, 7)
  })

  test('by class [2-025]', () => {
    class Work extends TaskBase<[x: number], number> {
      readonly name = 't.Work'
      run(x: number): number {
        return x
      }
    }
    const app = createTestApp()
    const work = app.registerTask(new Work())
    assert.equal(work(3), 3)
    assert.equal(app.tasks.get('t.Work'), work)
  })

  test('for all apps [2-053 2-072]', async () => {
    const before = createTestApp({ setAsCurrent: true })
    const shared = sharedTask('shared.add', (x: number, y: number) => x + y)
    const bound = sharedTask('shared.bound', { bind: true }, (self, x: number) => `${self.name} ${x}`)
    const after = createTestApp()
    assert.ok(before.tasks.has('shared.add') && after.tasks.has('shared.add'))
    assert.notEqual(before.tasks.get('shared.add'), after.tasks.get('shared.add'))
    assert.equal(shared(2, 3), 5)
    assert.equal(bound(4), 'shared.bound 4')
    assert.equal(shared.name, 'shared.add')
    await shared.delay(1, 2)
    assert.equal((await sentMessages(before, ['celery'])).length, 1)
    after.setCurrent()
    await shared.s(1, 2).delay()
    assert.equal((await sentMessages(after, ['celery'])).length, 1)
  })
})

suite('sending by name', () => {
  test('needs no task, and uses one that is there [2-031 3-029]', async () => {
    const app = createTestApp()
    app.task('t.known', { queue: 'known', priority: 3 }, (x: number) => x)
    const result = await app.sendTask('py.unknown', [1], { k: 2 }, { queue: 'py', taskId: 'my-id' })
    assert.equal(result.id, 'my-id')
    await app.sendTask('t.known', [1])
    assert.equal((await sentMessages(app, ['py'])).length, 1)
    const [known] = await sentMessages(app, ['known'])
    assert.equal(known?.properties['priority'], 3)
  })

  test('is never eager [3-036]', async () => {
    const { logger, messages } = listeningLogger()
    const app = createTestApp({ taskAlwaysEager: true, logger })
    app.task('t.known', () => 1)
    await app.sendTask('t.known')
    assert.equal((await sentMessages(app, ['celery'])).length, 1)
    assert.match(messages.join(), /taskAlwaysEager has no effect on sendTask/)
  })
})

suite('results of an app', () => {
  test('are found by id [2-045 2-123]', async () => {
    const app = createTestApp()
    await app.results.save(buildResultMeta({ id: 'r-1', state: 'SUCCESS', result: 5, now: 0 }))
    assert.equal(await app.AsyncResult('r-1').get(), 5)
    assert.equal(await app.asyncResult('r-1').get(), 5)
    const task = app.task('t.add', (x: number) => x)
    assert.equal(await task.AsyncResult('r-1').get(), 5)
    const group = new GroupResult('app-group', [app.AsyncResult('r-1')], app.resultContext)
    await group.save()
    assert.deepEqual(await (await app.groupResult('app-group'))?.get(), [5])
    assert.equal(await app.groupResult('no-group'), undefined)
  })

  test('have errors of registered classes [2-195]', async () => {
    class Custom extends Error {
      override readonly name = 'Custom'
    }
    const app = createTestApp()
    const result = describeException(new Custom('no'))
    await app.results.save(buildResultMeta({ id: 'r-2', state: 'FAILURE', result, now: 0 }))
    await assert.rejects(app.AsyncResult('r-2').get(), RemoteError)
    app.registerErrorClass(Custom)
    await assert.rejects(app.AsyncResult('r-2').get(), Custom)
  })
})

suite('what a worker needs', () => {
  test('queues, selected and excluded [10-036]', () => {
    const app = createTestApp({ taskQueues: { a: {}, b: {}, c: {} } })
    const names = (options?: { select?: string[]; exclude?: string[] }): string[] =>
      app.consumedQueues(options).map(({ name }) => name)
    assert.deepEqual(names(), ['a', 'b', 'c'])
    assert.deepEqual(names({ exclude: ['b'] }), ['a', 'c'])
    assert.deepEqual(names({ select: ['c', 'new'] }), ['c', 'new'])
  })

  test('emptied queues [10-037]', async () => {
    const app = createTestApp()
    const add = app.task('t.add', (x: number) => x)
    await add.delay(1)
    await add.applyAsync([2], { queue: 'other' })
    assert.equal(await app.purge(['celery', 'other', 'unknown']), 2)
    assert.equal(await app.purge(), 0)
    await app.close()
  })

  test('alternatives of the broker; sentinels together lead to one', () => {
    const brokers = (brokerUrl: string): string[] =>
      createTestApp({ broker: brokerUrl })
        .brokers('read')
        .map(({ url }) => url)
    const sentinels = 'sentinel://a:1/0;sentinel://b:2/0'
    assert.deepEqual(brokers('amqp://a;amqp://b'), ['amqp://a', 'amqp://b'])
    assert.deepEqual(brokers(sentinels), [sentinels])
    assert.deepEqual(brokers(`redis://c;${sentinels};amqp://d`), ['redis://c', sentinels, 'amqp://d'])
    assert.equal(createTestApp({ backend: sentinels }).settings.resultBackend, sentinels)
  })

  test('settings, and brokers with their options [1-026 2-032]', () => {
    const app = createTestApp({
      brokerReadUrl: 'memory://read',
      brokerTransportOptions: { visibility_timeout: 5 },
      brokerConnectionTimeout: 2,
      brokerHeartbeat: null,
      brokerLoginMethod: 'EXTERNAL',
      brokerConnectionMaxRetries: null,
      workerConcurrency: 3,
    })
    const [read] = app.brokers('read')
    assert.equal(read?.url, 'memory://read')
    assert.equal(read.connectTimeout, 2000)
    assert.equal(read.heartbeat, 0)
    assert.equal(read.loginMethod, 'EXTERNAL')
    assert.deepEqual(read.transportOptions, { visibility_timeout: 5 })
    assert.match(read.clientName, /^gen\d+@/)
    assert.equal(app.workerSettings.workerConcurrency, 3)
    assert.equal(app.workerSettings.workerEtaTaskLimit, undefined)
    assert.deepEqual(
      [app.brokerRetry.enabled, app.brokerRetry.onStartup, app.brokerRetry.policy.maxRetries],
      [true, true, undefined],
    )
  })
})
