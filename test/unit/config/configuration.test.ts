import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConfigurationOptions } from '../../../src/config/configuration.ts'
import { Configuration } from '../../../src/config/configuration.ts'
import type { UserSettings } from '../../../src/config/settings.ts'
import { settingNames } from '../../../src/config/settings.ts'
import { ImproperlyConfigured } from '../../../src/errors.ts'
import { systemZone } from '../../../src/util/timezone.ts'

function configure(settings: UserSettings = {}, options: ConfigurationOptions = {}): Configuration {
  return new Configuration(settings, { environment: {}, ...options })
}

test('settings are read and changed as properties, in both spellings, by get, set, update and unset [1-226]', () => {
  const conf = configure()
  assert.equal(conf.taskSerializer, 'json')
  conf.taskSerializer = 'yaml'
  assert.equal(conf.task_serializer, 'yaml')
  conf.task_acks_late = true
  assert.equal(conf.taskAcksLate, true)
  conf.update({ result_expires: '1h', workerConcurrency: 3 })
  assert.deepEqual([conf.resultExpires, conf.get('worker_concurrency')], [3600, 3])
  conf.set('CELERY_TASK_SERIALIZER', 'msgpack')
  assert.equal(conf.get('taskSerializer'), 'msgpack')
  assert.equal(conf.unset('task_serializer'), 'msgpack')
  assert.equal(conf.taskSerializer, 'json')
  assert.equal(conf.first('workerStateDb', 'taskCompression', 'taskDefaultQueue'), 'celery')
  assert.equal(conf.setDefault('taskCompression', 'gzip'), 'gzip')
  assert.equal(conf.setDefault('task_compression', 'zstd'), 'gzip')
  assert.ok('taskCompression' in conf && 'task_compression' in conf && !('nonsense' in conf))
  assert.equal(new Map(conf).get('task_compression'), 'gzip')
  assert.equal([...conf].length, settingNames.length)
})

test('unknown names and wrong values are refused wherever they are set', () => {
  const conf = configure()
  assert.throws(() => conf.set('nonsense', 1), ImproperlyConfigured)
  assert.throws(() => conf.get('taskSerialiser'), /did you mean "taskSerializer"/)
  assert.throws(() => conf.set('taskAcksLate', 1), /conf: taskAcksLate .* must be true or false, not 1/)
  const misspelt: Record<string, unknown> = { taskSerialiser: 'json' }
  assert.throws(() => conf.update(misspelt), /conf\.update: there is no setting 'taskSerialiser'/)
  assert.throws(() => configure(misspelt), /Celery: there is no setting 'taskSerialiser'/)
  assert.throws(() => conf.addDefaults(misspelt), /addDefaults: there is no setting/)
  const pending = configure()
  pending.addDefaults(misspelt)
  assert.throws(() => pending.taskSerializer, /addDefaults: there is no setting/)
})

test('an unknown setting that Celery ignores is an error here, but the one its guide names has a meaning [1-216]', () => {
  const conf = configure({ visibilityTimeout: '1h' })
  assert.deepEqual(conf.brokerTransportOptions, { visibility_timeout: 3600 })
  conf.brokerTransportOptions = { visibility_timeout: 5 }
  assert.deepEqual(conf.brokerTransportOptions, { visibility_timeout: 5 })
})

test('layers: defaults < addDefaults, the last first < object < changes and the constructor [1-233, 1-234, 1-243]', () => {
  const conf = configure({ taskSerializer: 'constructor' })
  const all = (value: string) => ({ taskSerializer: value, resultSerializer: value, eventSerializer: value })
  conf.addDefaults({ ...all('first'), taskDefaultQueue: 'first', taskDefaultExchange: 'first' })
  conf.addDefaults(() => ({ ...all('second'), taskDefaultQueue: 'second' }))
  conf.configFromObject({ taskSerializer: 'object', resultSerializer: 'object', eventSerializer: 'object' })
  conf.eventSerializer = 'change'
  assert.equal(conf.taskSerializer, 'constructor')
  assert.equal(conf.eventSerializer, 'change')
  assert.equal(conf.resultSerializer, 'object')
  assert.equal(conf.taskDefaultQueue, 'second')
  assert.equal(conf.taskDefaultExchange, 'first')
  assert.equal(conf.taskAcksLate, false)
  conf.addDefaults({ taskDefaultQueue: 'third' })
  assert.equal(conf.taskDefaultQueue, 'third')
})

test('the environment has the last word on broker and result backend [1-234, 1-235, 1-236]', () => {
  const settings = {
    brokerUrl: 'redis://conf',
    brokerReadUrl: 'redis://read',
    resultBackend: 'redis://results',
  }
  const plain = configure(settings)
  assert.deepEqual(
    [plain.brokerUrl, plain.brokerReadUrl, plain.brokerWriteUrl, plain.resultBackend],
    ['redis://conf', 'redis://read', 'redis://conf', 'redis://results'],
  )
  const environment: Record<string, string> = {
    CELERY_BROKER_URL: 'amqp://env',
    CELERY_RESULT_BACKEND: 'rpc://',
    CELERY_BROKER_WRITE_URL: 'amqp://write',
  }
  const overridden = configure(settings, { environment })
  overridden.brokerUrl = 'redis://changed'
  assert.deepEqual(
    [overridden.brokerUrl, overridden.brokerReadUrl, overridden.brokerWriteUrl, overridden.resultBackend],
    ['amqp://env', 'redis://read', 'amqp://write', 'rpc://'],
  )
  environment['CELERY_BROKER_READ_URL'] = 'amqp://read'
  environment['CELERY_RESULT_BACKEND'] = ''
  overridden.refresh()
  assert.equal(overridden.brokerReadUrl, 'amqp://read')
  assert.equal(overridden.resultBackend, 'redis://results')
  assert.ok(configure({}, { environment: { CELERY_BROKER_URL: 'amqp://env' } }).has('brokerUrl'))
})

test('several URLs are one text, separated by semicolons [1-013]', () => {
  assert.equal(
    configure({ brokerUrl: ['amqp://a', 'amqp://b; amqp://c'] }).brokerUrl,
    'amqp://a;amqp://b;amqp://c',
  )
  assert.equal(configure({ brokerUrl: 'amqp://a;amqp://b' }).brokerReadUrl, 'amqp://a;amqp://b')
})

test('without any broker the embedded one is used, and for results too; a broker alone keeps no results', () => {
  const nothing = configure()
  assert.deepEqual(
    [nothing.brokerUrl, nothing.brokerReadUrl, nothing.resultBackend],
    Array(3).fill('sqlite://'),
  )
  assert.equal(configure({ brokerUrl: 'redis://' }).resultBackend, null)
  assert.equal(configure({ brokerWriteUrl: 'redis://' }).resultBackend, null)
  assert.equal(configure({ resultBackend: null }).resultBackend, null)
  assert.equal(configure({ resultBackend: 'redis://' }).brokerUrl, 'sqlite://')
})

test('the parts of a URL that are settings of their own fill its gaps [1-031, 1-032, 1-033, 1-034, 1-035, 1-016, 1-236]', () => {
  const legacy: [UserSettings, string][] = [
    [{ brokerHost: 'rabbit' }, 'amqp://rabbit'],
    [{ brokerHost: 'redis://h:1/2' }, 'redis://h:1/2'],
    [
      { brokerHost: 'rabbit', brokerPort: 5673, brokerUser: 'me', brokerPassword: 'p@ss', brokerVhost: 'v' },
      'amqp://me:p%40ss@rabbit:5673/v',
    ],
    [{ brokerUrl: 'amqp://a:b@h:1/c', brokerUser: 'x', brokerPort: 2, brokerVhost: 'y' }, 'amqp://a:b@h:1/c'],
    [{ brokerUrl: 'amqp://h?heartbeat=5', brokerUser: 'x' }, 'amqp://x@h/?heartbeat=5'],
    [{ brokerUrl: 'redis://h;redis://i', brokerPassword: 's' }, 'redis://:s@h/;redis://:s@i/'],
    [{ brokerUrl: 'amqp://h', brokerTransport: 'redis' }, 'redis://h/'],
    [{ brokerTransport: 'memory' }, 'memory:///'],
    [{ brokerPassword: 's' }, 'amqp://:s@localhost/'],
  ]
  for (const [settings, url] of legacy) assert.equal(configure(settings).brokerUrl, url)
})

test('settings that follow from others [1-143, 1-145, 1-020, 1-213, 1-205]', () => {
  const conf = configure({ taskDefaultQueue: 'mine', gcsProject: 'p', cassandraBundlePath: 'b' })
  assert.deepEqual([conf.taskDefaultExchange, conf.taskDefaultRoutingKey], ['mine', 'mine'])
  assert.equal(conf.brokerConnectionRetryOnStartup, true)
  assert.equal(configure({ brokerConnectionRetry: false }).brokerConnectionRetryOnStartup, false)
  assert.equal(configure({ brokerConnectionRetryOnStartup: false }).brokerConnectionRetryOnStartup, false)
  assert.equal(conf.firestoreProject, 'p')
  assert.equal(conf.cassandraSecureBundlePath, 'b')
})

test('the time zone is the one that is set, or UTC, or that of the machine [1-246, 1-006, 1-214]', () => {
  assert.equal(configure().timezone, 'UTC')
  assert.equal(configure({ enableUtc: false }).timezone, systemZone())
  assert.equal(configure({ timezone: 'Europe/Oslo', enableUtc: false }).timezone, 'Europe/Oslo')
  const django = configure()
  django.configFromObject({ TIME_ZONE: 'Asia/Tokyo' })
  assert.equal(django.timezone, 'Asia/Tokyo')
})

test('a snapshot stays the same object until something changes, and is frozen', () => {
  const conf = configure()
  const before = conf.resolved()
  assert.equal(conf.resolved(), before)
  assert.ok(Object.isFrozen(before))
  conf.taskAcksLate = true
  assert.notEqual(conf.resolved(), before)
  assert.equal(before.taskAcksLate, false)
})

test('whoever listens hears of each change once, and the version grows', () => {
  const conf = configure()
  conf.resolved()
  const heard: number[] = []
  const stop = conf.onChange(() => heard.push(conf.version))
  const start = conf.version
  conf.update({ taskAcksLate: true, taskSerializer: 'yaml' })
  conf.taskTrackStarted = true
  conf.update({})
  stop()
  conf.taskTrackStarted = false
  assert.deepEqual(heard, [start + 1, start + 2])
})

test('words of the command line are settings [1-231, 6-024]', () => {
  const conf = configure()
  const words = [
    'broker.pool_limit=5',
    'task_acks_late=yes',
    '.prefetch_multiplier=2',
    '_concurrency=(int)7',
    'TASK.DEFAULT_QUEUE=a=b',
    'resultExpires=5m',
    'task_routes=(dict){"a": "b"}',
    'timezone=Europe/Oslo',
  ]
  conf.configFromWords(words, 'worker')
  assert.deepEqual(conf.withoutDefaults(), {
    timezone: 'Europe/Oslo',
    brokerPoolLimit: 5,
    resultExpires: 300,
    taskAcksLate: true,
    taskDefaultQueue: 'a=b',
    taskRoutes: { a: 'b' },
    workerConcurrency: 7,
    workerPrefetchMultiplier: 2,
  })
  conf.configFromWords(['.default_queue=x'], 'task')
  conf.configFromWords(['.timezone=UTC'])
  assert.deepEqual([conf.taskDefaultQueue, conf.timezone], ['x', 'UTC'])
  assert.throws(
    () => conf.configFromWords(['.concurrency=many'], 'worker'),
    /'\.concurrency': workerConcurrency .* not 'many'/,
  )
  assert.throws(
    () => conf.configFromWords(['.concurency=1'], 'worker'),
    /no setting 'worker_concurency' \(did you mean/,
  )
  assert.throws(() => conf.configFromWords(['worker']), /'worker' is no setting: write key=value/)
})

test('without defaults only what somebody has set is there [1-241]', () => {
  const conf = configure({ taskSerializer: 'json' })
  conf.addDefaults({ taskAcksLate: true })
  conf.configFromObject({ eventSerializer: 'json' })
  assert.deepEqual(conf.withoutDefaults(), {
    eventSerializer: 'json',
    taskAcksLate: true,
    taskSerializer: 'json',
  })
  assert.ok(conf.has('task_serializer') && conf.has('CELERY_ACKS_LATE') && !conf.has('resultSerializer'))
  assert.equal(conf.has('nonsense'), false)
  assert.deepEqual(Object.keys(conf.table()), ['event_serializer', 'task_acks_late', 'task_serializer'])
  assert.equal(Object.keys(conf.table({ withDefaults: true })).length, settingNames.length)
})

test('passwords and keys are hidden where settings are shown [1-242]', () => {
  const conf = configure({
    brokerUrl: ['redis://:secret@a//', 'redis://u:secret@b'],
    brokerReadUrl: 'amqp://u:secret@h',
    resultBackend: 'redis://:secret@c',
    redisPassword: 'secret',
    s3AccessKeyId: 'secret',
    s3SecretAccessKey: 'secret',
    securityKeyPassword: 'secret',
    databaseTableNames: { task: 'secret' },
    databaseUrl: 'secret',
    mongodbBackendSettings: { host: 'h', password: 'secret', options: { token: 'secret' } },
    brokerTransportOptions: { sentinel_kwargs: { password: 'secret' }, visibility_timeout: 5 },
  })
  const text = conf.humanize()
  assert.doesNotMatch(text.replace(/^database_table_names.*$/m, ''), /[^_]secret/)
  const table = conf.table()
  assert.equal(table['broker_url'], 'redis://:********@a//;redis://u:********@b')
  assert.equal(table['result_backend'], 'redis://:********@c')
  assert.equal(table['redis_password'], '********')
  assert.deepEqual(table['broker_transport_options'], {
    sentinel_kwargs: { password: '********' },
    visibility_timeout: 5,
  })
  assert.match(text, /^broker_url: 'redis:\/\/:\*{8}@a\/\/;redis:\/\/u:\*{8}@b'$/m)
  assert.equal(conf.table({ censored: false })['redis_password'], 'secret')
  assert.match(conf.humanize({ censored: false, withDefaults: true }), /^redis_password: 'secret'$/m)
})

test('warnings of all layers are gathered [1-238, 1-239]', () => {
  const conf = configure({ taskAcksOnFailureOrTimeout: false })
  conf.configFromObject({ CELERY_TASK_SERIALIZER: 'json' })
  assert.equal(conf.warnings.length, 2)
})

test('changes that are plain data can be told to child processes [1-247]', () => {
  class Schedule {
    isDue(): boolean {
      return true
    }
  }
  const changes = {
    taskRoutes: { 'feed.*': { queue: 'feeds' } },
    securityKeyPassword: 'secret',
    taskTimeLimit: '5m',
    include: ['proj.tasks'],
  }
  const conf = configure({
    ...changes,
    brokerFailoverStrategy: (urls: readonly string[]) => urls,
    beatSchedule: { add: { task: 'tasks.add', schedule: new Schedule() } },
  })
  conf.configFromObject({ resultSerializer: 'yaml' })
  conf.configFromWords(['.concurrency=4'], 'worker')
  const child = configure()
  child.update(structuredClone(conf.plainChanges()))
  assert.deepEqual(child.withoutDefaults(), configure({ ...changes, workerConcurrency: 4 }).withoutDefaults())
})
