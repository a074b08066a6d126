import type { AnySignature } from '../task/signature.ts'
import { requireSignature, Signature } from '../task/signature.ts'
import { isIterable } from '../util/is-record.ts'

/**
 * The signatures among arguments of which each is one, or a list of them.
 *
 * @param where the function that was given them, for the message.
 * @throws TypeError that names what is no signature.
 */
export function membersOf(given: readonly unknown[], where: string): AnySignature[] {
  return given.flatMap((each) => {
    if (each instanceof Signature || !isIterable(each)) return [requireSignature(each, where)]
    return Array.from(each, (member) => requireSignature(member, where))
  })
}
