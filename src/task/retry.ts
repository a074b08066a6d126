/** When a task that failed is tried again by itself. Celery: `autoretry_for` and what belongs to it. */
import { TaskPredicate } from '../errors.ts'
import { exponentialBackoff } from '../util/backoff.ts'
import { fromMilliseconds } from '../util/duration.ts'
import type { TaskOptions } from './options.ts'
import type { RetryOptions } from './ports.ts'

/** Whether an error that the body threw makes it run again. `Ignore`, `Reject` and `Retry` never do. */
export function isAutoretried(error: unknown, options: TaskOptions): boolean {
  if (error instanceof TaskPredicate) return false
  if (options.dontAutoretryFor.some((errorClass) => error instanceof errorClass)) return false
  return options.autoretryFor.some((errorClass) => error instanceof errorClass)
}

/**
 * The options of that retry. With backoff the delay is `factor · 2^retries` seconds, at most `retryBackoffMax`; with
 * jitter a whole number of seconds between 0 and that.
 * @param retries how often it was retried before.
 * @param random source of randomness in [0, 1).
 */
export function autoretryOptions(
  error: unknown,
  options: TaskOptions,
  retries: number,
  random: () => number = Math.random,
): RetryOptions {
  const { retryKwargs, retryBackoff } = options
  let countdown = retryKwargs.countdown === undefined ? undefined : fromMilliseconds(retryKwargs.countdown)
  if (retryBackoff !== undefined) {
    countdown = exponentialBackoff({
      factor: fromMilliseconds(retryBackoff),
      retries,
      maximum: fromMilliseconds(options.retryBackoffMax),
      fullJitter: options.retryJitter,
      random,
    })
  }
  return {
    error,
    ...(countdown === undefined ? {} : { countdown }),
    ...(retryKwargs.maxRetries === undefined ? {} : { maxRetries: finite(retryKwargs.maxRetries) }),
  }
}

function finite(retries: number): number | null {
  return retries === Number.POSITIVE_INFINITY ? null : retries
}
