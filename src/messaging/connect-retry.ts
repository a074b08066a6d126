/** When a connection to the broker is tried again: kombu's defaults, and its options in `broker_transport_options`. */
import type { IntervalPolicy } from '../util/backoff.ts'
import { OptionReader } from '../util/option-reader.ts'

/** How often a connection is tried, in milliseconds; one attempt is a round over all candidates. */
export interface ConnectRetryPolicy extends IntervalPolicy {
  /** Milliseconds for all attempts together; undefined: no limit. kombu: `connect_retries_timeout`. */
  readonly deadline?: number | undefined
  /** Told of each round that failed, and of the seconds until the next one. kombu: `errback`. */
  readonly errback?: ((error: Error, interval: number) => void) | undefined
  /** Called when a round has failed, and each second of the pause after it; what it throws ends the attempts. */
  readonly callback?: (() => void) | undefined
}

/** kombu's: first after 2 s, then 2 s later each time up to 32 s; Celery: `broker_connection_max_retries` 100. */
export const DEFAULT_CONNECT_RETRY: ConnectRetryPolicy = {
  start: 2_000,
  step: 2_000,
  max: 30_000,
  maxRetries: 100,
}

/** The options of `broker_transport_options` that are the connection's own, whatever the transport. */
export const CONNECT_RETRY_OPTIONS: readonly string[] = [
  'max_retries',
  'interval_start',
  'interval_step',
  'interval_max',
  'connect_retries_timeout',
  'errback',
  'callback',
]

/**
 * `policy` with what the transport options say otherwise. As in kombu, `max_retries: null` is for ever, and
 * `connect_retries_timeout` of 0 or null no limit.
 * @throws ImproperlyConfigured for values that make no sense.
 */
export function connectRetryOf(
  transportOptions: Readonly<Record<string, unknown>>,
  policy: ConnectRetryPolicy,
): ConnectRetryPolicy {
  const reader = new OptionReader(transportOptions, 'brokerTransportOptions')
  const endless = transportOptions['max_retries'] === null
  const limited = 'connect_retries_timeout' in transportOptions
  return {
    start: reader.milliseconds('interval_start') ?? policy.start,
    step: reader.milliseconds('interval_step') ?? policy.step,
    max: reader.milliseconds('interval_max') ?? policy.max,
    maxRetries: endless ? undefined : (reader.integer('max_retries') ?? policy.maxRetries),
    deadline: limited ? reader.milliseconds('connect_retries_timeout') || undefined : policy.deadline,
    errback: reader.hook('errback') ?? policy.errback,
    callback: reader.hook('callback') ?? policy.callback,
  }
}
