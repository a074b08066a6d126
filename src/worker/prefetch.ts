/** AMQP's prefetch count is 16 bits wide. */
const LARGEST_PREFETCH = 65_535

/** What the prefetch count depends on. */
export interface PrefetchInputs {
  /** Tasks that can run at once. */
  readonly concurrency: number
  /** What the pool can make use of: see `Pool.appetite`. Counts unless the multiplier says to reserve what runs only. */
  readonly appetite: number
  /** Celery: `worker_prefetch_multiplier`; 0 = no limit. */
  readonly multiplier: number
  /** Messages that wait for their ETA: they hold no slot, so as many more may come. */
  readonly held: number
  /** Celery: `worker_eta_task_limit`: no more than that many messages at once; undefined = no limit. */
  readonly limit: number | undefined
}

/** How many unsettled messages the worker asks for; 0 = no limit. Celery: `QoS`. */
export function prefetchCount({ concurrency, appetite, multiplier, held, limit }: PrefetchInputs): number {
  if (multiplier === 0) return limit ?? 0
  const wanted = Math.max(1, concurrency * multiplier, multiplier > 1 ? appetite : 0) + held
  const count = limit === undefined ? wanted : Math.min(wanted, limit)
  return count > LARGEST_PREFETCH ? 0 : count
}
