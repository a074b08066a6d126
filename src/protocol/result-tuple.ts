/**
 * Results as plain data: how they name each other in messages and documents. Celery: `as_tuple`, `result_from_tuple`.
 */

import type { ResultTuple } from './result-meta.ts'

/** A tuple, taken apart. */
export interface ResultNode {
  readonly id: string
  readonly parent: ResultNode | undefined
  /** Only groups have them. */
  readonly children: readonly ResultNode[] | undefined
}

/** Chains of parents, and groups within groups, are not followed any deeper: no honest workflow gets there. */
const MAX_DEPTH = 1000

/** The tuple of a task, or with `children` that of a group. */
export function resultTuple(
  id: string,
  parent?: ResultTuple | null,
  children?: readonly ResultTuple[] | null,
): ResultTuple {
  return [[id, parent ?? null], children ?? null]
}

/** Makes a tuple of what `readResultTuple` gave. */
export function tupleOfNode(node: ResultNode): ResultTuple {
  return resultTuple(
    node.id,
    node.parent === undefined ? null : tupleOfNode(node.parent),
    node.children?.map(tupleOfNode),
  )
}

/**
 * Takes a tuple apart that came from anywhere. As in Celery the inner pair may be a bare id.
 *
 * @returns undefined when it is no such tuple.
 */
export function readResultTuple(value: unknown): ResultNode | undefined {
  return read(value, 0)
}

function read(value: unknown, depth: number): ResultNode | undefined {
  if (!Array.isArray(value) || value.length !== 2 || depth > MAX_DEPTH) return undefined
  const [head, nodes]: unknown[] = value
  const [id, parentTuple]: unknown[] = Array.isArray(head) ? head : [head, null]
  if (typeof id !== 'string') return undefined
  let parent: ResultNode | undefined
  if (parentTuple !== null && parentTuple !== undefined) {
    parent = read(parentTuple, depth + 1)
    if (parent === undefined) return undefined
  }
  if (nodes === null || nodes === undefined) return { id, parent, children: undefined }
  if (!Array.isArray(nodes)) return undefined
  const children: ResultNode[] = []
  for (const node of nodes) {
    const child = read(node, depth + 1)
    if (child === undefined) return undefined
    children.push(child)
  }
  return { id, parent, children }
}
