import type { AnySignature } from '../task/signature.ts'
import { Signature } from '../task/signature.ts'
import { isIterable } from '../util/is-record.ts'
import { repr } from '../util/repr.ts'

/**
 * The signatures among arguments of which each is one, or a list of them.
 *
 * @param where the function that was given them, for the message.
 * @throws TypeError that names what is no signature.
 */
export function membersOf(given: readonly unknown[], where: string): AnySignature[] {
  return given.flatMap((each) => {
    if (each instanceof Signature || !isIterable(each)) return [memberOf(each, where)]
    return Array.from(each, (member) => memberOf(member, where))
  })
}

/** @throws TypeError when it is no signature. */
export function memberOf(given: unknown, where: string): AnySignature {
  if (given instanceof Signature) return given
  throw new TypeError(`${where} takes signatures, such as add.s(4, 4), not ${shown(given)}`)
}

/** A task is a function; what is forgotten most often is to call its `s`. */
function shown(value: unknown): string {
  if (typeof value !== 'function') return repr(value)
  return 's' in value ? `the task ${value.name} itself: say with which arguments, by its s(…)` : 'a function'
}
