/**
 * Proving adapters: the suites that every transport, result backend and pool of ours passes, run with `node:test`
 * against a real server.
 */

export { exerciseBackend } from './testing/conformance/backend.ts'
export type { BackendSubject } from './testing/conformance/backend-session.ts'
export type { PoolSetup } from './testing/conformance/pool.ts'
export { exercisePool } from './testing/conformance/pool.ts'
export { exerciseTransport } from './testing/conformance/transport.ts'
export type { TransportSubject } from './testing/conformance/transport-session.ts'
