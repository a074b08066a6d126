/** The results of a chord's header, for its body. */
import type { ChordPart } from '../backends/backend.ts'
import { ChordError } from '../errors.ts'
import type { ErrorClasses } from '../protocol/error-classes.ts'
import { exceptionRepr, readException } from '../protocol/exception-info.ts'
import type { ResultNode } from '../protocol/result-tuple.ts'
import { PROPAGATE_STATES } from '../protocol/states.ts'

/** The error for a header of which a part failed: the first one in order. Undefined when all succeeded. */
export function chordErrorOf(
  parts: readonly ChordPart[],
  classes: ErrorClasses | undefined,
): ChordError | undefined {
  const failed = parts.find(({ state }) => PROPAGATE_STATES.has(state))
  if (failed === undefined) return undefined
  const cause = readException(failed.result, classes)
  return new ChordError(`Dependency ${failed.id} raised ${exceptionRepr(cause, classes)}`, { cause })
}

/**
 * The results in the shape of the header. Groups within the header give lists within the list, so `saved` must be given
 * when there are any.
 *
 * @throws ChordError when a part is missing.
 */
export function shapeResults(parts: readonly ChordPart[], saved: ResultNode | undefined): unknown[] {
  if (saved?.children?.some(({ children }) => children !== undefined) !== true) {
    return parts.map(({ result }) => result)
  }
  const byId = new Map(parts.map(({ id, result }) => [id, result]))
  return saved.children.map((node) => shape(node, byId))
}

function shape(node: ResultNode, byId: ReadonlyMap<string, unknown>): unknown {
  if (node.children !== undefined) return node.children.map((child) => shape(child, byId))
  if (!byId.has(node.id)) throw new ChordError(`Join error: the result of ${node.id} is missing`)
  return byId.get(node.id)
}
