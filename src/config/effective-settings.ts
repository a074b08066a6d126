/** What follows from settings together: the environment wins, gaps are filled from other settings. */

import { isRecord } from '../util/is-record.ts'
import { systemZone } from '../util/timezone.ts'
import { buildUrl, parseUrl, splitUrls } from '../util/url.ts'
import type { SettingValues } from './normalize.ts'
import type { SettingName, Settings } from './settings.ts'
import { settingNames, settingRow } from './settings.ts'

/** Variables of the environment. */
export type Environment = Readonly<Record<string, string | undefined>>

/** URL of the broker, and of the result backend, that are there without any configuration: a file of SQLite. */
const EMBEDDED_URL = 'sqlite://'

/** Settings that a variable of the environment overrides, whatever was configured. */
const ENVIRONMENT: ReadonlyMap<SettingName, string> = new Map([
  ['brokerUrl', 'CELERY_BROKER_URL'],
  ['brokerReadUrl', 'CELERY_BROKER_READ_URL'],
  ['brokerWriteUrl', 'CELERY_BROKER_WRITE_URL'],
  ['resultBackend', 'CELERY_RESULT_BACKEND'],
])

/** Legacy settings that make a URL when there is none. */
const URL_PARTS = [
  'brokerHost',
  'brokerPort',
  'brokerUser',
  'brokerPassword',
  'brokerVhost',
  'brokerTransport',
] as const

/**
 * The value of every setting.
 *
 * - Broker: `CELERY_BROKER_URL`, `brokerUrl`, the URL made of `brokerHost` and its like, or the embedded broker; the
 *   URLs for reading and writing likewise, with the former as what they fall back on.
 * - Result backend: `CELERY_RESULT_BACKEND`, `resultBackend`, or the embedded one when no broker is configured either.
 *
 * @param values what was given, by whomever; other settings have their defaults.
 */
export function effectiveSettings(values: SettingValues, environment: Environment): Settings {
  const all: Record<string, unknown> = {}
  for (const name of settingNames) {
    const value = values.get(name)
    all[name] = value === undefined ? settingRow(name).default : value
  }
  Object.assign(all, effectiveUrls(values, environment))
  all['brokerConnectionRetryOnStartup'] ??= all['brokerConnectionRetry']
  all['taskDefaultExchange'] ??= all['taskDefaultQueue']
  all['taskDefaultRoutingKey'] ??= all['taskDefaultQueue']
  all['timezone'] ??= all['enableUtc'] === true ? 'UTC' : systemZone()
  all['firestoreProject'] ??= all['gcsProject']
  all['cassandraSecureBundlePath'] ??= all['cassandraBundlePath']
  if (all['visibilityTimeout'] !== null && isRecord(all['brokerTransportOptions'])) {
    all['brokerTransportOptions'] = {
      visibility_timeout: all['visibilityTimeout'],
      ...all['brokerTransportOptions'],
    }
  }
  assertComplete(all)
  return Object.freeze(all)
}

/** Names of the settings whose value comes from the environment. */
export function namesInEnvironment(environment: Environment): SettingName[] {
  return [...ENVIRONMENT].filter(([, variable]) => environment[variable]).map(([name]) => name)
}

function effectiveUrls(values: SettingValues, environment: Environment): Record<string, unknown> {
  const given = (name: SettingName): unknown => {
    const variable = ENVIRONMENT.get(name)
    // An empty variable counts as none.
    return (variable !== undefined && environment[variable]) || values.get(name)
  }
  const urlOf = (name: SettingName): string | undefined => joinUrls(given(name))
  const base = urlOf('brokerUrl') ?? urlOfParts(values)
  const read = urlOf('brokerReadUrl')
  const write = urlOf('brokerWriteUrl')
  const complete = (url: string): string => completeUrls(url, values)
  const isEmbedded = base === undefined && read === undefined && write === undefined
  const brokerUrl = complete(base ?? write ?? read ?? EMBEDDED_URL)
  const backend = given('resultBackend')
  return {
    brokerUrl,
    brokerReadUrl: read === undefined ? brokerUrl : complete(read),
    brokerWriteUrl: write === undefined ? brokerUrl : complete(write),
    resultBackend: backend === undefined ? (isEmbedded ? EMBEDDED_URL : null) : backend,
  }
}

function joinUrls(value: unknown): string | undefined {
  if (typeof value !== 'string' && !Array.isArray(value)) return undefined
  const urls = splitUrls(typeof value === 'string' ? value : value.map(String))
  return urls.length === 0 ? undefined : urls.join(';')
}

/** The URL that `brokerHost` is, or that it and its like are the parts of; `undefined` when none of them is set. */
function urlOfParts(values: SettingValues): string | undefined {
  if (!URL_PARTS.some((name) => values.get(name) != null)) return undefined
  const host = values.get('brokerHost')
  if (typeof host === 'string' && host.includes('://')) return joinUrls(host)
  const transport = values.get('brokerTransport')
  const scheme = typeof transport === 'string' ? transport : 'amqp'
  const name = typeof host === 'string' ? host : ''
  if (scheme === 'amqp' && name === '') return 'amqp://localhost'
  return `${scheme}://${name}`
}

/** Puts the legacy parts into URLs that lack them, and the transport in the place of their scheme. */
function completeUrls(urls: string, values: SettingValues): string {
  if (!URL_PARTS.some((name) => name !== 'brokerHost' && values.get(name) != null)) return urls
  return splitUrls(urls)
    .map((url) => completeUrl(url, values))
    .join(';')
}

function completeUrl(url: string, values: SettingValues): string {
  const textOf = (name: SettingName): string | undefined => {
    const value = values.get(name)
    return typeof value === 'string' ? value : undefined
  }
  const port = values.get('brokerPort')
  const parts = parseUrl(url)
  const query = url.indexOf('?')
  return (
    buildUrl({
      ...parts,
      scheme: textOf('brokerTransport') ?? parts.scheme,
      port: parts.port ?? (typeof port === 'number' ? port : undefined),
      username: parts.username ?? textOf('brokerUser'),
      password: parts.password ?? textOf('brokerPassword'),
      path: parts.path ?? textOf('brokerVhost'),
    }) + (query < 0 ? '' : url.slice(query))
  )
}

/** Every value was checked when it was given, and the table gives the rest. */
function assertComplete(all: Record<string, unknown>): asserts all is Settings {
  for (const name of settingNames) {
    if (all[name] === undefined) throw new Error(`The setting ${name} has no value`)
  }
}
