import { ImproperlyConfigured } from '../errors.ts'
import { didYouMean } from '../util/text.ts'
import type { Backend, BackendOptions } from './backend.ts'
import { backendUrl } from './backend-names.ts'
import { withSendableErrors } from './sendable-errors.ts'

type CreateBackend = (options: BackendOptions) => Promise<Backend>

/** Modules of the backends, by URL scheme (or alias); each is loaded when its scheme is first used. */
const BACKENDS: ReadonlyMap<string, () => Promise<CreateBackend>> = new Map([
  ['cache+memory', async () => (await import('./memory.ts')).createMemoryBackend],
  ['sqlite', async () => (await import('./sqlite.ts')).createSqliteBackend],
  ['redis', async () => (await import('./redis/backend.ts')).createRedisBackend],
  ['rediss', async () => (await import('./redis/backend.ts')).createRedisBackend],
  ['redis+socket', async () => (await import('./redis/backend.ts')).createRedisBackend],
  ['socket', async () => (await import('./redis/backend.ts')).createRedisBackend],
  ['sentinel', async () => (await import('./redis/backend.ts')).createRedisBackend],
  ['cache+memcached', async () => (await import('./memcached.ts')).createMemcachedBackend],
  ['cache+memcache', async () => (await import('./memcached.ts')).createMemcachedBackend],
  ['cache+pylibmc', async () => (await import('./memcached.ts')).createMemcachedBackend],
  ['cache+pymemcache', async () => (await import('./memcached.ts')).createMemcachedBackend],
  ['db+sqlite', async () => (await import('./database.ts')).createDatabaseBackend],
  ['db+postgresql', async () => (await import('./database.ts')).createDatabaseBackend],
  ['db+mysql', async () => (await import('./database.ts')).createDatabaseBackend],
  ['db+mariadb', async () => (await import('./database.ts')).createDatabaseBackend],
  ['file', async () => (await import('./filesystem.ts')).createFilesystemBackend],
  ['dynamodb', async () => (await import('./dynamodb/backend.ts')).createDynamodbBackend],
  ['s3', async () => (await import('./s3/backend.ts')).createS3Backend],
  ['rpc', async () => (await import('./rpc.ts')).createRpcBackend],
])

/** Backends that Celery once had. */
const RETIRED: ReadonlyMap<string, string> = new Map([
  ['amqp', 'is no more, in Celery neither: use rpc://, which sends results through the broker, too'],
  ['riak', 'is no more: Celery has dropped it. Use another store, such as redis://'],
])

/** URL schemes that name a result backend. */
export const backendSchemes: readonly string[] = [...BACKENDS.keys()]

/**
 * Makes the backend of a URL. Celery: `celery.app.backends.by_url`.
 * @throws ImproperlyConfigured when the scheme names none.
 */
export async function createBackend(options: BackendOptions): Promise<Backend> {
  const url = fullUrl(options)
  const scheme = schemeOf(url)
  const load = BACKENDS.get(scheme) ?? BACKENDS.get(scheme.replace(/\+[^+]*$/, ''))
  const retired = RETIRED.get(scheme)
  if (retired !== undefined) throw new ImproperlyConfigured(`The result backend ${scheme}:// ${retired}`)
  if (load === undefined) {
    throw new ImproperlyConfigured(
      `No result backend is called ${JSON.stringify(scheme)}${didYouMean(scheme, backendSchemes)}: ` +
        'the result backend URL must begin with one of ' +
        `${backendSchemes.map((known) => `${known}://`).join(', ')}`,
    )
  }
  return (await load())({ ...options, url, codec: withSendableErrors(options.codec) })
}

function schemeOf(url: string): string {
  return (
    url
      .split('://', 1)[0]
      ?.replace(/:$/, '')
      .toLowerCase()
      .replace(/^database(?=\+)/, 'db') ?? ''
  )
}

/** The URL with what other settings say: `cache` and `database` have one of their own. */
function fullUrl({ url: given, settings }: BackendOptions): string {
  const url = backendUrl(given)
  const kind = /^(cache|database|db)(?:\+?:\/\/)?$/i.exec(url)?.[1]?.toLowerCase()
  if (kind === undefined) return url
  const [prefix, setting, name] =
    kind === 'cache' ? ['cache', 'cache_backend', 'cacheBackend'] : ['db', 'database_url', 'databaseUrl']
  const own = settings[setting]
  if (typeof own === 'string' && own !== '') return `${prefix}+${own}`
  throw new ImproperlyConfigured(
    `The result backend ${JSON.stringify(url)} needs the setting ${name}, or a URL such as ` +
      (kind === 'cache' ? 'cache+memcached://localhost/' : 'db+postgresql://localhost/celery'),
  )
}
