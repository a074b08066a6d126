import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normalizeSettings } from '../../../src/config/normalize.ts'
import { castExplicitly, castSettingValue } from '../../../src/config/setting-value.ts'
import type { SettingName } from '../../../src/config/settings.ts'
import { ImproperlyConfigured } from '../../../src/errors.ts'

function normalize(
  source: Record<string, unknown>,
  options: { namespace?: string; skipFunctions?: boolean } = {},
) {
  const { values } = normalizeSettings(source, { origin: 'test', ...options })
  return Object.fromEntries(values)
}

function refuses(act: () => unknown, pattern: RegExp): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof ImproperlyConfigured, String(error))
    assert.match(error.message, pattern)
    return true
  })
}

test('names in camel case, snake case and the old style become one', () => {
  assert.deepEqual(normalize({ taskSerializer: 'yaml', result_serializer: 'json' }), {
    taskSerializer: 'yaml',
    resultSerializer: 'json',
  })
  assert.deepEqual(
    normalize({ CELERY_TASK_SERIALIZER: 'yaml', CELERYD_CONCURRENCY: 2, BROKER_POOL_LIMIT: 3 }),
    {
      taskSerializer: 'yaml',
      workerConcurrency: 2,
      brokerPoolLimit: 3,
    },
  )
})

test('undefined counts as not given', () => {
  assert.deepEqual(normalize({ brokerUrl: undefined, nonsense: undefined }), {})
})

test('an unknown setting is refused with what may have been meant', () => {
  refuses(
    () => normalize({ taskSerialiser: 'json' }),
    /no setting 'taskSerialiser' \(did you mean "taskSerializer"\?\)/,
  )
  refuses(() => normalize({ task_serialiser: 'json' }), /did you mean "task_serializer"\?/)
  refuses(() => normalize({ CELERY_TASK_SERIALISER: 'json' }), /did you mean "CELERY_TASK_SERIALIZER"\?/)
  refuses(() => normalize({ a_b_c_d: 1, taskAcksLat: true }), /'a_b_c_d'; there is no setting 'taskAcksLat'/)
})

test('old and new names mixed are refused with what to rename, by majority [1-237]', () => {
  refuses(
    () => normalize({ CELERY_ACCEPT_CONTENT: ['json'], task_serializer: 'json', result_serializer: 'json' }),
    /Rename these to the new style:\n {2}CELERY_ACCEPT_CONTENT +-> accept_content$/,
  )
  refuses(
    () => normalize({ CELERY_ACCEPT_CONTENT: ['json'], CELERY_IMPORTS: [], result_serializer: 'json' }),
    /to the old style, or better all others to the new one:\n {2}result_serializer +-> CELERY_RESULT_SERIALIZER$/,
  )
  refuses(
    () => normalize({ CELERY_ACCEPT_CONTENT: ['json'], taskSerializer: 'json' }),
    /CELERY_ACCEPT_CONTENT +-> acceptContent$/,
  )
})

test('a setting under both its old and its new name is no mixture; the new one counts [1-237]', () => {
  assert.deepEqual(normalize({ CELERY_TASK_RESULT_EXPIRES: 1, result_expires: 2, task_serializer: 'json' }), {
    resultExpires: 2,
    taskSerializer: 'json',
  })
  assert.deepEqual(normalize({ result_expires: 2, CELERY_TASK_RESULT_EXPIRES: 1 }), { resultExpires: 2 })
})

test("Django's TIME_ZONE goes with either style [1-214]", () => {
  assert.deepEqual(normalize({ TIME_ZONE: 'Europe/Oslo', task_serializer: 'json' }), {
    timezone: 'Europe/Oslo',
    taskSerializer: 'json',
  })
})

test('a variable of the Django integration is known and has no effect [1-215]', () => {
  assert.deepEqual(normalize({ CELERY_DB_REUSE_MAX: 5 }), {})
})

test('the same setting in both spellings is refused', () => {
  refuses(
    () => normalize({ taskSerializer: 'json', task_serializer: 'yaml' }),
    /given twice, as taskSerializer and as task_serializer/,
  )
})

test('with a namespace only its keys are read, whatever their style [1-229]', () => {
  const source = {
    CELERY_TASK_SERIALIZER: 'yaml',
    CELERY_BROKER_URL: 'redis://',
    DEBUG: true,
    task_acks_late: 'x',
  }
  assert.deepEqual(normalize(source, { namespace: 'CELERY' }), {
    taskSerializer: 'yaml',
    brokerUrl: 'redis://',
  })
  assert.deepEqual(normalize({ celery_broker_url: 'redis://' }, { namespace: 'celery' }), {
    brokerUrl: 'redis://',
  })
  refuses(
    () => normalize({ CELERY_TASK_SERIALISER: 'json' }, { namespace: 'CELERY_' }),
    /no setting 'CELERY_TASK_SERIALISER'/,
  )
})

test('functions are passed over where a module or a class is read, unless they are settings', () => {
  const route = () => 'queue'
  assert.deepEqual(normalize({ helper: () => 1, taskRoutes: route }, { skipFunctions: true }), {
    taskRoutes: route,
  })
  refuses(() => normalize({ helper: () => 1 }), /no setting 'helper'/)
})

test('old names and deprecated settings are warned of [1-238, 1-239]', () => {
  const { warnings } = normalizeSettings({ CELERY_TASK_SERIALIZER: 'json' }, { origin: 'conf.py' })
  assert.deepEqual(warnings, [
    "conf.py: CELERY_TASK_SERIALIZER is the old name of task_serializer; Celery 6 won't know it any more",
  ])
  const deprecated = normalizeSettings({ taskAcksOnFailureOrTimeout: true }, { origin: 'x' }).warnings
  assert.match(
    deprecated.join(),
    /task_acks_on_failure_or_timeout is deprecated .* use taskAcksOnFailure and taskAcksOnTimeout/,
  )
})

test('values of the wrong type are refused with value, setting and remedy', () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ taskAcksLate: 'yes' }, /test: taskAcksLate \(task_acks_late\) must be true or false, not 'yes'/],
    [{ worker_concurrency: '4' }, /must be a whole number or null, not '4'/],
    [{ workerConcurrency: 1.5 }, /not 1\.5/],
    [{ taskSerializer: null }, /must be a text, not null/],
    [
      { resultExpires: 'soon' },
      /must be seconds, or a text with a unit such as '250ms' or '5m' or null, not 'soon'/,
    ],
    [{ acceptContent: ['json', 5] }, /must be a list of texts, not the list \["json",5\]/],
    [{ taskProtocol: 3 }, /must be 1 or 2, not 3/],
    [{ beatSchedule: [] }, /must be a dict/],
    [{ brokerFailoverStrategy: 5 }, /must be a text, a function or null, not 5/],
    [{ brokerUseSsl: () => 1 }, /not the function brokerUseSsl/],
  ]
  for (const [source, pattern] of cases) refuses(() => normalize(source), pattern)
})

test('lengths of time become seconds, sets and single texts lists, texts bytes', () => {
  assert.deepEqual(
    normalize({
      resultExpires: { days: 1 },
      taskTimeLimit: '1m30s',
      publishTimeout: '250ms',
      acceptContent: new Set(['json', 'yaml']),
      imports: 'proj.tasks',
      brokerTransportOptions: { visibilityTimeout: 5, queue_order_strategy: 'sorted' },
      taskPublishRetryPolicy: { maxRetries: null },
    }),
    {
      resultExpires: 86_400,
      taskTimeLimit: 90,
      publishTimeout: 0.25,
      acceptContent: ['json', 'yaml'],
      imports: ['proj.tasks'],
      brokerTransportOptions: { visibility_timeout: 5, queue_order_strategy: 'sorted' },
      taskPublishRetryPolicy: { max_retries: null },
    },
  )
  assert.deepEqual(
    normalize({ securityKeyPassword: 'é' })['securityKeyPassword'],
    new TextEncoder().encode('é'),
  )
})

test('texts from the command line are cast to the type of their setting [1-240]', () => {
  const cases: [SettingName, string, unknown][] = [
    ['taskSerializer', 'yaml', 'yaml'],
    ['workerConcurrency', '8', 8],
    ['resultBackendMaxRetries', 'inf', Number.POSITIVE_INFINITY],
    ['brokerHeartbeatCheckrate', '2.5', 2.5],
    ['resultExpires', '5m', 300],
    ['resultExpires', '12', 12],
    ['resultExpires', 'none', null],
    ['taskAcksLate', 'true', true],
    ['taskAcksLate', 'Yes', true],
    ['taskAcksLate', '1', true],
    ['taskAcksLate', 'on', true],
    ['taskAcksLate', 'false', false],
    ['taskAcksLate', 'no', false],
    ['taskAcksLate', '0', false],
    ['taskAcksLate', 'off', false],
    ['imports', 'a, b', ['a', 'b']],
    ['imports', '["a"]', ['a']],
    ['brokerTransportOptions', '{"visibilityTimeout": 5}', { visibility_timeout: 5 }],
    ['brokerUseSsl', 'true', true],
    ['brokerUseSsl', '{"keyfile": "k"}', { keyfile: 'k' }],
    ['taskRoutes', 'proj.routers:route', 'proj.routers:route'],
    ['workerUid', '1000', 1000],
    ['workerUid', 'celery', 'celery'],
    ['taskDefaultDeliveryMode', 'transient', 'transient'],
    ['taskDefaultDeliveryMode', '1', 1],
  ]
  for (const [name, text, value] of cases) assert.deepEqual(castSettingValue(name, text, 'test'), value, name)
  refuses(
    () => castSettingValue('taskAcksLate', 'maybe', 'test'),
    /taskAcksLate .* must be true or false, not 'maybe'/,
  )
  refuses(() => castSettingValue('workerConcurrency', '1.5', 'test'), /whole number/)
  refuses(() => castSettingValue('brokerTransportOptions', '{', 'test'), /must be a dict/)
})

test('a text can say its type itself [1-231]', () => {
  assert.deepEqual(castExplicitly('(int)5', 'x'), { value: 5 })
  assert.deepEqual(castExplicitly('(bool)no', 'x'), { value: false })
  assert.deepEqual(castExplicitly('(tuple)["a", 1]', 'x'), { value: ['a', 1] })
  assert.deepEqual(castExplicitly('(dict){"a": 1}', 'x'), { value: { a: 1 } })
  assert.deepEqual(castExplicitly('(str)5', 'x'), { value: '5' })
  assert.equal(castExplicitly('5', 'x'), undefined)
  refuses(() => castExplicitly('(complex)5', 'x'), /no type \(complex\)/)
  refuses(() => castExplicitly('(int)five', 'x'), /'five' is no int/)
})
