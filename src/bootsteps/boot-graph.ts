import type { Bootstep } from './bootstep.ts'
import { stepName } from './bootstep.ts'

/** A part of a program in a boot graph: a step, or what is built in. */
export interface BootNode {
  readonly name: string
  readonly requires: readonly string[]
  /** The part that is started last, and stands for the whole. */
  readonly last?: boolean
}

/** The parts that are built in, and the steps of users. */
export function bootNodes<Parent>(
  builtIn: readonly BootNode[],
  steps: readonly Bootstep<Parent>[],
): readonly BootNode[] {
  const own = steps.map(
    (step): BootNode => ({ name: stepName(step), requires: (step.requires ?? []).map(stepName) }),
  )
  const all = [...builtIn, ...own]
  // What is started last comes after everything else.
  return all.map((node) => {
    if (node.last !== true) return node
    const others = all.filter((other) => other !== node).map(({ name }) => name)
    return { ...node, requires: [...new Set([...node.requires, ...others])] }
  })
}

/** Draws parts and what they require in the language of Graphviz. Celery: `celery graph bootsteps`. */
export function bootGraph(nodes: readonly BootNode[]): string {
  const quoted = (name: string): string => `"${name.replaceAll('"', '\\"')}"`
  return [
    'digraph bootsteps {',
    '    node [shape="box", style="filled", fillcolor="white"];',
    ...nodes.map(
      ({ name, last }) =>
        `    ${quoted(name)}${last ? ' [shape="parallelogram", fillcolor="slategray3"]' : ''};`,
    ),
    ...nodes.flatMap(({ name, last, requires }) =>
      requires.map(
        (required) => `    ${quoted(name)} -> ${quoted(required)}${last ? ' [arrowhead="none"]' : ''};`,
      ),
    ),
    '}',
    '',
  ].join('\n')
}
