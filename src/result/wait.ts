/** Waiting for results: one subscription for all that are waited for together, one timer for the time limit. */
import type { ResultStore } from '../backends/result-store.ts'
import { TaskError } from '../errors.ts'
import type { ResultMeta } from '../protocol/result-meta.ts'
import { PROPAGATE_STATES, READY_STATES } from '../protocol/states.ts'
import { waitOrAbort } from '../util/abort.ts'
import { Deferred } from '../util/deferred.ts'
import { toMilliseconds } from '../util/duration.ts'
import { checkGetOptions } from './get-options.ts'
import type { GetOptions, ResultContext, ResultLeaf, ResultNode } from './ports.ts'

const DEFAULT_INTERVAL = 500

/**
 * Refuses to wait where waiting can block for ever.
 * @throws TaskError inside a task (Celery: `assert_will_not_block`); see `checkGetOptions`.
 */
export function assertMayWait(context: ResultContext, options: GetOptions): void {
  checkGetOptions(options)
  if (options.disableSyncSubtasks === false || !context.joinDenied()) return
  throw new TaskError(
    'Never wait for a result inside a task: tasks that wait for tasks can block each other for ever. ' +
      'Use a chain, a group or a chord; or allowJoinResult(), if you know that it cannot happen',
  )
}

/** What is waited for and told on the way. */
export interface WaitForResults {
  readonly context: ResultContext
  /** All of these must be settled. */
  readonly leaves: readonly ResultLeaf[]
  /** The wait fails when one of these fails. */
  readonly parents: readonly ResultLeaf[]
  readonly options: GetOptions
  /** Their calls are only being sent. Default false. */
  readonly fresh?: boolean
  /** Told of each leaf when it is settled; an error that it throws ends the wait. */
  readonly settled?: (leaf: ResultLeaf) => void
}

/**
 * Waits until all leaves are settled; they know their documents then. With `propagate` the first failure ends it.
 * @throws TimeoutError; the signal's reason; the error of a task that failed.
 */
export async function waitForResults(wait: WaitForResults): Promise<void> {
  const { context, options } = wait
  const propagate = options.propagate ?? true
  const pending = new Map<string, ResultLeaf[]>()
  for (const leaf of wait.leaves) {
    if (leaf.settled !== undefined || leaf.ignored) {
      wait.settled?.(leaf)
      if (propagate) leaf.settledValue(true)
    } else {
      const same = pending.get(leaf.id)
      if (same === undefined) pending.set(leaf.id, [leaf])
      else same.push(leaf)
    }
  }
  if (pending.size === 0) return

  const parents = new Map(propagate ? wait.parents.map((parent) => [parent.id, parent]) : [])
  for (const parent of parents.values()) if (parent.settled !== undefined) parent.settledValue(true)
  const done = new Deferred()
  // It may fail before anybody looks, and nobody need look when the wait was given up.
  done.promise.catch(() => undefined)
  const listener = (meta: ResultMeta): void => {
    // What is on its way when a wait ends still comes.
    if (done.settled) return
    try {
      options.onMessage?.(meta)
      if (!READY_STATES.has(meta.status)) return
      const parent = parents.get(meta.task_id)
      parent?.accept(meta)
      if (parent !== undefined && PROPAGATE_STATES.has(meta.status)) parent.settledValue(true)
      const leaves = pending.get(meta.task_id)
      if (leaves === undefined) return
      pending.delete(meta.task_id)
      for (const leaf of leaves) {
        leaf.accept(meta)
        wait.settled?.(leaf)
        if (propagate) leaf.settledValue(true)
      }
      if (pending.size === 0) done.resolve()
    } catch (error) {
      done.reject(error)
    }
  }
  const watched = idsByStore([...wait.leaves.filter(({ id }) => pending.has(id)), ...parents.values()])
  await follow(context, watched, listener, done, wait)
}

/** What is to be watched where: tasks may have backends of their own. */
function idsByStore(leaves: readonly ResultLeaf[]): ReadonlyMap<ResultStore, ReadonlySet<string>> {
  const ids = new Map<ResultStore, Set<string>>()
  for (const { id, backend } of leaves) {
    const known = ids.get(backend)
    if (known === undefined) ids.set(backend, new Set([id]))
    else known.add(id)
  }
  return ids
}

async function follow(
  context: ResultContext,
  watched: ReadonlyMap<ResultStore, ReadonlySet<string>>,
  listener: (meta: ResultMeta) => void,
  done: Deferred,
  { options, fresh }: Pick<WaitForResults, 'options' | 'fresh'>,
): Promise<void> {
  const { timeout, interval, signal } = options
  const ids = [...watched.values()].flatMap((each) => [...each])
  const waiting = async (): Promise<void> => {
    const how = {
      interval: interval === undefined ? DEFAULT_INTERVAL : toMilliseconds(interval, 'interval'),
      failed: (error: unknown) => done.reject(error),
      fresh,
    }
    const stops = [...watched].map(([store, ids]) => store.follow([...ids], listener, how))
    const stopAll = (): void => {
      for (const stop of stops) stop.then((stopIt) => stopIt()).catch(() => undefined)
    }
    const following = Promise.all(stops).then(
      () => stopAll,
      (error: unknown) => {
        stopAll()
        throw error
      },
    )
    try {
      // What is pushed meanwhile, a failure too, need not wait for the first look.
      if ((await Promise.race([following, done.promise])) !== undefined) await done.promise
    } finally {
      // Also when it ends before the first look has: nobody would ever stop that one.
      following.then(
        (stop) => stop(),
        () => undefined,
      )
    }
  }
  try {
    await waitOrAbort(
      waiting(),
      {
        signal,
        timeout: timeout === undefined ? undefined : toMilliseconds(timeout, 'timeout'),
        clock: context.clock,
      },
      ids.length === 1 ? `the result of task ${ids[0]}` : `${ids.length} results`,
    )
  } finally {
    // Whoever gives up has nobody follow the results any more; a signal's reason would cost more than all the rest.
    done.resolve()
  }
}

/** The single results before a node, the nearest first. Groups are left out: their chord reports their failures. */
export function parentLeaves(node: ResultNode): ResultLeaf[] {
  const leaves: ResultLeaf[] = []
  for (let parent = node.parent; parent !== undefined; parent = parent.parent) {
    const [leaf, ...more] = parent.leaves()
    if (leaf !== undefined && more.length === 0 && leaf.id === parent.id) leaves.push(leaf)
  }
  return leaves
}
