/** Workflows: calls in sequence, side by side, and with something after all of them. */
export { Chain } from './canvas/chain.ts'
export { Chord, chord } from './canvas/chord.ts'
export { Chunks } from './canvas/chunks.ts'
export { chain } from './canvas/compose-chain.ts'
export { Group, group } from './canvas/group.ts'
export type { ApplyOptions } from './task/call-arguments.ts'
export type { ChunksSignature, GroupSignature } from './task/item-calls.ts'
export { chunks, xmap, xstarmap } from './task/item-calls.ts'
export type {
  Accepts,
  AnySignature,
  ArgsOf,
  HandleOf,
  ResultOf,
  StampingVisitor,
} from './task/signature.ts'
export { Signature } from './task/signature.ts'
export type { StampOptions, Stamps } from './task/stamping.ts'
