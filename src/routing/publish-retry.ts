import type { IntervalPolicy } from '../util/backoff.ts'
import { toMilliseconds } from '../util/duration.ts'

/**
 * kombu's retry policy (`max_retries`, `interval_start`, …, in seconds, either spelling) as the one of the messaging
 * layer. What is missing is kombu's default: three retries, at once, then 0.2 seconds later each, up to one second.
 */
export function intervalPolicy(policy: Readonly<Record<string, unknown>>): IntervalPolicy {
  const maxRetries = policy['max_retries'] ?? policy['maxRetries']
  return {
    start: milliseconds(policy, 'interval_start', 'intervalStart', 0),
    step: milliseconds(policy, 'interval_step', 'intervalStep', 0.2),
    max: milliseconds(policy, 'interval_max', 'intervalMax', 1),
    maxRetries: typeof maxRetries === 'number' ? maxRetries : isEndless(policy) ? undefined : 3,
  }
}

/** null says: for ever. */
function isEndless(policy: Readonly<Record<string, unknown>>): boolean {
  return policy['max_retries'] === null || policy['maxRetries'] === null
}

function milliseconds(
  policy: Readonly<Record<string, unknown>>,
  snake: string,
  camel: string,
  fallback: number,
): number {
  const value = policy[snake] ?? policy[camel]
  return toMilliseconds(typeof value === 'number' ? value : fallback, `retryPolicy.${camel}`)
}
