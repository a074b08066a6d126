/**
 * What follows a task: callbacks, the next of its chain, the body of its chord, errbacks. The one place that starts
 * any of them.
 *
 * The promise of this file: whatever is waited for ends. When something can never run because a task failed, every
 * result that somebody may wait for is stored as failed, every chord that counts on it is told, and each errback is
 * called once.
 */
import type { ResultStore } from '../backends/result-store.ts'
import { ChordError } from '../errors.ts'
import { tripleRepr } from '../protocol/exception-info.ts'
import { readResultTuple } from '../protocol/result-tuple.ts'
import type { SignatureData } from '../protocol/signature.ts'
import { PROPAGATE_STATES } from '../protocol/states.ts'
import type { TaskRequest } from '../task/request.ts'
import type { CanvasHost } from '../task/signature.ts'
import { chordErrorOf, shapeResults } from './chord-results.ts'
import { callErrbacks } from './errbacks.ts'
import { createFailure, type Failure } from './failure.ts'
import { type FollowUpOptions, sendFollowUp, sendFollowUps } from './follow-ups.ts'
import { storeResult } from './result-writer.ts'
import { errbacksOf, leavesOf, membersOf, requestOfSignature } from './signature-leaves.ts'

/** Parts without a place in the header come last. */
const LAST = Number.MAX_SAFE_INTEGER

/** See the module's description. */
export class Completion {
  readonly #host: CanvasHost

  constructor(host: CanvasHost) {
    this.#host = host
  }

  /**
   * Sends the callbacks and the next of the chain. Before the result is stored, so that it can name them as children.
   * @throws EncodeError when the value cannot be sent; OperationalError when nothing can.
   */
  async succeeded(request: TaskRequest, value: unknown): Promise<void> {
    const options = this.#followUpOptions(request)
    if (request.callbacks !== undefined) await this.#sendCallbacks(request.callbacks, value, options)
    const next = request.chain?.at(-1)
    if (next !== undefined) {
      await sendFollowUp(this.#host, next, [value], { ...options, chain: request.chain?.slice(0, -1) })
    }
  }

  /** Counts a finished member of a chord's header; the last one starts the body. After its result is stored. */
  async partReturned(request: TaskRequest, state: string, result: unknown): Promise<void> {
    const { chord: body, group, id } = request
    const { store: results } = this.#host.resultContextOf(request.task)
    if (body === undefined || group === undefined || id === '' || !results.enabled) return
    const chords = await results.chords()
    // Without a counter a task of Celery's, `celery.chord_unlock`, looks after the header.
    if (chords === undefined) return
    const { expires } = results
    const size = typeof body['chord_size'] === 'number' ? body['chord_size'] : undefined
    const part = { index: request.groupIndex ?? LAST, id, state, result }
    const { complete } = await chords.add(group, part, { expires, size })
    if (!complete) return
    // Only then is it forgotten: should we fail or die before, the part comes again and completes the chord again.
    await this.#startBody(body, group, results)
    // What is left of it expires; that is no reason to call the task a failure.
    await chords.forget(group).catch((error: unknown) => {
      this.#host.logger.warn(`Chord '${group}' could not be removed from the result backend`, { error })
    })
  }

  /**
   * Everything that follows a failure, after it was stored itself.
   * @param options `store`: results of what can never run are stored, too; `chain`: the rest of the chain cannot run;
   * `errbacks`: they are called.
   */
  async failed(
    request: TaskRequest,
    failure: Failure,
    options: { readonly store: boolean; readonly chain: boolean; readonly errbacks: boolean },
  ): Promise<void> {
    await this.partReturned(request, failure.state, failure.triple)
    if (options.chain && request.chain !== undefined) {
      for (const element of request.chain.toReversed()) {
        await this.#neverRun(element, failure, options.store)
      }
    }
    if (options.errbacks && request.errbacks !== undefined) {
      await callErrbacks(this.#host, request.errbacks, request, failure)
    }
  }

  async #sendCallbacks(
    callbacks: readonly SignatureData[],
    value: unknown,
    options: FollowUpOptions,
  ): Promise<void> {
    const [first] = callbacks
    if (first === undefined) return
    if (callbacks.length === 1) return sendFollowUp(this.#host, first, [value], options)
    const others: SignatureData[] = []
    for (const callback of callbacks) {
      if (callback.subtask_type === 'group') await sendFollowUp(this.#host, callback, [value], options)
      else others.push(callback)
    }
    if (others.length > 0) await sendFollowUps(this.#host, others, [value], options)
  }

  #followUpOptions(request: TaskRequest): FollowUpOptions {
    const { taskInheritParentPriority } = this.#host.settings
    return {
      parentId: request.id,
      rootId: request.rootId,
      priority: taskInheritParentPriority ? request.deliveryInfo.priority : undefined,
    }
  }

  /** The header is complete: its results go to the body, or its error to all that waits for the body. */
  async #startBody(body: SignatureData, group: string, results: ResultStore): Promise<void> {
    const { logger } = this.#host
    let error: ChordError | undefined
    try {
      error = await this.#sendBody(body, group, results)
    } catch (cause) {
      error =
        cause instanceof ChordError
          ? cause
          : new ChordError(`Join error: ${tripleRepr(this.#failure(cause).triple)}`, { cause })
    }
    if (error === undefined) return
    logger.error(`Chord '${group}' raised: ${error.message}`, { error })
    await this.bodyFailed(body, error)
  }

  async #sendBody(body: SignatureData, group: string, results: ResultStore): Promise<ChordError | undefined> {
    const parts = await (await results.chords())?.collect(group)
    if (parts === undefined) return new ChordError(`GroupResult ${group} no longer exists`)
    const error = chordErrorOf(parts, this.#host.resultContext.errorClasses)
    if (error !== undefined) return error
    const saved = await (await results.backend()).groups?.load(group)
    const values = shapeResults(parts, saved === undefined ? undefined : readResultTuple(saved))
    try {
      await sendFollowUp(this.#host, body, [values], {})
      return undefined
    } catch (cause) {
      return new ChordError(`Callback error: ${tripleRepr(this.#failure(cause).triple)}`, { cause })
    }
  }

  /** The body of a chord will not run: fails all that waits for it. Celery: `chord_error_from_stack`. */
  async bodyFailed(body: SignatureData, error: ChordError): Promise<void> {
    // Members of a group get the original error, as in Celery: each is a result of its own.
    const failure = this.#failure(body.subtask_type === 'group' ? (error.cause ?? error) : error)
    await this.#neverRun(body, failure, true)
    await this.#callErrbacksOfBody(body, failure)
  }

  /** The errbacks of a body that will not run; of a group for each member, with its own besides the group's. */
  async #callErrbacksOfBody(body: SignatureData, failure: Failure): Promise<void> {
    const called = body.subtask_type === 'group' ? membersOf(body) : [body]
    for (const member of called) {
      const errbacks = unique(
        member === body ? errbacksOf(body) : [...errbacksOf(body), ...errbacksOf(member)],
      )
      await callErrbacks(this.#host, errbacks, requestOfSignature(member), failure)
    }
  }

  /** A signature will never run: all its results fail, and so do the chords that count on them. */
  async #neverRun(signature: SignatureData, failure: Failure, store: boolean): Promise<void> {
    for (const leaf of leavesOf(signature)) {
      const request = requestOfSignature(leaf)
      if (store && PROPAGATE_STATES.has(failure.state)) {
        await storeResult(this.#host, request, failure.state, failure.triple, failure.traceback)
      }
      await this.partReturned(request, failure.state, failure.triple)
      for (const next of request.chain ?? []) await this.#neverRun(next, failure, store)
    }
  }

  #failure(error: unknown): Failure {
    return createFailure(error, this.#host.resultContext.errorClasses)
  }
}

/** Without repetitions: `link_error` of a canvas leaves the same errback in several places. */
function unique(signatures: readonly SignatureData[]): SignatureData[] {
  return [
    ...new Map(signatures.map((signature) => [JSON.stringify(signature, comparable), signature])).values(),
  ]
}

/** Big integers, which JSON of JavaScript refuses. */
function comparable(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? { bigint: value.toString() } : value
}
