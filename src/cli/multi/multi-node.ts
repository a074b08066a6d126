import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { CliError } from '../exit-code.ts'
import { readPid } from '../pidfile.ts'
import { joinWords, splitWords } from '../shell-words.ts'
import type { MultiOptions } from './multi-words.ts'

/** How workers are started unless `--cmd` and `--executable` say otherwise. */
export interface WorkerProgram {
  /** What runs them: Node. */
  readonly executable: string
  /** Its arguments up to the options of the worker: `…/main.js worker --detach`. */
  readonly command: readonly string[]
}

/** What there is to know about a node. */
export interface MultiNodeOptions {
  readonly program: WorkerProgram
  /** A command line instead of the program's. */
  readonly cmd: string | undefined
  /** Put behind everything else. */
  readonly append: string | undefined
  readonly options: MultiOptions
  /** Put behind the options as it is. */
  readonly passthrough: readonly string[]
}

/** Stand before the word `worker`. */
const GLOBAL_OPTIONS: ReadonlySet<string> = new Set([
  ...['-A', '--app', '-b', '--broker', '--result-backend', '--loader', '--config', '--workdir'],
  ...['-C', '--no-color', '-q', '--quiet', '--skip-checks', '--traceback'],
])

/** How a process that was started ended: its exit code, or the signal that ended it. */
export type NodeOutcome = number | NodeJS.Signals

/** One worker of a cluster: its command line, its files, its process. Celery: `Node`. */
export class MultiNode {
  /** The whole name: `celery1@host`. */
  readonly name: string
  readonly executable: string
  readonly pidfile: string
  readonly logfile: string
  /** The command line without the executable. */
  readonly argv: readonly string[]

  constructor(name: string, { program, cmd, append, options, passthrough }: MultiNodeOptions) {
    this.name = name
    const all = new Map(options)
    all.delete('-n')
    all.set('-n', name)
    const settle = (flags: readonly [string, ...string[]], standard: string): string => {
      const given = flags.map((flag) => all.get(flag)).find((value) => value !== undefined)
      if (given === undefined) all.set(flags[0], standard)
      return this.expand(given ?? standard)
    }
    const workdir = this.expand(all.get('--workdir') ?? '')
    this.pidfile = path.resolve(workdir, settle(['--pidfile', '-p'], '/var/run/celery/%n.pid'))
    this.logfile = path.resolve(workdir, settle(['--logfile', '-f'], '/var/log/celery/%n%I.log'))
    this.executable = settle(['--executable'], program.executable)
    const command = cmd === undefined ? program.command : splitWords(this.expand(cmd))
    const [before, behind] = partition(all, (flag) => GLOBAL_OPTIONS.has(flag))
    const at = command.indexOf('worker')
    const place = at < 0 ? command.length : at
    this.argv = [
      ...command.slice(0, place),
      ...before.flatMap((option) => this.#optionWords(option)),
      ...command.slice(place),
      ...behind.flatMap((option) => this.#optionWords(option)),
      ...passthrough,
      ...splitWords(this.expand(append ?? '')),
    ]
  }

  /** The command line as a shell takes it. */
  get commandLine(): string {
    return joinWords(this.argv)
  }

  /**
   * Fills in `%n` and `%N` (short name), `%h` and `%p` (the whole name) and `%d` (host). `%i`, `%I` and `%%` are left to
   * the worker.
   */
  expand(template: string): string {
    const at = this.name.indexOf('@')
    const short = this.name.slice(0, at)
    const values: Readonly<Record<string, string>> = {
      n: short,
      N: short,
      h: this.name,
      p: this.name,
      d: this.name.slice(at + 1),
    }
    return template.replace(/%([nNhpd])/g, (_, key: string) => values[key] ?? '')
  }

  /** Id of its process, if its pid file is there. */
  get pid(): number | undefined {
    const pid = readPid(this.pidfile)
    return pid === 'broken' ? undefined : pid
  }

  /** Whether a process with that id is there. */
  isAlive(pid: number): boolean {
    return this.send(pid, 0)
  }

  /**
   * Sends a signal to its process.
   * @returns whether there was one. @throws CliError when it is somebody else's.
   */
  send(pid: number, signal: NodeJS.Signals | 0): boolean {
    try {
      process.kill(pid, signal)
      return true
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
      if (code === 'ESRCH') return false
      throw new CliError(`Process ${pid} of ${this.name} is not ours: it can't be signalled (${code})`, {
        cause,
      })
    }
  }

  /** Starts it, and waits until it runs in the background or has failed to. What it complains about is shown. */
  async start(): Promise<NodeOutcome> {
    for (const file of [this.pidfile, this.logfile]) makeFolder(path.dirname(file))
    const child = spawn(this.executable, [...this.argv], { stdio: ['ignore', 'ignore', 'inherit'] })
    try {
      const [code, signal]: unknown[] = await once(child, 'exit')
      return typeof code === 'number' ? code : isSignalName(signal) ? signal : 1
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new CliError(`${this.executable} can't be started: ${reason}`, { cause })
    }
  }

  #optionWords([flag, value]: readonly [string, string | undefined]): string[] {
    if (value === undefined || value === '') return [flag]
    const text = this.expand(value)
    return flag.startsWith('--') ? [`${flag}=${text}`] : [flag, text]
  }
}

function isSignalName(value: unknown): value is NodeJS.Signals {
  return typeof value === 'string' && value.startsWith('SIG')
}

type Entry = readonly [string, string | undefined]

function partition(options: MultiOptions, isFirst: (flag: string) => boolean): [Entry[], Entry[]] {
  const entries = [...options]
  return [entries.filter(([flag]) => isFirst(flag)), entries.filter(([flag]) => !isFirst(flag))]
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CliError(
      `The folder ${folder} can't be made: ${reason}\n` +
        'Give files that may be written: --pidfile=./%n.pid --logfile=./%n%I.log',
      { cause },
    )
  }
}
