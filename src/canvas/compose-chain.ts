import type { ResultNode } from '../result/ports.ts'
import { currentHost } from '../task/current-host.ts'
import type { AnySignature, ArgsOf, CanvasHost, HandleOf, ResultOf } from '../task/signature.ts'
import { Signature } from '../task/signature.ts'
import { Chain } from './chain.ts'
import { Chord } from './chord.ts'
import { membersOf } from './members.ts'
import { pipe } from './pipe.ts'

/**
 * The list itself if every signature takes the result of the one before; otherwise a list that it does not fit, with
 * the type that is wanted in the place where it goes wrong.
 */
export type Fitting<Tasks extends readonly unknown[]> = Tasks extends readonly [infer First, ...infer Rest]
  ? readonly [First, ...FittingAfter<First, Rest>]
  : Tasks

type FittingAfter<Before, Tasks extends readonly unknown[]> = Tasks extends readonly [
  infer Next,
  ...infer Rest,
]
  ? [
      Takes<Next, ResultOf<Before>> extends true
        ? Next
        : Signature<[ResultOf<Before>], ResultOf<Next>, HandleOf<Next>>,
      ...FittingAfter<Next, Rest>,
    ]
  : []

/** Whether a signature can be called with a value; of one of which nothing is known only its user knows. */
type Takes<S, Value> = [ArgsOf<S>] extends [never]
  ? true
  : S extends { readonly '~types': { readonly args: (args: [Value]) => void } }
    ? true
    : false

type FirstOf<Tasks extends readonly unknown[]> = Tasks extends readonly [infer First, ...unknown[]]
  ? First
  : never
type LastOf<Tasks extends readonly unknown[]> = Tasks extends readonly [...unknown[], infer Last]
  ? Last
  : never

/** What a chain of these is: wants what the first wants, gives what the last gives. */
export type ChainOf<Tasks extends readonly unknown[]> = Signature<
  ArgsOf<FirstOf<Tasks>>,
  ResultOf<LastOf<Tasks>>,
  HandleOf<LastOf<Tasks>>
>

/**
 * Calls one after the other, each with the result of the one before as first argument:
 * `chain(add.s(4, 4), mul.s(8))`. A chain in which a result does not fit the next task does not compile. What a list
 * of signatures gives only its user knows. Celery: `chain`; the same as Python's `add.s(4, 4) | mul.s(8)`.
 */
export function chain<const Tasks extends readonly AnySignature[]>(
  ...tasks: Tasks & Fitting<Tasks>
): ChainOf<Tasks>
export function chain<R = unknown>(
  tasks: Iterable<AnySignature>,
): Signature<readonly unknown[], R, ResultNode>
export function chain(...tasks: readonly (AnySignature | Iterable<AnySignature>)[]): unknown {
  const [only, ...more] = tasks
  if (only instanceof Signature && more.length === 0) return new Chain(only.host, [only.element])
  const all = membersOf(tasks, 'chain()')
  return inSequence(all[0]?.host ?? currentHost(), all)
}

/** The same as to put one after the other with `pipe`, but plain calls are put at the end together. */
function inSequence(host: CanvasHost, all: readonly AnySignature[]): AnySignature {
  let left: AnySignature = new Chain(host, [])
  let calls: AnySignature[] = []
  for (const { element: right } of all) {
    if (right.subtaskType === null) {
      calls.push(right)
    } else {
      left = pipe(continued(left, calls), right)
      calls = []
    }
  }
  return continued(left, calls)
}

function continued(left: AnySignature, calls: readonly AnySignature[]): AnySignature {
  const [first, ...rest] = calls
  if (first === undefined) return left
  // What it becomes together depends on the first alone: after that, it ends in a call.
  const begun = pipe(left, first)
  if (rest.length === 0) return begun
  if (begun instanceof Chord) {
    const chord = begun.clone()
    chord.body = continued(chord.body, rest)
    return chord
  }
  if (!(begun instanceof Chain) || begun.tasks.at(-1)?.subtaskType !== null) return rest.reduce(pipe, begun)
  const copies = rest.slice(0, -1).map((call) => call.clone())
  return new Chain(begun.host, [...begun.unchained(), ...copies, ...rest.slice(-1)])
}
