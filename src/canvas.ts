/** Workflows: calls in sequence, side by side, and with something after all of them. */
export { Chain } from './canvas/chain.ts'
export { Chord, chord } from './canvas/chord.ts'
export { chain } from './canvas/compose-chain.ts'
export { Group, group } from './canvas/group.ts'
export type { Accepts, AnySignature, ApplyOptions, ArgsOf, HandleOf, ResultOf } from './task/signature.ts'
export { Signature } from './task/signature.ts'
