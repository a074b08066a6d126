/** Which nodes the words of `celery multi` mean, and which options each has. Celery: `MultiParser`. */

import { hostname as machineName } from 'node:os'
import { CliError } from '../exit-code.ts'
import { nodeFormat } from '../node-format.ts'
import type { WorkerProgram } from './multi-node.ts'
import { MultiNode } from './multi-node.ts'
import type { MultiOptions, MultiWords } from './multi-words.ts'

/** Options of `celery multi` itself; none of them reaches a worker. */
export const CLUSTER_OPTIONS: readonly string[] = [
  '--cmd',
  '--append',
  '--hostname',
  '-n',
  '--prefix',
  '--suffix',
  '--range-prefix',
]

/**
 * The nodes that were named, in this order; one number N means `celery1` to `celeryN`.
 * @throws CliError when an option is for a node of which there is none.
 */
export function multiNodes(words: MultiWords, program: WorkerProgram): MultiNode[] {
  const options = new Map(words.options)
  const take = (flag: string): string | undefined => {
    const value = options.get(flag)
    options.delete(flag)
    return value
  }
  const [cmd, append] = [take('--cmd'), take('--append')]
  const [long, short] = [take('--hostname'), take('-n')]
  const [givenPrefix, givenSuffix, rangePrefix] = [take('--prefix'), take('--suffix'), take('--range-prefix')]
  const suffix = givenSuffix || long || short || machineName()
  const host = /^(?:""|'')$/.test(suffix) ? '' : suffix
  const range = countOf(words.names)
  const keys = range ?? words.names
  const prefix = range === undefined ? (givenPrefix ?? '') : (rangePrefix ?? 'celery')
  const nodes = keys.map((key) => ({ key, name: fullName(key, prefix, host) }))
  const own = optionsOfNodes(words, nodes)
  return nodes.map(
    ({ name }, index) =>
      new MultiNode(name, {
        program,
        cmd,
        append,
        options: new Map([...options, ...(own[index] ?? [])]),
        passthrough: words.passthrough,
      }),
  )
}

/** `['3']` → `['1', '2', '3']`; undefined: the names are names. */
function countOf(names: readonly string[]): string[] | undefined {
  const [only] = names
  if (names.length !== 1 || only === undefined || !/^\d+$/.test(only)) return undefined
  return Array.from({ length: Number(only) }, (_, index) => String(index + 1))
}

/** `images` → `images@host`; what has an `@` is complete. */
function fullName(key: string, prefix: string, host: string): string {
  const name = key.includes('@') ? key : `${prefix}${key}@${host}`
  return nodeFormat(name, `${machineName().split('.', 1)[0]}@${machineName()}`)
}

interface NamedNode {
  /** As it was written. */
  readonly key: string
  readonly name: string
}

/** What is meant for some of the nodes, by their place: names, places from 1 on, lists and ranges of them. */
function optionsOfNodes(words: MultiWords, nodes: readonly NamedNode[]): MultiOptions[] {
  const own = nodes.map(() => new Map<string, string | undefined>())
  for (const [namespace, options] of words.namespaces) {
    for (const place of namespace.split(',').flatMap((item) => placesOf(item, nodes))) {
      for (const [flag, value] of options) own[place]?.set(flag, value)
    }
  }
  return own
}

/** A name that no node has means none: the same options may be given to some of the nodes at a time. */
function placesOf(item: string, nodes: readonly NamedNode[]): number[] {
  const named = nodes.findIndex(({ key, name }) => [key, name, name.split('@', 1)[0]].includes(item))
  if (named >= 0) return [named]
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(item) ?? []
  if (first === undefined) return []
  const places: number[] = []
  for (let place = Number(first); place <= Number(last); place++) {
    if (place === 0) throw new CliError(`Indexes start at 1 got: '${item}'`)
    if (place > nodes.length) throw new CliError(`No node at index '${place}': there are ${nodes.length}`)
    places.push(place - 1)
  }
  return places
}
