import { ImproperlyConfigured } from '../errors.ts'
import type { ChildPoolOptions } from './children/child-pool.ts'
import type { Pool } from './pool.ts'

/** Options for any pool; those a pool has no use for are ignored. */
export interface PoolOptions extends Omit<ChildPoolOptions, 'processes'> {
  /** Children (`prefork`, `threads`) or jobs at once (`async`); default: number of cores. Celery: `-c`. */
  readonly concurrency?: number | undefined
}

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

/**
 * Makes the pool of a name. Celery: `celery.concurrency.get_implementation`.
 * @throws ImproperlyConfigured for an unknown name.
 */
export async function createPool(name: string, options: PoolOptions): Promise<Pool> {
  const create = POOLS.get(name)
  if (create === undefined) {
    throw new ImproperlyConfigured(
      `No pool is called ${JSON.stringify(name)}: use one of ${poolNames.join(', ')}`,
    )
  }
  return create(options)
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
