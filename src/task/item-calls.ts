/**
 * One message for many calls: a worker runs the task for each item, one after the other. For calls that are so short
 * that a message for each would cost more than they do.
 */

import { trusted } from '../result/async-result.ts'
import type { GroupResult } from '../result/group-result.ts'
import type { Anything } from './bound-arguments.ts'
import type { AnySignature, CanvasHost, ResultOf } from './signature.ts'
import { Signature } from './signature.ts'

/** A group of which is known that its members are alike. */
export interface GroupSignature<T extends readonly unknown[]> extends Signature<Anything, T, GroupResult<T>> {
  readonly tasks: readonly AnySignature[]
  /** Gives the members growing countdowns: `start`, `start + step`, … up to `stop` seconds. */
  skew(options?: { readonly start?: number; readonly stop?: number; readonly step?: number }): this
}

/** Calls in portions: a group of messages with some calls each. Celery: `chunks`. */
export interface ChunksSignature<R> extends Signature<Anything, R[][], GroupResult<R[][]>> {
  /** The same as a group, to be put into a workflow or spread over time with `skew()`. */
  group(): GroupSignature<R[][]>
}

/** One message that calls with each item: `[value, …]`. Celery: `xmap`. */
export function xmap<S extends AnySignature>(
  task: S,
  items: Iterable<unknown>,
): Signature<Anything, ResultOf<S>[]> {
  return itemCalls(task, 'celery.map', [...items])
}

/** One message that calls with each list of arguments: `[value, …]`. Celery: `xstarmap`. */
export function xstarmap<S extends AnySignature>(
  task: S,
  items: Iterable<readonly unknown[]>,
): Signature<Anything, ResultOf<S>[]> {
  return itemCalls(task, 'celery.starmap', [...items])
}

/**
 * A message for every `size` lists of arguments: `[[value, …], …]`. Celery: `chunks`.
 * @throws RangeError unless `size` is a whole number above 0.
 */
export function chunks<S extends AnySignature>(
  task: S,
  items: Iterable<readonly unknown[]>,
  size: number,
): ChunksSignature<ResultOf<S>> {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new RangeError(`A chunk has one call or more, not ${size}`)
  }
  const signature = task.host.signatureFrom({
    task: 'celery.chunks',
    args: [],
    kwargs: { task: task.toJSON(), it: [...items], n: size },
    options: {},
    subtask_type: null,
    immutable: true,
  })
  return trusted<ChunksSignature<ResultOf<S>>>(signature)
}

/** Routed like the task that it calls. */
function itemCalls<R>(task: AnySignature, name: string, items: readonly unknown[]): Signature<Anything, R[]> {
  const host: CanvasHost = task.host
  const options = { route_name: task.task }
  return new Signature(host, {
    task: name,
    kwargs: { task: task.toJSON(), it: items },
    options,
    immutable: true,
  })
}
