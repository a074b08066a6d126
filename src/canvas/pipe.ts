/** Putting one signature after another, as Python's `|` does: what it becomes depends on what they are. */
import type { AnySignature } from '../task/signature.ts'
import { Chain, unrolled } from './chain.ts'
import { Chord } from './chord.ts'
import { Group } from './group.ts'

/**
 * `left | right`. A group with a task after it becomes a chord, what comes after a chord goes to its body, a group of
 * one (unless it is the first) is that one, and chains melt into each other. Neither side changes.
 */
export function pipe({ element: left }: AnySignature, { element: right }: AnySignature): AnySignature {
  if (left instanceof Chain) return pipeChain(left, right)
  if (left instanceof Group) return new Chord(left.host, left.clone(), right.clone())
  if (left instanceof Chord) return pipeChord(left, right)
  return pipePlain(left, right)
}

function pipeChain(left: Chain, right: AnySignature): AnySignature {
  if (right instanceof Chain) return right.unchained().reduce<AnySignature>(pipe, left)
  if (right instanceof Group) return pipeChainAndGroup(left, right)
  const { host } = left
  const last = left.tasks.at(-1)
  if (last instanceof Group)
    return new Chain(host, joinChords(left, new Chord(host, last.clone(), right)), partsOf(left))
  if (last instanceof Chord) return withLast(left, withBody(last, right))
  return new Chain(host, [...left.unchained(), right])
}

function pipeChainAndGroup(left: Chain, group: Group): AnySignature {
  const right = unrolled(group)
  if (!(right instanceof Group)) return pipe(left, right)
  const tasks = left.unchained()
  const last = tasks.at(-1)
  if (last === undefined) return right
  if (last instanceof Chord) return new Chain(left.host, [...tasks.slice(0, -1), withBody(last, right)])
  return new Chain(left.host, [...tasks, right])
}

/** A chord in place of the group that was last. After another chord it goes to that one's body. */
function joinChords(left: Chain, end: Chord): AnySignature[] {
  const tasks = left.tasks.slice(0, -1).map((task) => task.clone())
  const last = tasks.at(-1)
  if (!(last instanceof Chord)) return [...tasks, end]
  return [...tasks.slice(0, -1), withBody(last, end)]
}

function pipeChord(left: Chord, right: AnySignature): AnySignature {
  if (right instanceof Chain) return new Chain(left.host, [left, ...right.unchained()])
  if (right instanceof Group && right.tasks.length !== 1) return new Chain(left.host, [left, right])
  return withBody(left, right instanceof Group ? unrolled(right) : right)
}

function pipePlain(left: AnySignature, right: AnySignature): AnySignature {
  if (right instanceof Chain) return new Chain(left.host, [left, ...right.unchained()])
  return new Chain(left.host, [left, right instanceof Group ? unrolled(right) : right])
}

function withBody(chord: Chord, next: AnySignature): Chord {
  const copy = chord.clone()
  copy.body = pipe(copy.body, next)
  return copy
}

function withLast(chain: Chain, last: AnySignature): Chain {
  const tasks = chain.tasks.slice(0, -1).map((task) => task.clone())
  return new Chain(chain.host, [...tasks, last], partsOf(chain))
}

function partsOf(chain: Chain): Pick<Chain, 'args' | 'kwargs' | 'options' | 'immutable'> {
  const { args, kwargs, options, immutable } = chain.clone()
  return { args, kwargs, options, immutable }
}
