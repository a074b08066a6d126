import type { Backend, ResultWatch, SaveOptions } from '../../../src/backends/backend.ts'
import type { ResultStoreOptions } from '../../../src/backends/result-store.ts'
import { ResultStore } from '../../../src/backends/result-store.ts'
import { readEach, unreadableResult } from '../../../src/backends/unreadable-results.ts'
import { describeException } from '../../../src/protocol/exception-info.ts'
import type { ResultMeta } from '../../../src/protocol/result-meta.ts'
import { buildResultMeta } from '../../../src/protocol/result-meta.ts'
import { EXCEPTION_STATES } from '../../../src/protocol/states.ts'
import type { ResultContext } from '../../../src/result/ports.ts'
import { createResultContext } from '../../../src/result/result-from-tuple.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

/** A backend that can be looked into: it counts its trips, pushes if it is told to, and fails on demand. */
export class TestBackend implements Backend {
  readonly features = {
    persistent: true,
    autoExpire: true,
    nativeJoin: true,
    groups: true,
    remoteWatch: true,
  }
  readonly metas = new Map<string, ResultMeta>()
  readonly saved: SaveOptions[] = []
  /** Ids of each trip. */
  readonly loads: (readonly string[])[] = []
  readonly subscriptions: string[] = []
  /** Trips that read end when this does. */
  gate: Promise<void> | undefined
  /** Nobody can understand the documents of these. */
  readonly unreadable = new Set<string>()
  /** Thrown by the next operations, one each. */
  readonly failures: Error[] = []
  readonly watch?: NonNullable<Backend['watch']>
  closed = false
  #deliver: ((meta: ResultMeta) => void) | undefined
  #unreadable: ((id: string, error: Error) => void) | undefined

  constructor(options: { readonly pushes: boolean }) {
    if (options.pushes) {
      this.watch = (deliver, unreadable) => {
        this.#unreadable = unreadable
        return this.#startWatch(deliver)
      }
    }
  }

  pushUnreadable(id: string): void {
    this.#unreadable?.(id, unreadableResult(id, new TypeError('what is this?')))
  }

  async save(meta: ResultMeta, options: SaveOptions): Promise<void> {
    this.#fail()
    this.metas.set(meta.task_id, meta)
    this.saved.push(options)
    this.#deliver?.(meta)
  }

  async load(ids: readonly string[]): Promise<readonly (ResultMeta | undefined)[]> {
    this.loads.push(ids)
    this.#fail()
    await this.gate
    return readEach(ids, (id) => {
      if (this.unreadable.has(id)) throw new TypeError('what is this?')
      return this.metas.get(id)
    })
  }

  async forget(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.metas.delete(id)
  }

  async close(): Promise<void> {
    this.closed = true
  }

  readonly groups = {
    saved: new Map<string, readonly unknown[]>(),
    save: async (id: string, group: readonly unknown[]) => void this.groups.saved.set(id, group),
    load: async (id: string) => this.groups.saved.get(id),
    forget: async (id: string) => void this.groups.saved.delete(id),
  }

  #fail(): void {
    const failure = this.failures.shift()
    if (failure !== undefined) throw failure
  }

  #startWatch(deliver: (meta: ResultMeta) => void): ResultWatch {
    this.#deliver = deliver
    return {
      add: async (ids) => void this.subscriptions.push(`+${ids.join()}`),
      remove: async (ids) => void this.subscriptions.push(`-${ids.join()}`),
      close: async () => {
        this.#deliver = undefined
      },
    }
  }
}

export interface TestResults {
  readonly backend: TestBackend
  readonly store: ResultStore
  readonly context: ResultContext
  readonly clock: VirtualClock
  /** Stores a state as a worker does. */
  put(id: string, state: string, result?: unknown, fields?: Partial<ResultMeta>): Promise<void>
}

export function createTestResults(
  options: Partial<ResultStoreOptions> & { readonly pushes?: boolean; readonly joinDenied?: boolean } = {},
): TestResults {
  const { pushes = true, joinDenied = false, ...store } = options
  const backend = new TestBackend({ pushes })
  const clock = new VirtualClock()
  const results = new ResultStore({
    open: () => Promise.resolve(backend),
    expires: 1000,
    retry: undefined,
    cacheMax: -1,
    clock,
    ...store,
  })
  const context = createResultContext({ store: results, clock, joinDenied: () => joinDenied })
  return {
    backend,
    store: results,
    context,
    clock,
    put: (id, state, result = null, fields = {}) => {
      const stored = EXCEPTION_STATES.has(state) ? describeException(result) : result
      return results.save({ ...buildResultMeta({ id, state, result: stored, now: clock.now() }), ...fields })
    },
  }
}

/** Lets everything happen that is only waiting for its turn. */
export async function settle(): Promise<void> {
  await new Promise(setImmediate)
}
