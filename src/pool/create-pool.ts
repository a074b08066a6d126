import { ImproperlyConfigured } from '../errors.ts'
import { isRecord } from '../util/is-record.ts'
import { importReference, parseReference } from '../util/modules.ts'
import type { ChildPoolOptions } from './children/child-pool.ts'
import type { Pool } from './pool.ts'

/** Options for any pool; those a pool has no use for are ignored. */
export interface PoolOptions extends Omit<ChildPoolOptions, 'processes'> {
  /** Children (`prefork`, `threads`) or jobs at once (`async`); default: number of cores. Celery: `-c`. */
  readonly concurrency?: number | undefined
}

/** A pool of somebody else: made with the options of all pools. */
export type PoolClass = new (options: PoolOptions) => Pool

/** Jobs at once in the async pool when nothing is said: an event loop is not bound to cores. */
export const DEFAULT_ASYNC_CONCURRENCY = 100

const POOLS = new Map<string, (options: PoolOptions) => Promise<Pool>>([
  ['prefork', createPrefork],
  ['processes', createPrefork],
  ['threads', createThreads],
  ['solo', async () => new (await import('./async-pool.ts')).AsyncPool({ size: 1, implementation: 'solo' })],
  ['async', createAsync],
  ['eventlet', createAsync],
  ['gevent', createAsync],
])

/** Names that `-P` and `workerPool` take. */
export const poolNames: readonly string[] = [...POOLS.keys()]

/** What Celery calls its own pools, where a class is named. */
const CELERYS_OWN = /^celery\.concurrency\.(\w+):TaskPool$/
/** Celery: `celery.concurrency.thread`. */
const CELERYS_NAMES: ReadonlyMap<string, string> = new Map([['thread', 'threads']])

/**
 * Makes the pool of a name, of a class, or of a class that a module exports (`./pool.ts#MyPool`). Celery:
 * `celery.concurrency.get_implementation`.
 * @throws ImproperlyConfigured for an unknown name, and for what is no pool.
 */
export async function createPool(pool: string | object, options: PoolOptions): Promise<Pool> {
  if (isPoolClass(pool)) return new pool(options)
  if (typeof pool !== 'string')
    throw new ImproperlyConfigured('workerPool: what was given is no class of a pool')
  const own = CELERYS_OWN.exec(pool)?.[1]
  const name = own === undefined ? pool : (CELERYS_NAMES.get(own) ?? own)
  const create = POOLS.get(name)
  if (create !== undefined) return create(options)
  if (parseReference(name).name !== undefined) {
    const found = await importReference(name, { option: 'workerPool' })
    if (isPoolClass(found)) return new found(options)
    throw new ImproperlyConfigured(`workerPool: ${name} is no class of a pool`)
  }
  throw new ImproperlyConfigured(
    `No pool is called ${JSON.stringify(name)}: use one of ${poolNames.join(', ')}, or name a class: ./pool.ts#MyPool`,
  )
}

function isPoolClass(value: unknown): value is PoolClass {
  return (
    typeof value === 'function' && isRecord(value.prototype) && typeof value.prototype['run'] === 'function'
  )
}

async function createPrefork(options: PoolOptions): Promise<Pool> {
  const { PreforkPool } = await import('./prefork/prefork-pool.ts')
  return new PreforkPool(childOptions(options))
}

async function createThreads(options: PoolOptions): Promise<Pool> {
  const { ThreadsPool } = await import('./threads/threads-pool.ts')
  return new ThreadsPool(childOptions(options))
}

function childOptions({ concurrency, ...options }: PoolOptions): ChildPoolOptions {
  return concurrency === undefined ? options : { ...options, processes: concurrency }
}

async function createAsync({ concurrency }: PoolOptions): Promise<Pool> {
  const { AsyncPool } = await import('./async-pool.ts')
  return new AsyncPool({ size: concurrency ?? DEFAULT_ASYNC_CONCURRENCY })
}
