/** Result backends below results: the ports, what makes a backend of a key/value store, and the choice by URL. */
export type {
  Backend,
  BackendFeatures,
  BackendOptions,
  ChordPart,
  ChordStore,
  GroupStore,
  GroupTuple,
  ResultCodec,
  ResultWatch,
  SaveOptions,
} from './backends/backend.ts'
export { backendSchemes, createBackend } from './backends/create-backend.ts'
export type { KeepOptions, KeyValueFeatures, KeyValueStore, KeyWatch } from './backends/key-value.ts'
export { KeyValueBackend } from './backends/key-value-backend.ts'
export { readEach, UnreadableResults } from './backends/unreadable-results.ts'
export type { ResultMeta } from './protocol/result-meta.ts'
