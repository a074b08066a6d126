/** The tasks of the benchmark, as a user of Celeriac writes them. Broker and backend come from the environment. */
import { setTimeout as sleep } from 'node:timers/promises'

// What is measured is the built package, like that of the peers; it is not there when types are checked.
const built = new URL('../../dist/index.js', import.meta.url).href
const { Celery }: typeof import('../../src/index.ts') = await import(built)

export const app = new Celery('bench')

export const noop = app.task('bench.noop', { ignoreResult: true }, () => {})

export const noopResult = app.task('bench.noop_result', () => 1)

export const io = app.task('bench.io', { ignoreResult: true }, () => sleep(10))
