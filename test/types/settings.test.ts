/** The types of settings. What is said here is checked by the compiler; running it proves nothing more. */

import { test } from 'node:test'
import { expectTypeOf } from 'expect-type'
import { Configuration } from '../../src/config/configuration.ts'
import type { BeatScheduleEntry, RetryPolicyValue } from '../../src/config/setting-values.ts'
import type { SettingRow } from '../../src/config/settings/setting-row.ts'
import type {
  SettingName,
  Settings,
  SettingsTable,
  SnakeCase,
  UserSettings,
} from '../../src/config/settings.ts'
import type { Duration } from '../../src/util/duration.ts'

type Keys<Table> = { [Name in keyof Table]: keyof Table[Name] }[keyof Table]

test('types of settings [1-226]', () => {
  // Every line of the table is a SettingRow and has no other keys.
  expectTypeOf<SettingsTable>().toExtend<Record<SettingName, SettingRow>>()
  expectTypeOf<Keys<SettingsTable>>().toExtend<keyof SettingRow>()

  // Names in snake case follow from those in camel case.
  expectTypeOf<SnakeCase<'s3AccessKeyId'>>().toEqualTypeOf<'s3_access_key_id'>()
  expectTypeOf<SnakeCase<'timezone'>>().toEqualTypeOf<'timezone'>()

  // What others read: everything there, lengths of time in seconds, null only where it means something.
  expectTypeOf<Settings['taskAcksLate']>().toEqualTypeOf<boolean>()
  expectTypeOf<Settings['taskTimeLimit']>().toEqualTypeOf<number | null>()
  expectTypeOf<Settings['resultExpires']>().toEqualTypeOf<number | null>()
  expectTypeOf<Settings['publishTimeout']>().toEqualTypeOf<number | null>()
  expectTypeOf<Settings['brokerUrl']>().toEqualTypeOf<string>()
  expectTypeOf<Settings['taskDefaultExchange']>().toEqualTypeOf<string>()
  expectTypeOf<Settings['taskProtocol']>().toEqualTypeOf<1 | 2>()
  expectTypeOf<Settings['acceptContent']>().toEqualTypeOf<readonly string[]>()
  expectTypeOf<Settings['beatSchedule']>().toEqualTypeOf<Readonly<Record<string, BeatScheduleEntry>>>()
  expectTypeOf<Settings['taskPublishRetryPolicy']>().toEqualTypeOf<RetryPolicyValue>()
  expectTypeOf<Settings['securityKeyPassword']>().toEqualTypeOf<Uint8Array | null>()
  expectTypeOf<Settings['workerUid']>().toEqualTypeOf<number | string | null>()
  expectTypeOf<Settings['brokerUseSsl']>().toEqualTypeOf<boolean | Readonly<Record<string, unknown>> | null>()
  expectTypeOf<Settings['timezone']>().toEqualTypeOf<string>()

  // What users write: both spellings, durations with units, nothing required.
  expectTypeOf<UserSettings['taskTimeLimit']>().toEqualTypeOf<Duration | null | undefined>()
  expectTypeOf<UserSettings['task_time_limit']>().toEqualTypeOf<Duration | null | undefined>()
  expectTypeOf<UserSettings['brokerUrl']>().toEqualTypeOf<
    string | readonly string[] | ReadonlySet<string> | null | undefined
  >()
  expectTypeOf({}).toExtend<UserSettings>()

  const accepted: UserSettings = {
    brokerUrl: process.env['BROKER'],
    task_serializer: 'msgpack',
    resultExpires: { days: 1 },
    publishTimeout: '250ms',
    taskRoutes: { 'feed.*': 'feeds', 'web.*': { queue: 'web', routing_key: 'web.import' } },
    beatSchedule: { add: { task: 'tasks.add', schedule: 30, args: [1, 2] } },
    taskAnnotations: { '*': { rateLimit: '10/s' } },
    acceptContent: new Set(['json', 'yaml']),
    securityKeyPassword: 'secret',
    taskPublishRetryPolicy: { maxRetries: 5 },
    brokerTransportOptions: { visibilityTimeout: 60 },
  }
  void accepted

  // @ts-expect-error misspelt
  void ({ taskSerialiser: 'json' } satisfies UserSettings)
  // @ts-expect-error a text is no number
  void ({ workerConcurrency: '4' } satisfies UserSettings)
  // @ts-expect-error there is no protocol 3
  void ({ taskProtocol: 3 } satisfies UserSettings)
  // @ts-expect-error null means nothing here
  void ({ taskSerializer: null } satisfies UserSettings)
  // @ts-expect-error snake case is checked as well
  void ({ task_acks_late: 'yes' } satisfies UserSettings)

  // A configuration has a property for each, in both spellings, to read and to assign.
  const conf = new Configuration()
  expectTypeOf(conf.taskSerializer).toEqualTypeOf<string>()
  expectTypeOf(conf.task_time_limit).toEqualTypeOf<number | null>()
  expectTypeOf(conf.get('taskProtocol')).toEqualTypeOf<1 | 2>()
  expectTypeOf(conf.get('task_protocol')).toEqualTypeOf<unknown>()
  conf.taskSerializer = 'yaml'
  conf.task_acks_late = true
  // @ts-expect-error a number is no text
  void (() => (conf.taskSerializer = 5))
  // @ts-expect-error misspelt
  void conf.taskSerialiser
})
