/** How long to wait between attempts: kombu's growing intervals, and Celery's exponential ones. */

/** kombu's retry policy (`interval_start`, `interval_step`, `interval_max`, `max_retries`), in milliseconds. */
export interface IntervalPolicy {
  /** The first wait. */
  readonly start: number
  /** What each wait is longer than the one before. */
  readonly step: number
  /** How much longer than `start` a wait may get; 0: no limit. */
  readonly max: number
  /** How many waits there are, that is attempts after the first; undefined: endless. */
  readonly maxRetries?: number | undefined
}

/** The waits of a policy one after the other, in milliseconds. When it ends, the attempts are used up. */
export function* intervals({ start, step, max, maxRetries }: IntervalPolicy): Generator<number, void> {
  const limit = max > 0 ? start + max : Number.POSITIVE_INFINITY
  const rest = maxRetries ?? Number.POSITIVE_INFINITY
  let wait = start
  for (let retry = 0; retry < rest; retry++) {
    yield wait
    if (wait + step <= limit) wait += step
  }
}

/** What `exponentialBackoff` reckons with. */
export interface ExponentialBackoffOptions {
  /** The wait before the first retry, in milliseconds; 0: no waiting at all. */
  readonly factor: number
  /** How many retries there have been before this one. */
  readonly retries: number
  /** The longest wait, in milliseconds. */
  readonly maximum: number
  /** Take a random moment between 0 and the reckoned wait instead of its end; default false. */
  readonly fullJitter?: boolean
  /** Source of randomness in [0, 1); default `Math.random`. */
  readonly random?: () => number
}

/**
 * `factor · 2^retries` milliseconds, at most `maximum`, never below 0.
 * Celery: `get_exponential_backoff_interval`.
 */
export function exponentialBackoff(options: ExponentialBackoffOptions): number {
  const { factor, retries, maximum, fullJitter = false, random = Math.random } = options
  const wait = Math.min(maximum, factor * 2 ** retries)
  return Math.max(0, fullJitter ? Math.floor(random() * (wait + 1)) : wait)
}
