/** Pools: where jobs run. The port, and the choice by name. */
export type { PoolClass, PoolOptions } from './pool/create-pool.ts'
export { createPool, poolNames } from './pool/create-pool.ts'
export type {
  AbortReason,
  Pool,
  PoolFeatures,
  PoolInfo,
  PoolJob,
  PoolOutcome,
  PoolRunOptions,
  Runner,
  RunnerSource,
} from './pool/pool.ts'
