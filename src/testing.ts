/**
 * For tests: apps in memory, a clock that stands still, workers inside of the test; and the suites that every
 * transport, result backend and pool of ours passes, run with `node:test` against a real server.
 */

export { exerciseBackend } from './testing/conformance/backend.ts'
export type { BackendSubject } from './testing/conformance/backend-session.ts'
export type { PoolSetup } from './testing/conformance/pool.ts'
export { exercisePool } from './testing/conformance/pool.ts'
export { exerciseTransport } from './testing/conformance/transport.ts'
export type { TransportSubject } from './testing/conformance/transport-session.ts'
export type { SentTask, SentTasks } from './testing/record-sent.ts'
export { recordSent } from './testing/record-sent.ts'
export { runInRequest } from './testing/run-in-request.ts'
export type { TestWorkerOptions } from './testing/start-worker.ts'
export { startWorker } from './testing/start-worker.ts'
export { createTestApp } from './testing/test-app.ts'
export { VirtualClock } from './testing/virtual-clock.ts'
