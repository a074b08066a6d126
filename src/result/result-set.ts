import type { ResultTuple } from '../protocol/result-meta.ts'
import { trusted } from './async-result.ts'
import type { GetOptions, ResultContext, ResultLeaf, ResultNode, RevokeResultOptions } from './ports.ts'
import { revokeCalls } from './revoke.ts'
import { assertMayWait, waitForResults } from './wait.ts'

/** Results that are looked at and waited for together; they stay in order. Celery: `ResultSet`. */
export class ResultSet<T extends readonly unknown[] = unknown[]> {
  readonly #context: ResultContext
  readonly #results: ResultNode[] = []

  constructor(results: Iterable<ResultNode>, context: ResultContext) {
    this.#context = context
    this.update(results)
  }

  /** The members. */
  get results(): readonly ResultNode[] {
    return this.#results
  }

  get length(): number {
    return this.#results.length
  }

  [Symbol.iterator](): IterableIterator<ResultNode> {
    return this.#results.values()
  }

  /** Adds a result, unless one with its id is there. */
  add(result: ResultNode): void {
    if (!this.#results.some(({ id }) => id === result.id)) this.#results.push(result)
  }

  /** Takes a result (or the one with that id) out. @throws RangeError when it is not there. */
  remove(result: ResultNode | string): void {
    if (!this.discard(result)) {
      throw new RangeError(
        `The set holds no result ${JSON.stringify(typeof result === 'string' ? result : result.id)}`,
      )
    }
  }

  /** Takes a result (or the one with that id) out, and says whether it was there. */
  discard(result: ResultNode | string): boolean {
    const wanted = typeof result === 'string' ? result : result.id
    const index = this.#results.findIndex(({ id }) => id === wanted)
    if (index >= 0) this.#results.splice(index, 1)
    return index >= 0
  }

  /** Adds several. */
  update(results: Iterable<ResultNode>): void {
    const ids = new Set(this.#results.map(({ id }) => id))
    for (const result of results) {
      if (ids.has(result.id)) continue
      ids.add(result.id)
      this.#results.push(result)
    }
  }

  clear(): void {
    this.#results.length = 0
  }

  /** Whether all are ready. */
  async ready(): Promise<boolean> {
    return (await this.#ask((result) => result.ready())).every(Boolean)
  }

  /** Whether all have succeeded. */
  async successful(): Promise<boolean> {
    return (await this.#ask((result) => result.successful())).every(Boolean)
  }

  /** Whether any has failed. */
  async failed(): Promise<boolean> {
    return (await this.#ask((result) => result.failed())).some(Boolean)
  }

  /** Whether any is not ready. */
  async waiting(): Promise<boolean> {
    return !(await this.ready())
  }

  /** How many have **succeeded**, as in Celery; those that failed do not count. */
  async completedCount(): Promise<number> {
    return (await this.#ask((result) => result.successful())).filter(Boolean).length
  }

  /**
   * Waits for all and gives their values in order. One subscription serves them all, `timeout` is for all together.
   * @throws the error of the first that fails (unless `propagate: false`); TimeoutError; TaskError inside a task.
   */
  async get(options: GetOptions = {}): Promise<T> {
    assertMayWait(this.#context, options)
    const { callback } = options
    await waitForResults({
      context: this.#context,
      leaves: this.leaves(),
      parents: [],
      options,
      ...(callback === undefined
        ? {}
        : { settled: (leaf: ResultLeaf) => callback(leaf.id, leaf.settledValue(false)) }),
    })
    return trusted<T>(this.settledValue(options.propagate ?? true))
  }

  /** The same as `get`. */
  join(options: GetOptions = {}): Promise<T> {
    return this.get(options)
  }

  /** Gives each single result with its value (or error) as it comes. Celery: `iter_native`. */
  async *iterate(options: GetOptions = {}): AsyncGenerator<readonly [leaf: ResultLeaf, value: unknown]> {
    assertMayWait(this.#context, options)
    const ready: ResultLeaf[] = []
    let wake = Promise.withResolvers<void>()
    const stop = new AbortController()
    const signals = options.signal === undefined ? [stop.signal] : [stop.signal, options.signal]
    let over = false
    const waiting = waitForResults({
      context: this.#context,
      leaves: this.leaves(),
      parents: [],
      options: { ...options, propagate: false, signal: AbortSignal.any(signals) },
      settled: (leaf) => {
        ready.push(leaf)
        wake.resolve()
      },
    }).finally(() => {
      over = true
      wake.resolve()
    })
    // It is awaited below, but maybe long after it has failed.
    waiting.catch(() => undefined)
    try {
      while (true) {
        for (let leaf = ready.shift(); leaf !== undefined; leaf = ready.shift()) {
          yield [leaf, leaf.settledValue(options.propagate ?? true)]
        }
        if (over) break
        await wake.promise
        wake = Promise.withResolvers()
      }
      await waiting
    } finally {
      stop.abort()
      await waiting.catch(() => undefined)
    }
  }

  /** Throws the error of a member that has failed by now. */
  async maybeThrow(): Promise<void> {
    for (const leaf of this.leaves()) {
      if (await leaf.ready()) leaf.settledValue(true)
    }
  }

  /** Removes all stored results. */
  async forget(): Promise<void> {
    await this.#ask((result) => result.forget())
  }

  /** Tells all workers not to run the calls of the members, with one command. See `AsyncResult.revoke`. */
  async revoke(options: RevokeResultOptions = {}): Promise<void> {
    const ids = this.leaves().map(({ id }) => id)
    if (ids.length > 0) await revokeCalls(this.#context, ids, options)
  }

  leaves(): readonly ResultLeaf[] {
    return this.#results.flatMap((result) => result.leaves())
  }

  settledValue(propagate: boolean): unknown {
    return this.#results.map((result) => result.settledValue(propagate))
  }

  /** The members as plain data. */
  protected tuples(): readonly ResultTuple[] {
    return this.#results.map((result) => result.asTuple())
  }

  #ask<R>(question: (result: ResultNode) => Promise<R>): Promise<R[]> {
    return Promise.all(this.#results.map(question))
  }
}
