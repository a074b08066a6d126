/** What JavaScript lets through and no compiler has looked at: an error names the value, the place and the remedy. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sharedTask } from '../../../src/app/shared-task.ts'
import { group } from '../../../src/canvas/group.ts'
import { TaskBase } from '../../../src/task/task-base.ts'
import { createTestApp } from './test-app.ts'

type Loose = (...args: readonly unknown[]) => unknown

/** A method of an app, or the class, as code without types sees it. */
function loosely(target: object, name: string): Loose {
  const method: unknown = Reflect.get(target, name)
  assert.ok(typeof method === 'function')
  return (...args) => Reflect.apply(method, target, args)
}

const body = (x: number): number => x

test('a task is not declared with options that do not exist or are of another kind', () => {
  const task = loosely(createTestApp(), 'task')
  const complaints: readonly (readonly [options: object, complaint: RegExp])[] = [
    [{ retryBackof: true }, /^Task t\.x: there is no option 'retryBackof' \(did you mean "retryBackoff"\?\)/],
    [{ max_retries: 5 }, /no option 'max_retries' \(did you mean "maxRetries"\?\)/],
    [{ nonsense: 1 }, /no option 'nonsense'; what is yours belongs into attributes/],
    [{ acksLate: 'yes' }, /^Task t\.x: acksLate must be true or false, not 'yes'/],
    [{ maxRetries: 'three' }, /maxRetries must be a number/],
    [{ maxRetries: Number.NaN }, /maxRetries must be a number/],
    [{ autoretryFor: TypeError }, /autoretryFor must be a list of classes of errors/],
    [{ throws: ['TypeError'] }, /throws must be a list of classes of errors/],
    [{ params: 'x' }, /params must be a list of texts/],
    [{ input: {} }, /input must be a Standard Schema/],
    [{ rateLimit: '10/x' }, /^Task t\.x: rateLimit must be/],
    [{ rateLimit: {} }, /^Task t\.x: rateLimit must be/],
    [{ softTimeLimit: 'soon' }, /^Task t\.x: softTimeLimit: 'soon' is no duration/],
    [{ timeLimit: true }, /^Task t\.x: timeLimit must not be True/],
    [{ shadowName: 'x' }, /shadowName must be a function/],
    [{ retryKwargs: [] }, /retryKwargs must be an object/],
    [{ retryKwargs: { max_retries: 5 } }, /^Task t\.x: retryKwargs: .* \(did you mean "maxRetries"\?\)/],
    [{ retryKwargs: { countdown: 'soon' } }, /^Task t\.x: retryKwargs: countdown: 'soon' is no duration/],
    [{ retryBackoff: 'fast' }, /retryBackoff must be true, false or a number of seconds, not 'fast'/],
    [{ serializer: 5 }, /serializer must be a text, not 5/],
  ]
  for (const [options, message] of complaints) assert.throws(() => task('t.x', options, body), { message })
})

test('options that say nothing, and those of the user in their place, are taken', () => {
  const app = createTestApp()
  const options = { maxRetries: null, rateLimit: 0, attributes: { mine: 1 } }
  const task = app.task('t.y', options, body)
  assert.equal(task.options.maxRetries, Number.POSITIVE_INFINITY)
  assert.deepEqual(task.options.attributes, { mine: 1 })
  assert.equal(app.task('t.z', { params: ['x'], onFailure: () => undefined }, body).name, 't.z')
})

test('tasks have names, one function and nothing else', () => {
  const app = createTestApp()
  const task = loosely(app, 'task')
  assert.throws(() => task('t.x', body, () => 2), /without a second function/)
  assert.throws(() => task('t.x', 5, body), /app\.task\('name', \{ options \}, \(x\) => …\), without 5/)
  assert.throws(() => task('t.x', null, body), /without None/)
  assert.throws(() => loosely(app, 'remoteTask')(), /by its name, a text .* not None/)
  assert.throws(() => loosely(app, 'remoteTask')(''), /by its name, a text/)
})

test('what a task is made of is looked at where it is declared', () => {
  const app = createTestApp()
  const task = loosely(app, 'task')
  assert.throws(() => task('t.x', { base: 5 }, body), /Task t\.x: base must be a class or an object .* not 5/)
  assert.throws(() => task('t.x', { filter: 5 }, body), /Task t\.x: filter must be a function, not 5/)
  assert.throws(
    () => task('t.x', { onFailure: 'x' }, body),
    /Task t\.x: onFailure must be a function, not 'x'/,
  )
  // A text would be taken for a list of packages of one letter each.
  assert.throws(
    () => loosely(app, 'autodiscoverTasks')('proj'),
    /autodiscoverTasks takes a list of packages \(\['proj'\]\), not 'proj'/,
  )
  const registerTask = loosely(app, 'registerTask')
  assert.throws(() => registerTask(), /registerTask takes an instance of a class .* not None/)
  assert.throws(() => registerTask(TaskBase), /registerTask takes an instance of a class/)
  assert.throws(() => registerTask({ name: 't.x' }), /with a method run/)
  assert.throws(() => loosely(app, 'addPeriodicTask')(5, 't.add'), /addPeriodicTask takes .* not 't\.add'/)
  assert.throws(
    () => loosely({ sharedTask }, 'sharedTask')('t.shared', { maxRetris: 1 }, body),
    /no option 'maxRetris'/,
  )
  // A shared task that was refused does no harm to any app.
  assert.equal(app.tasks.get('t.shared'), undefined)
})

test('when the settings cannot be read, who calls hears of it, and nobody else', async (t) => {
  const unheard: unknown[] = []
  const note = (reason: unknown): void => void unheard.push(reason)
  process.on('unhandledRejection', note)
  t.after(() => process.off('unhandledRejection', note))
  const app = createTestApp({ configSource: './nowhere.ts' })
  const task = app.task('t.x', body)
  await assert.rejects(async () => await task.delay(1), /nowhere/)
  await new Promise(setImmediate)
  assert.deepEqual(unheard, [])
})

test('calls are refused that cannot be meant like that', async () => {
  const app = createTestApp()
  const sendTask = loosely(app, 'sendTask')
  await assert.rejects(async () => sendTask(undefined), /by its name, a text, not None/)
  await assert.rejects(async () => sendTask('t.x', [], [1]), /t\.x: kwargs must be an object, not a list/)
  await assert.rejects(async () => sendTask('t.x', [], {}, { taskId: 5 }), /taskId must be a text, not 5/)
})

test('nobody waits for ever because of a time limit that was not understood [4-003]', async () => {
  const app = createTestApp()
  const task = app.task('t.x', body)
  const ways: readonly (readonly [way: string, target: object])[] = [
    ['of a call that is being sent', task.delay(1)],
    ['of a call that was sent', await task.delay(1)],
    ['of an id', app.AsyncResult('a')],
    ['of a group', await group([task.s(1), task.s(2)]).delay()],
  ]
  for (const [way, target] of ways) {
    const get = loosely(target, 'get')
    await assert.rejects(async () => await get(10), /^TypeError: get\(\) takes an object .* not 10/, way)
    await assert.rejects(async () => await get({ timeot: 1 }), /'timeot' \(did you mean "timeout"\?\)/, way)
    await assert.rejects(async () => await get({ on_message: body }), /\(did you mean "onMessage"\?\)/, way)
  }
})

test('an app is made of a name and options', () => {
  const { constructor: Celery } = createTestApp()
  const create: Loose = (...args) => Reflect.construct(Celery, args)
  assert.throws(
    () => create({ broker: 'redis://localhost' }),
    /first argument of Celery is the name.*new Celery\('tasks', \{/,
  )
  assert.throws(
    () => create('tasks', 'redis://localhost'),
    /second argument of Celery holds its options, and is no string/,
  )
  assert.throws(() => create('tasks', { brokr: 'x' }), /no option 'brokr' \(did you mean "broker"\?\)/)
  assert.throws(() => create('tasks', { nonsense: 'x' }), /no setting 'nonsense'/)
})

test('a misspelt setting is no new property [1-216]', () => {
  const app = createTestApp()
  const assign = (settings: object): unknown => Reflect.apply(Object.assign, undefined, [app.conf, settings])
  assert.throws(() => assign({ taskSerialiser: 'json' }), {
    name: 'ImproperlyConfigured',
    message: `conf: there is no setting 'taskSerialiser' (did you mean "taskSerializer"?)`,
  })
  assert.throws(() => assign({ task_serialiser: 'json' }), /\(did you mean "task_serializer"\?\)/)
  assert.throws(
    () => assign({ CELERY_BROKER_URL: 'redis://localhost' }),
    /'CELERY_BROKER_URL' \(it is brokerUrl; .* namespace: 'CELERY'/,
  )
  assert.throws(
    () => assign({ taskSerializer: 5 }),
    /taskSerializer \(task_serializer\) must be a text, not 5/,
  )
  assign({ CELERY_TASK_SERIALIZER: 'msgpack' })
  assert.equal(app.conf.taskSerializer, 'msgpack')
  assert.throws(() => loosely(app, 'configFromObject')(null), /configFromObject takes an object .* not None/)
})

test('a retry in Python’s words is refused, instead of one without its reason and its limit [2-135 2-136]', async () => {
  const app = createTestApp()
  const told: readonly (readonly [given: unknown, complaint: RegExp])[] = [
    [new Error('oops'), /^TypeError: retry\(\) takes an object of options, such as \{ error \}, not Error/],
    [{ exc: new Error('oops') }, /retry\(\): there is no option 'exc' \(did you mean "error"\?\)/],
    [{ max_retries: 1 }, /no option 'max_retries' \(did you mean "maxRetries"\?\)/],
    [{ eta: 'tomorrow' }, /^RangeError: 'tomorrow' is no ISO 8601 date and time/],
    [{ routingKey: 'k' }, /no option 'routingKey'; options of the call belong into options$/],
  ]
  for (const [index, [given, complaint]] of told.entries()) {
    const task = app.task(`t.${index}`, { bind: true }, (self) => loosely(self, 'retry')(given))
    const result = await task.apply()
    assert.equal(await result.state(), 'FAILURE')
    assert.match(String(await result.result()), complaint)
  }
})

test('a running task is told what its wishes are made of', async () => {
  const app = createTestApp()
  const add = app.task('t.add', (x: number, y: number) => x + y)
  const told: readonly (readonly [method: string, given: unknown, complaint: RegExp])[] = [
    [
      'updateState',
      { state: 'PROGRESS' },
      /^TypeError: updateState\(\) takes a state, a text, .* not \{'state'/,
    ],
    [
      'replace',
      add,
      /^TypeError: replace\(\) takes signatures, such as add\.s\(4, 4\), not the task t\.add itself/,
    ],
    ['addToChord', 't.add', /^TypeError: addToChord\(\) takes signatures, .* not 't\.add'/],
  ]
  for (const [method, given, complaint] of told) {
    const task = app.task(`t.${method}`, { bind: true }, (self) => loosely(self, method)(given))
    const result = await task.apply()
    assert.match(String(await result.result()), complaint)
  }
})

test('no command goes to everybody because of how it was said to whom [6-123]', async () => {
  const { control } = createTestApp()
  const places: readonly (readonly [given: unknown, complaint: RegExp])[] = [
    [
      ['celery@a'],
      /^TypeError: Commands to workers take an object of options: \{ destination: \['celery@host'\] \}/,
    ],
    ['celery@a', /^TypeError: Commands to workers take an object/],
    [
      { destnation: ['celery@a'] },
      /no option 'destnation' \(did you mean "destination"\?\): destination, pattern/,
    ],
  ]
  for (const [given, complaint] of places) {
    for (const command of ['shutdown', 'ping', 'enableEvents', 'poolRestart']) {
      await assert.rejects(async () => await loosely(control, command)(given), complaint, command)
    }
    await assert.rejects(async () => await loosely(control, 'revoke')('some-id', given), complaint)
    const inspect = loosely(control, 'inspect')(given)
    assert.ok(typeof inspect === 'object' && inspect !== null)
    await assert.rejects(async () => await loosely(inspect, 'active')(), complaint)
  }
})

test('what listens to a signal is a function', () => {
  const { signals } = createTestApp()
  assert.throws(
    () => loosely(signals.taskPrerun, 'connect')('proj.receiver'),
    /^TypeError: A receiver of the signal task_prerun must be a function, not 'proj\.receiver'/,
  )
})

test('a misspelt URL says what was meant, and no password [2-032 4-055]', async () => {
  const complaint = async (options: object): Promise<string> => {
    const app = createTestApp(options)
    const error: unknown = await app.sendTask('t.x').then(
      () => undefined,
      (reason: unknown) => reason,
    )
    return String(error)
  }
  assert.match(
    await complaint({ broker: 'redsi://localhost' }),
    /^ImproperlyConfigured: No broker transport is called "redsi" \(did you mean "redis"\?\): .*amqp:\/\//,
  )
  assert.match(
    await complaint({ backend: 'rediss3://localhost' }),
    /No result backend is called "rediss3" \(did you mean "rediss"\?\): /,
  )
  const bare = await complaint({ broker: 'redis:/:secret@localhost' })
  assert.match(
    bare,
    /^ImproperlyConfigured: The broker URL "…@localhost" has no scheme: it must begin with one of/,
  )
})
