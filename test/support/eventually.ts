import { setTimeout as delay } from 'node:timers/promises'

export interface EventuallyOptions {
  /** Milliseconds until the test gives up; default 60 s, which only bounds a hang: a busy machine may take long. */
  readonly timeout?: number
  /** Milliseconds between two tries; default 20. */
  readonly every?: number
  /** What was waited for, for the message of the failure. */
  readonly message?: string
}

/**
 * Waits until `probe` holds: an assertion that no longer throws, or a predicate that answers true. Fails with the
 * last error of the probe. The signature keeps out probes that answer a value or undefined: those are for
 * {@link eventuallyValue}.
 */
export async function eventually(
  // biome-ignore lint/suspicious/noConfusingVoidType: an assertion answers nothing
  probe: () => boolean | void | Promise<boolean | void>,
  options: EventuallyOptions = {},
): Promise<void> {
  await eventuallyValue(async () => ((await probe()) === false ? undefined : true), options)
}

/** Waits until `probe` answers a value (neither undefined nor null), and answers it. Errors count as "not yet". */
export async function eventuallyValue<T>(
  probe: () => T | undefined | null | Promise<T | undefined | null>,
  { timeout = 60_000, every = 20, message = probe.toString() }: EventuallyOptions = {},
): Promise<T> {
  const deadline = performance.now() + timeout
  for (;;) {
    let cause: unknown
    try {
      const value = await probe()
      if (value !== undefined && value !== null) {
        return value
      }
    } catch (error) {
      cause = error
    }
    if (performance.now() > deadline) {
      const last = cause instanceof Error ? ` The last try said: ${cause.message}` : ''
      throw new Error(`Did not hold within ${timeout} ms: ${message}.${last}`, { cause })
    }
    await delay(every)
  }
}
