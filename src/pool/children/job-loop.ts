import { systemClock } from '../../util/clock.ts'
import { JobContext } from '../job-context.ts'
import type { AbortReason, Runner } from '../pool.ts'
import type { FrameLink, ToChild, ToParent } from './frames.ts'

/** Milliseconds after which jobs that wait behind others are given back. */
const GIVE_BACK_MS = 20

type Job = Extract<ToChild, readonly ['job', ...unknown[]]>

/** What a job loop needs of the process or thread it is in. */
export interface JobLoopOptions {
  readonly parent: FrameLink<ToParent>
  /** Bytes of memory that this process or thread has. */
  readonly weigh: () => number
  /** The runner is there. */
  readonly ready?: () => void
  /** All has ended and is closed: leave. */
  readonly leave: () => void
}

/**
 * What goes on in a child of a pool: it is told a runner module, then jobs, until it is told to stop.
 *
 * It runs as many jobs at once as it was told; the pool may hand over a few more when jobs are short, and these wait
 * here. When a job turns out not to be short, those that wait are given back.
 */
export class JobLoop {
  readonly #options: JobLoopOptions
  readonly #parent: FrameLink<ToParent>
  /** Jobs that have not ended. */
  readonly #running = new Map<string, JobContext>()
  /** Those of them that take a slot. */
  readonly #working = new Set<string>()
  readonly #waiting = new Map<string, Job>()
  #runner: Runner | undefined
  #slots = 1
  /** Bytes; undefined: no limit, or it was exceeded and that was said. */
  #maxMemory: number | undefined
  #givingBack = false
  /** It was told to stop. */
  stopping = false

  constructor(options: JobLoopOptions) {
    this.#options = options
    this.#parent = options.parent
    this.#parent.send(['up'])
    this.#parent.flush()
  }

  receive(message: ToChild): void {
    switch (message[0]) {
      case 'init':
        this.#slots = message[3]
        this.#maxMemory = message[4]
        void this.#initialise(message[1], message[2])
        break
      case 'job':
        if (this.#working.size < this.#slots) void this.#runJob(message)
        else this.#wait(message)
        break
      case 'abort':
        this.#abort(message[1], message[2])
        break
      case 'stop':
        void this.#stop()
        break
    }
  }

  async #initialise(module: string, init: unknown): Promise<void> {
    try {
      const loaded: { createRunner?: (init: unknown) => Promise<Runner> } = await import(module)
      if (loaded.createRunner === undefined) throw new Error(`${module} exports no createRunner`)
      this.#runner = await loaded.createRunner(init)
      this.#parent.send(['ready'])
      this.#options.ready?.()
    } catch (error) {
      const { message, stack } = error instanceof Error ? error : new Error(String(error))
      this.#parent.send(['failed', message, stack ?? message])
    }
  }

  async #runJob([, id, data, softTimeLimit, announce]: Job): Promise<void> {
    const runner = this.#runner
    if (runner === undefined) throw new Error(`child ${process.pid}: job ${id} came before the runner`)
    const started = performance.now()
    let worked: number | undefined
    const context = new JobContext(() => {
      if (worked !== undefined) return
      worked = performance.now() - started
      timer?.cancel()
      this.#working.delete(id)
      this.#startNext()
    })
    this.#running.set(id, context)
    this.#working.add(id)
    this.#parent.send(['accepted', id])
    if (announce) this.#parent.flush()
    const timer =
      softTimeLimit === undefined
        ? undefined
        : systemClock.setTimeout(() => context.abort('soft'), softTimeLimit)
    try {
      const value = await runner.run(data, context)
      context.release()
      this.#parent.send(['done', id, value, worked ?? 0, isForced(context.reason)])
    } catch (error) {
      context.release()
      this.#parent.send(['broken', id, String(error)])
    }
    this.#running.delete(id)
    if (this.#maxMemory !== undefined) this.#weigh(this.#maxMemory)
  }

  #weigh(most: number): void {
    const bytes = this.#options.weigh()
    if (bytes <= most) return
    this.#maxMemory = undefined
    this.#parent.send(['heavy', bytes])
  }

  #startNext(): void {
    for (const [id, job] of this.#waiting) {
      if (this.#working.size >= this.#slots) return
      this.#waiting.delete(id)
      void this.#runJob(job)
    }
  }

  #wait(job: Job): void {
    this.#waiting.set(job[1], job)
    if (!this.#givingBack) this.#watchRunning()
  }

  /** Looks after a while whether jobs that run now still run. */
  #watchRunning(): void {
    this.#givingBack = true
    const before = [...this.#working]
    setTimeout(() => {
      this.#givingBack = false
      if (before.every((id) => this.#working.has(id))) this.#giveBack()
      else if (this.#waiting.size > 0) this.#watchRunning()
    }, GIVE_BACK_MS)
  }

  /** Those that ran then still run: they are not short, so what waits behind them must not. */
  #giveBack(): void {
    for (const id of this.#waiting.keys()) this.#parent.send(['returned', id])
    this.#waiting.clear()
  }

  #abort(id: string, reason: 'terminate' | 'shutdown' | 'withdraw'): void {
    if (this.#waiting.delete(id)) this.#parent.send(['returned', id])
    // What has done its work and only waits for others is not to be stopped half-way: it could not say how far it is.
    else if (reason !== 'withdraw' && this.#working.has(id)) this.#running.get(id)?.abort(reason)
  }

  async #stop(): Promise<void> {
    this.stopping = true
    await this.#runner?.close()
    this.#parent.flush()
    this.#options.leave()
  }
}

function isForced(reason: AbortReason | undefined): boolean {
  return reason !== undefined && reason !== 'soft'
}
