import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { findSettingName, normalizeSettings } from '../../../src/config/normalize.ts'
import type { SettingName } from '../../../src/config/settings.ts'
import { oldNames, settingNames, settingRow, snakeCase } from '../../../src/config/settings.ts'
import { isRecord } from '../../../src/util/is-record.ts'

interface PythonSetting {
  readonly type: string
  readonly default: unknown
  readonly old: string
}

const VECTORS = new URL('../../wire/vectors/settings-defaults.json', import.meta.url)

/** Celery's own table: 198 names, types, defaults and old names. */
function pythonSettings(): Map<string, PythonSetting> {
  const { settings }: { settings: Record<string, PythonSetting> } = JSON.parse(readFileSync(VECTORS, 'utf8'))
  return new Map(Object.entries(settings))
}

const python = pythonSettings()

function settingOf(name: string): SettingName {
  const setting = findSettingName(name)
  assert.ok(setting, `no setting ${name}`)
  return setting
}

test('every setting of Celery is there with its default [1-001..1-198]', () => {
  assert.equal(python.size, 198)
  for (const [name, { default: expected }] of python) {
    const setting = settingOf(name)
    assert.equal(snakeCase(setting), name)
    const own = settingRow(setting).default
    assert.deepEqual(own === Number.POSITIVE_INFINITY ? 'inf' : own, expected, name)
  }
})

test('settings are of the types that Celery declares, where those are right [1-001..1-198]', () => {
  const same: Readonly<Record<string, readonly string[]>> = {
    string: ['string', 'class'],
    str: ['string'],
    int: ['int', 'duration', 'float'],
    float: ['float', 'duration'],
    bool: ['bool'],
    dict: ['dict', 'options', 'list'],
    list: ['texts'],
    tuple: ['texts'],
    any: ['any', 'function'],
    bytes: ['bytes'],
  }
  const better = [
    'cassandra_port',
    'cassandra_auth_kwargs',
    'task_default_delivery_mode',
    'task_default_priority',
  ]
  for (const [name, { type }] of python) {
    if (better.includes(name)) continue
    const own = settingRow(settingOf(name)).type
    const types: readonly string[] = typeof own === 'string' ? [own] : own
    assert.ok(
      types.some((each) => same[type]?.includes(each)),
      `${name}: ${type} in Celery, ${types} here`,
    )
  }
})

test('old names lead to the settings of today [1-237]', () => {
  for (const [name, { old }] of python) {
    assert.ok(oldNames(settingOf(name)).includes(old), `${old} is no old name of ${name}`)
    assert.equal(findSettingName(old), settingOf(name))
  }
})

test('defaults are values that their settings can have', () => {
  for (const name of settingNames) {
    const { default: value } = settingRow(name)
    const taken = normalizeSettings({ [name]: value }, { origin: 'test' }).values.get(name)
    assert.deepEqual(taken, value, name)
  }
})

test('settings that only the documents of Celery have are there, too [1-199..1-214]', () => {
  const daemon = ['logfile', 'pidfile', 'uid', 'gid', 'umask', 'executable']
  const names = ['worker', 'beat', 'events'].flatMap((program) => daemon.map((each) => `${program}_${each}`))
  const others: Readonly<Record<string, unknown>> = {
    cassandra_secure_bundle_path: null,
    override_backends: {},
    redis_backend_credential_provider: null,
    redis_backend_health_check_interval: null,
    redis_client_name: null,
    result_backend_thread_safe: false,
    dynamodb_endpoint_url: null,
    gcs_threadpool_maxsize: 10,
    firestore_project: null,
  }
  for (const name of names) assert.equal(settingRow(settingOf(name)).default, null)
  for (const [name, value] of Object.entries(others)) {
    assert.deepEqual(settingRow(settingOf(name)).default, value, name)
  }
  assert.equal(findSettingName('TIME_ZONE'), 'timezone')
})

test('where the documents of Celery and its code differ, the code holds [1-217, 1-218, 1-221, 1-222, 1-223, 1-224, 12-038, 12-048]', () => {
  const defaultOf = (name: string): unknown => settingRow(settingOf(name)).default
  assert.equal(defaultOf('broker_heartbeat_checkrate'), 3)
  assert.equal(defaultOf('broker_login_method'), null)
  const policy = defaultOf('task_publish_retry_policy')
  assert.equal(isRecord(policy) && policy['interval_max'], 1)
  assert.equal(defaultOf('result_backend_always_retry'), false)
  assert.equal(defaultOf('result_backend_max_retries'), Number.POSITIVE_INFINITY)
  assert.equal(defaultOf('event_queue_exclusive'), true)
  assert.equal(defaultOf('control_queue_exclusive'), true)
  assert.deepEqual(defaultOf('database_engine_options'), { pool_pre_ping: true, pool_recycle: 3600 })
})

test('names in snake case and in camel case lead to the same setting', () => {
  for (const name of settingNames) {
    assert.equal(findSettingName(name), name)
    assert.equal(findSettingName(snakeCase(name)), name)
  }
  assert.equal(findSettingName('s3_access_key_id'), 's3AccessKeyId')
  assert.equal(findSettingName('nonsense'), undefined)
})
