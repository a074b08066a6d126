import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { RunnerSource } from '../pool.ts'
import type { ToChild, ToParent } from './frames.ts'
import { FrameSocket } from './frames.ts'

/** How a child ended. */
export interface ChildExit {
  readonly exitCode: number | undefined
  readonly signal: string | undefined
}

/** What a child tells its pool. */
export interface ChildEvents {
  accepted(id: string): void
  done(id: string, value: unknown, milliseconds: number): void
  returned(id: string): void
  broken(id: string, message: string): void
  heavy(bytes: number): void
  exited(exit: ChildExit): void
}

/**
 * One child process, seen from the parent. Life: *starting* until `ready` settles, *serving* until `retire` or
 * `kill`, *gone* when `exited` was called (always, and once).
 */
export class ChildHandle {
  readonly #process: ChildProcess
  readonly #socket: FrameSocket<ToChild, ToParent>
  /** Settles when the runner was made; rejects when that failed or the process died before. */
  readonly ready: Promise<void>
  /** Jobs among them that cannot be expected to end at once: nothing is handed over to wait behind them. */
  slow = 0
  /** Ids of the jobs that were handed over and have not ended. */
  readonly jobs: Set<string> = new Set()
  /** Jobs it ended so far. */
  completed = 0
  /** It gets no more jobs and ends when its last one has. */
  retiring = false
  serving = false

  /** @param limits jobs at once; bytes of memory from which on it says `heavy`. */
  constructor(
    source: RunnerSource,
    limits: { readonly slots: number; readonly maxMemory: number | undefined },
    events: ChildEvents,
  ) {
    const started = Promise.withResolvers<void>()
    this.ready = started.promise
    this.#process = spawn(process.execPath, [...inheritedArguments(process.execArgv), ENTRY], {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    })
    const pipe = this.#process.stdio[3]
    if (!(pipe instanceof Duplex)) throw new Error('prefork: the child process got no pipe')
    pipe.on('error', () => {
      // The child died while we were writing; `exit` tells the story.
    })
    this.#socket = new FrameSocket(pipe, (message) => {
      switch (message[0]) {
        case 'ready':
          this.serving = true
          started.resolve()
          break
        case 'failed': {
          const error = new Error(message[1])
          error.stack = message[2]
          started.reject(error)
          break
        }
        case 'accepted':
          events.accepted(message[1])
          break
        case 'done':
          this.#ended(message[1])
          events.done(message[1], message[2], message[3])
          break
        case 'returned':
          this.jobs.delete(message[1])
          events.returned(message[1])
          break
        case 'broken':
          this.#ended(message[1])
          events.broken(message[1], message[2])
          break
        case 'heavy':
          events.heavy(message[1])
          break
      }
    })
    // 'close' comes after the last bytes of the pipe were read, so no outcome that was sent is missed.
    let gone = false
    const exited = (exitCode: number | null, signal: string | null): void => {
      if (gone) return
      gone = true
      this.serving = false
      const how = signal ?? `exit code ${exitCode}`
      started.reject(new Error(`a child process of the pool ended while it started (${how})`))
      events.exited({ exitCode: exitCode ?? undefined, signal: signal ?? undefined })
    }
    this.#process.once('close', exited)
    this.#process.once('error', () => exited(null, null))
    this.#socket.send(['init', source.module, source.init, limits.slots, limits.maxMemory])
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  /** Hands a job over; see `ToChild` for `announce`. */
  run(id: string, data: unknown, softTimeLimit: number | undefined, announce: boolean): void {
    this.jobs.add(id)
    this.#socket.send(['job', id, data, softTimeLimit, announce])
  }

  /** Fires the signal of a running job, or takes back one that waits; see `ToChild`. */
  abort(id: string, reason: 'terminate' | 'shutdown' | 'withdraw'): void {
    this.#socket.send(['abort', id, reason])
    this.#socket.flush()
  }

  /** Ends the process as soon as its last job has ended. */
  retire(): void {
    this.retiring = true
    if (this.jobs.size === 0) this.#socket.send(['stop'])
  }

  /** Ends the process now. */
  kill(): void {
    this.#process.kill('SIGKILL')
  }

  #ended(id: string): void {
    this.jobs.delete(id)
    this.completed += 1
    if (this.retiring && this.jobs.size === 0) this.#socket.send(['stop'])
  }
}

/** What child processes run. */
const ENTRY = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './child-main.ts' : './child-main.js', import.meta.url),
)

/** Whether this process is a child of a pool itself. */
export function isPoolChild(): boolean {
  return process.argv[1] === ENTRY
}

/** Options of node that child processes get, too: how modules are found, how much memory there is, TLS. */
const SHARED =
  /^(-r|-C|--(import|require|loader|experimental-loader|conditions|env-file|enable-source-maps|no-warnings|disable-warning|experimental-transform-types|max-old-space-size|max-semi-space-size|stack-trace-limit|expose-gc|dns-result-order|(use|tls|openssl)-[a-z-]+))(=|$)/
/** Those whose value may be the next argument. */
const WITH_VALUE =
  /^(-r|-C|--(import|require|loader|experimental-loader|conditions|env-file|disable-warning))$/

/** Options of node that concern this process alone (what it runs, its debugger, its tests) are left out. */
function inheritedArguments(execArgv: readonly string[]): string[] {
  return execArgv.filter(
    (argument, index) => SHARED.test(argument) || WITH_VALUE.test(execArgv[index - 1] ?? ''),
  )
}
