import type { ResultStore } from '../backends/result-store.ts'
import { IncompleteStream } from '../errors.ts'
import { readException } from '../protocol/exception-info.ts'
import type { ResultMeta, ResultTuple } from '../protocol/result-meta.ts'
import { buildResultMeta } from '../protocol/result-meta.ts'
import {
  ABORTED,
  EXCEPTION_STATES,
  FAILURE,
  PENDING,
  PROPAGATE_STATES,
  READY_STATES,
  SUCCESS,
} from '../protocol/states.ts'
import { parseIsoDate } from '../util/iso8601.ts'
import type {
  GetOptions,
  ResultContext,
  ResultLeaf,
  ResultNode,
  RevokeResultOptions,
  StampedHeaders,
} from './ports.ts'
import { revokeByStamps, revokeCalls } from './revoke.ts'
import { assertMayWait, parentLeaves, waitForResults } from './wait.ts'

/** What an `AsyncResult` is made with besides its id. */
export interface AsyncResultOptions {
  readonly parent?: ResultNode | undefined
  /** The call asked for no result to be stored. */
  readonly ignored?: boolean
  /** The call is only being sent: there is nothing to be found of it yet, though much to hear of soon. Default false. */
  readonly fresh?: boolean
}

/**
 * The result of one call, wherever it runs: asks the result backend. Celery: `AsyncResult`.
 *
 * It is no promise and never thenable, so it can be handed through async functions; `get()` gives the value. What a
 * backend knows of a result for good (SUCCESS, FAILURE, REVOKED) is asked for once.
 */
export class AsyncResult<T = unknown> implements ResultLeaf {
  readonly id: string
  parent: ResultNode | undefined
  readonly ignored: boolean
  readonly #context: ResultContext
  readonly #fresh: boolean
  #settled: ResultMeta | undefined
  #error: Error | undefined

  /** @throws TypeError when `id` is no text or empty. */
  constructor(id: string, context: ResultContext, options: AsyncResultOptions = {}) {
    if (typeof id !== 'string' || id === '') {
      throw new TypeError(`An AsyncResult needs the id of a task, not ${JSON.stringify(id)}`)
    }
    this.id = id
    this.parent = options.parent
    this.ignored = options.ignored ?? false
    this.#context = context
    this.#fresh = options.fresh ?? false
  }

  /** Where it is stored. Celery: `AsyncResult.backend`. */
  get backend(): ResultStore {
    return this.#context.store
  }

  /** The same as `id`. */
  get taskId(): string {
    return this.id
  }

  /**
   * Waits for the value.
   * @throws the error of the task if it failed (unless `propagate: false`); TimeoutError; TaskError inside a task.
   */
  async get(options: GetOptions = {}): Promise<T> {
    if (!this.ignored) {
      assertMayWait(this.#context, options)
      const parents = (options.followParents ?? true) ? parentLeaves(this) : []
      await waitForResults({ context: this.#context, leaves: [this], parents, options, fresh: this.#fresh })
    }
    const value = this.settledValue(options.propagate ?? true)
    options.callback?.(this.id, value)
    return trusted<T>(value)
  }

  /** The document as it is stored; that of a pending task when nothing is. */
  async meta(): Promise<ResultMeta> {
    if (this.#settled !== undefined) return this.#settled
    const meta = await this.#context.store.load(this.id)
    if (meta === undefined) return pendingMeta(this.id)
    this.accept(meta)
    return meta
  }

  /** PENDING (or unknown), STARTED, SUCCESS, FAILURE, …, or a state of the task's own. */
  async state(): Promise<string> {
    return (await this.meta()).status
  }

  /** Whether nothing more will happen: it succeeded, failed or was revoked. */
  async ready(): Promise<boolean> {
    return READY_STATES.has(await this.state())
  }

  async successful(): Promise<boolean> {
    return (await this.state()) === SUCCESS
  }

  /** Whether it failed; a revoked task has not. */
  async failed(): Promise<boolean> {
    return (await this.state()) === FAILURE
  }

  /** What is stored as the result: the value, the error, or what the task told with its state. Celery: also `info`. */
  async result(): Promise<unknown> {
    return this.#valueOf(await this.meta())
  }

  /** Text of the stack of the error. */
  async traceback(): Promise<string | undefined> {
    return (await this.meta()).traceback ?? undefined
  }

  /** The results of the calls that the task made; undefined while that is not known. */
  async children(): Promise<readonly ResultNode[] | undefined> {
    const { children } = await this.meta()
    return children?.map((child) => this.#context.fromTuple(child))
  }

  /** When it was finished. */
  async dateDone(): Promise<Date | undefined> {
    const { date_done: date } = await this.meta()
    return date === null || date === undefined ? undefined : parseIsoDate(date)
  }

  /** Name of the task; stored only with `resultExtended`, like what follows. */
  async name(): Promise<string | undefined> {
    return (await this.meta()).name ?? undefined
  }

  async args(): Promise<unknown> {
    return (await this.meta()).args ?? undefined
  }

  async kwargs(): Promise<unknown> {
    return (await this.meta()).kwargs ?? undefined
  }

  /** Node name of the worker that ran it. */
  async worker(): Promise<string | undefined> {
    return (await this.meta()).worker ?? undefined
  }

  async retries(): Promise<number | undefined> {
    return (await this.meta()).retries ?? undefined
  }

  /** Queue it was delivered from. */
  async queue(): Promise<string | undefined> {
    return (await this.meta()).queue ?? undefined
  }

  /** Whether anything is stored. Celery (main): `exists`. */
  async exists(): Promise<boolean> {
    return (this.#settled ?? (await this.#context.store.load(this.id))) !== undefined
  }

  /** Throws the task's error if it has failed by now; otherwise gives what `result()` gives. */
  async maybeThrow(options: Pick<GetOptions, 'propagate' | 'callback'> = {}): Promise<unknown> {
    const meta = await this.meta()
    const value = this.#valueOf(meta)
    if ((options.propagate ?? true) && PROPAGATE_STATES.has(meta.status)) throw value
    options.callback?.(this.id, value)
    return value
  }

  /** Removes the stored result, and those of its parents. */
  async forget(): Promise<void> {
    this.#settled = undefined
    this.#error = undefined
    await this.parent?.forget()
    await this.#context.store.forget([this.id])
  }

  /**
   * Tells all workers not to run the call; with `terminate` it is ended if it runs. Settles when the broker has the
   * command, with `wait` when workers have replied.
   */
  revoke(options: RevokeResultOptions = {}): Promise<void> {
    return revokeCalls(this.#context, this.id, options)
  }

  /**
   * Asks the task to stop: its state becomes ABORTED, which the task finds with `self.isAborted()` if it looks. Nothing
   * stops it otherwise, and `get` goes on waiting until it ends. Needs a backend that keeps results, so not `rpc://`.
   * Nothing happens when the result is there already. Celery: `AbortableAsyncResult.abort`.
   */
  async abort(): Promise<void> {
    if (await this.ready()) return
    const { store, clock } = this.#context
    await store.save(buildResultMeta({ id: this.id, state: ABORTED, result: null, now: clock.now() }))
  }

  /** Whether it was asked to stop and has not ended since. Celery: `AbortableAsyncResult.is_aborted`. */
  async isAborted(): Promise<boolean> {
    return (await this.state()) === ABORTED
  }

  /** Tells all workers not to run calls that carry one of these stamps. Celery: `revoke_by_stamped_headers`. */
  revokeByStampedHeaders(headers: StampedHeaders, options: RevokeResultOptions = {}): Promise<void> {
    return revokeByStamps(this.#context, headers, options)
  }

  /**
   * This result and all that it caused, breadth first, each with the node it came from.
   * @throws IncompleteStream at a result that is not ready, unless `intermediate`.
   */
  async *iterdeps(
    options: { readonly intermediate?: boolean } = {},
  ): AsyncGenerator<readonly [parent: ResultNode | undefined, node: ResultNode]> {
    const queue: [ResultNode | undefined, ResultNode][] = [[undefined, this]]
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      yield next
      const [, node] = next
      if (await node.ready()) {
        for (const child of (await node.children()) ?? []) queue.push([node, child])
      } else if (!(options.intermediate ?? false)) {
        throw new IncompleteStream(`The result of task ${node.id} is not there yet`)
      }
    }
  }

  /** Waits for this result and all that it caused, one after the other, and gives each with its value. */
  async *collect(
    options: GetOptions & { readonly intermediate?: boolean } = {},
  ): AsyncGenerator<readonly [node: ResultNode, value: unknown]> {
    const { intermediate = false, ...waiting } = options
    for await (const [, node] of this.iterdeps({ intermediate })) yield [node, await node.get(waiting)]
  }

  /** The value of the last result that `collect` gives. */
  async getLeaf(options: GetOptions = {}): Promise<unknown> {
    let last: unknown
    for await (const [, value] of this.collect(options)) last = value
    return last
  }

  /** As plain data: `[[id, parent], null]`. */
  asTuple(): ResultTuple {
    return [[this.id, this.parent?.asTuple() ?? null], null]
  }

  /** Its id, then those of its parents. */
  asList(): string[] {
    const ids: string[] = []
    for (let node: ResultNode | undefined = this; node !== undefined; node = node.parent) ids.push(node.id)
    return ids
  }

  toJSON(): ResultTuple {
    return this.asTuple()
  }

  toString(): string {
    return this.id
  }

  leaves(): readonly ResultLeaf[] {
    return [this]
  }

  get settled(): ResultMeta | undefined {
    return this.#settled
  }

  accept(meta: ResultMeta): void {
    if (READY_STATES.has(meta.status)) this.#settled = meta
  }

  settledValue(propagate: boolean): unknown {
    const meta = this.#settled
    if (meta === undefined) return undefined
    const value = this.#valueOf(meta)
    if (propagate && PROPAGATE_STATES.has(meta.status)) throw value
    return value
  }

  #valueOf(meta: ResultMeta): unknown {
    if (!EXCEPTION_STATES.has(meta.status)) return meta.result
    if (meta !== this.#settled) return this.#errorOf(meta)
    // The same error each time it is asked for.
    this.#error ??= this.#errorOf(meta)
    return this.#error
  }

  #errorOf(meta: ResultMeta): Error {
    return readException(meta.result, this.#context.errorClasses)
  }
}

/** The document of a task of which nothing is stored. */
function pendingMeta(id: string): ResultMeta {
  return { task_id: id, status: PENDING, result: null, traceback: null, children: null, date_done: null }
}

/** A value from a backend, typed as its task says. Nobody can check it here: the caller trusts the task. */
export function trusted<T>(value: unknown): T {
  return value as T
}
