import type { ResultStore } from '../backends/result-store.ts'
import { InvalidTaskError } from '../errors.ts'
import type { ErrorClasses } from '../protocol/error-classes.ts'
import type { Clock } from '../util/clock.ts'
import { AsyncResult } from './async-result.ts'
import { GroupResult } from './group-result.ts'
import type { ResultContext, ResultControl, ResultNode } from './ports.ts'

/** Makes what results need of the app. */
export function createResultContext(parts: {
  readonly store: ResultStore
  readonly clock: Clock
  readonly errorClasses?: ErrorClasses | undefined
  readonly control?: ResultControl | undefined
  readonly joinDenied: () => boolean
}): ResultContext {
  const context: ResultContext = {
    store: parts.store,
    clock: parts.clock,
    errorClasses: parts.errorClasses,
    control: parts.control,
    joinDenied: parts.joinDenied,
    fromTuple: (tuple) => resultFromTuple(tuple, context),
  }
  return context
}

/**
 * The result, or group of results, that a tuple names: the inverse of `asTuple`.
 * @throws InvalidTaskError when it is no such tuple.
 */
export function resultFromTuple(tuple: unknown, context: ResultContext): ResultNode {
  if (Array.isArray(tuple) && tuple.length > 0) {
    const [head, nodes]: readonly unknown[] = tuple
    const [id, parentTuple]: readonly unknown[] = Array.isArray(head) ? head : [head]
    if (typeof id === 'string') {
      const parent = isAbsent(parentTuple) ? undefined : resultFromTuple(parentTuple, context)
      if (!Array.isArray(nodes)) return new AsyncResult(id, context, { parent })
      const members = nodes.map((node) => resultFromTuple(node, context))
      return new GroupResult(id, members, context, { parent })
    }
  }
  throw new InvalidTaskError(`${JSON.stringify(tuple)} names no result: it must be [[id, parent], children]`)
}

function isAbsent(value: unknown): boolean {
  return value === null || value === undefined
}
