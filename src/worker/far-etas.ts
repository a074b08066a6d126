/**
 * Tasks that are due in more than a while do not wait in the worker: brokers that can keep them (Redis, the embedded
 * one) get them back, so that a worker holds a few of them in memory, however many there are.
 */

/** A task that is due later than that, in milliseconds from now, waits with the broker. */
const FAR = 10 * 60_000
/** It is wanted so much earlier, as brokers look only now and then for what is due; the rest is waited for here. */
const EARLY = 5 * 60_000

/** Until when a message is to wait with its broker, in milliseconds since 1970; undefined: it is to be kept here. */
export function postponedUntil(eta: number | undefined, now: number): number | undefined {
  return eta !== undefined && eta - now > FAR ? eta - EARLY : undefined
}
