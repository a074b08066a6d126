/**
 * Waiting that can be given up: by an `AbortSignal`, by a time limit, or both.
 *
 * Every function here takes its listeners and timers away again, however the wait ends, so a signal that lives as long
 * as the process collects nothing.
 */

import { TimeoutError } from '../errors.ts'
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'

/** How long to wait at most. */
export interface WaitOptions {
  /** Gives the wait up with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds after which the wait fails with `TimeoutError`; undefined: no limit. */
  readonly timeout?: number | undefined
  /** Where the time comes from; default the system's clock. */
  readonly clock?: Clock | undefined
}

/**
 * Waits for `promise`, but no longer than `options` allow. The promise itself goes on; only the waiting ends.
 *
 * @param what says in the error message what was waited for, e.g. `the result of task 1234`.
 * @throws TimeoutError when the time is over; the signal's reason when it aborts.
 */
export async function waitOrAbort<T>(
  promise: PromiseLike<T>,
  { signal, timeout, clock = systemClock }: WaitOptions,
  what: string,
): Promise<T> {
  if (signal?.aborted) {
    // Nobody will look at the promise any more: its failure is not an unhandled one.
    Promise.resolve(promise).catch(() => undefined)
    throw signal.reason
  }
  if (signal === undefined && timeout === undefined) return promise
  const { promise: gaveUp, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  const timer =
    timeout === undefined
      ? undefined
      : clock.setTimeout(() => reject(new TimeoutError(`Waited ${timeout} ms for ${what} in vain`)), timeout)
  try {
    return await Promise.race([promise, gaveUp])
  } finally {
    timer?.cancel()
    signal?.removeEventListener('abort', onAbort)
  }
}

/**
 * Sleeps for `ms` milliseconds.
 *
 * @throws the signal's reason when it aborts meanwhile, or has aborted already.
 */
export async function sleep(
  ms: number,
  { signal, clock = systemClock }: Omit<WaitOptions, 'timeout'> = {},
): Promise<void> {
  signal?.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = clock.setTimeout(resolve, ms)
  const onAbort = (): void => reject(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    await promise
  } finally {
    timer.cancel()
    signal?.removeEventListener('abort', onAbort)
  }
}

/** A signal that follows others until it is disposed of. */
export interface LinkedSignal extends Disposable {
  readonly signal: AbortSignal
}

/**
 * One signal that aborts as soon as one of `sources` does, with that one's reason. Undefined sources are skipped.
 * Dispose of it when the work is done: then nothing of it stays behind on the sources.
 */
export function anySignal(sources: Iterable<AbortSignal | undefined>): LinkedSignal {
  const controller = new AbortController()
  const followed: AbortSignal[] = []
  const dispose = (): void => {
    for (const source of followed) source.removeEventListener('abort', onAbort)
    followed.length = 0
  }
  function onAbort(this: AbortSignal): void {
    controller.abort(this.reason)
    dispose()
  }
  for (const source of sources) {
    if (source === undefined) continue
    if (source.aborted) {
      controller.abort(source.reason)
      dispose()
      break
    }
    source.addEventListener('abort', onAbort, { once: true })
    followed.push(source)
  }
  return { signal: controller.signal, [Symbol.dispose]: dispose }
}

/** A moment by which something must be done; measured on the monotonic clock. */
export class Deadline {
  readonly #at: number
  readonly #clock: Clock

  /** @param timeout milliseconds from now; undefined: never. */
  constructor(timeout: number | undefined, clock: Clock = systemClock) {
    this.#clock = clock
    this.#at = timeout === undefined ? Number.POSITIVE_INFINITY : clock.monotonic() + timeout
  }

  /** Milliseconds left, never below 0; undefined when there is no limit, so that it fits `WaitOptions.timeout`. */
  get remaining(): number | undefined {
    if (this.#at === Number.POSITIVE_INFINITY) return undefined
    return Math.max(0, this.#at - this.#clock.monotonic())
  }

  get expired(): boolean {
    return this.#clock.monotonic() >= this.#at
  }
}
