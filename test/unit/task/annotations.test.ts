import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { UserSettings } from '../../../src/config/settings.ts'
import { ImproperlyConfigured } from '../../../src/errors.ts'
import type { TaskOptions, UserTaskOptions } from '../../../src/task/options.ts'
import { createTestApp } from '../app/test-app.ts'

type Annotations = NonNullable<UserSettings['taskAnnotations']>

function optionsOf(taskAnnotations: Annotations, own: UserTaskOptions = {}): TaskOptions {
  const app = createTestApp({ taskAnnotations })
  return app.task('t.add', { ...own, bind: false }, () => 1).options
}

suite('task annotations', () => {
  test('of a name and of all are both applied, those of all over the others [1-134 10-050 10-055]', () => {
    const options = optionsOf(
      { 't.add': { rate_limit: '1/s', timeLimit: 3 }, '*': { rate_limit: '2/s' }, other: { max_retries: 9 } },
      { rateLimit: 5, timeLimit: 60, maxRetries: 1 },
    )
    assert.equal(options.rateLimit, '2/s')
    assert.equal(options.timeLimit, 3000)
    assert.equal(options.maxRetries, 1)
  })

  test('set attributes of the task under whatever name [10-050]', () => {
    const options = optionsOf({ 't.add': { owner: 'us' } }, { attributes: { owner: 'them', level: 3 } })
    assert.deepEqual(options.attributes, { owner: 'us', level: 3 })
  })

  test('are looked at as options of a task are [10-050 10-051]', () => {
    const complaints: readonly (readonly [
      annotation: Readonly<Record<string, unknown>>,
      complaint: RegExp,
    ])[] = [
      [{ max_retries: 'three' }, /^Task t\.add \(taskAnnotations\): maxRetries must be a number/],
      [{ acks_late: 'yes' }, /\(taskAnnotations\): acksLate must be true or false, not 'yes'/],
      [{ rate_limit: '10/x' }, /\(taskAnnotations\): rateLimit must be/],
      [{ on_failure: 'log' }, /^taskAnnotations: onFailure of task t\.add must be a function, not 'log'/],
    ]
    for (const [annotation, message] of complaints) {
      assert.throws(() => optionsOf({ 't.add': annotation }), { name: 'ImproperlyConfigured', message })
    }
    assert.equal(optionsOf({ '*': { max_retries: null } }).maxRetries, Number.POSITIVE_INFINITY)
    assert.equal(optionsOf({ '*': { retry_kwargs: { max_retries: 7 } } }).retryKwargs.maxRetries, 7)
  })

  test('may be objects that are asked [10-052]', () => {
    const annotation = {
      annotate: ({ name, options }: { name: string; options: UserTaskOptions }) =>
        name === 't.add' ? { time_limit: options.timeLimit === 60 ? 3 : 4 } : null,
      annotateAny: () => ({ rate_limit: '10/m' }),
    }
    const options = optionsOf(annotation, { timeLimit: 60 })
    assert.equal(options.timeLimit, 3000)
    assert.equal(options.rateLimit, '10/m')
  })

  test('may be the name of a class that is made when it is needed [10-053]', () => {
    const file = new URL('fixtures/annotation.ts', import.meta.url).pathname
    assert.equal(optionsOf([`${file}#Slow`]).rateLimit, '1/h')
    assert.throws(() => optionsOf([`${file}#Fast`]), /taskAnnotations: .* exports no 'Fast'/)
  })

  test('of a list: the first hit for the name, and the first for all [10-054]', () => {
    const options = optionsOf([
      { other: { max_retries: 1 } },
      { 't.add': { max_retries: 2 } },
      { 't.add': { max_retries: 3, time_limit: 5 }, '*': { priority: 4 } },
      { '*': { priority: 5 } },
    ])
    assert.equal(options.maxRetries, 2)
    assert.equal(options.timeLimit, undefined)
    assert.equal(options.publish['priority'], 4)
  })

  test('replace handlers, and wrap handlers and the body [10-051 10-055]', async () => {
    const log: unknown[] = []
    const app = createTestApp({
      taskAlwaysEager: true,
      taskAnnotations: {
        't.add': {
          on_success: (_self: unknown, value: number) => log.push(['success', value]),
          '@run': (run: (x: number) => number) => (x: number) => run(x) * 10,
          '@after_return':
            (original: (...args: unknown[]) => unknown) =>
            async (...args: unknown[]) => {
              log.push('before')
              await original(...args)
              log.push('after')
            },
        },
      },
    })
    const add = app.task(
      't.add',
      { onSuccess: () => log.push('own'), afterReturn: () => log.push('own return') },
      (x: number) => x + 1,
    )
    assert.equal(await add.delay(1).get(), 20)
    assert.deepEqual(log, [['success', 20], 'before', 'own return', 'after'])
  })

  test('that cannot be are refused [10-051]', () => {
    assert.throws(() => optionsOf({ 't.add': { '@rnu': () => 1 } }), /'@rnu'.*cannot be wrapped/)
    assert.throws(() => optionsOf({ 't.add': { '@run': 1 } }), ImproperlyConfigured)
  })
})
