import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import type { CleanupContext } from './cleanup.ts'
import { onCleanup } from './cleanup.ts'
import type { EventuallyOptions } from './eventually.ts'
import { eventually } from './eventually.ts'

export interface ProcessOptions {
  /** The test at whose end the process is killed; without one it is killed when this process ends. */
  readonly t?: CleanupContext | undefined
  readonly cwd?: string
  /** Added to the environment of this process; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

export interface RunningProcess {
  readonly pid: number
  /** How it ended: its exit code, or the name of the signal. */
  readonly exited: Promise<number | NodeJS.Signals>
  /** Waits until it ends by itself. */
  wait(): Promise<number | NodeJS.Signals>
  /** All that it has written so far, standard output and standard error together. */
  output(): string
  /** What it has written so far to standard output alone. */
  stdout(): string
  /** Settles when `pattern` is in the output. Fails at once when the process ends before. */
  waitForOutput(pattern: RegExp, options?: EventuallyOptions): Promise<void>
  /** Sends a signal to the process alone. */
  signal(name: NodeJS.Signals): void
  /**
   * Asks it to end (by SIGTERM unless `ask` does it otherwise) and waits; kills what is left of its group then, or
   * after `patience` milliseconds (60 s).
   */
  stop(options?: { ask?: () => void | Promise<void>; patience?: number }): Promise<number | NodeJS.Signals>
  /** Kills the process and its children (SIGKILL to the group) and waits for the end. */
  kill(): Promise<void>
}

/** Starts a program as the head of a process group of its own, so that its children can be killed with it. */
export function startProcess(
  command: string,
  args: readonly string[],
  { t, cwd, env }: ProcessOptions = {},
): RunningProcess {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { pid } = child
  if (pid === undefined) {
    child.once('error', () => {})
    throw new Error(`Could not start ${command}: is it installed and in PATH?`)
  }
  let output = ''
  let stdout = ''
  const collect = (chunk: string): void => {
    output += chunk
  }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk
    collect(chunk)
  })
  child.stderr.setEncoding('utf8').on('data', collect)
  const exited = exitOf(child)
  if (!t) {
    // It lives as long as this process does, so it must not be the reason why this process lives on.
    hold(child, false)
  }
  const killGroup = (): void => signalGroup(pid, 'SIGKILL')
  const kill = async (): Promise<void> => {
    hold(child, true)
    killGroup()
    await exited
  }
  onCleanup(t, kill, killGroup)
  const waitForOutput = async (pattern: RegExp, options?: EventuallyOptions): Promise<void> => {
    await eventually(() => pattern.test(output) || child.exitCode !== null || child.signalCode !== null, {
      message: `${pattern} in the output of ${command}`,
      ...options,
    }).catch((error: Error) => {
      throw new Error(`${error.message}\n${output}`, { cause: error })
    })
    if (pattern.test(output)) return
    // It has ended; what it wrote last may not have been read yet.
    const end = await exited
    if (!pattern.test(output)) {
      throw new Error(`${command} ended (${end}) before ${pattern} was in its output:\n${output}`)
    }
  }
  return {
    pid,
    exited,
    async wait() {
      hold(child, true)
      return await exited
    },
    output: () => output,
    stdout: () => stdout,
    waitForOutput,
    signal: (name) => child.kill(name),
    async stop({ ask = () => void child.kill('SIGTERM'), patience = 60_000 } = {}) {
      hold(child, true)
      await ask()
      const giveUp = new AbortController()
      await Promise.race([exited, delay(patience, undefined, { signal: giveUp.signal }).catch(() => {})])
      giveUp.abort()
      killGroup()
      return await exited
    },
    kill,
  }
}

/** Whether the event loop of this process waits for the child. */
function hold(child: ChildProcess, wait: boolean): void {
  for (const each of [child, child.stdout, child.stderr]) {
    if (each && 'ref' in each && 'unref' in each) {
      const change = wait ? each.ref : each.unref
      if (typeof change === 'function') {
        change.call(each)
      }
    }
  }
}

function exitOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? -1))
  })
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    // ESRCH: the whole group is gone already, which is what was wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) {
      throw error
    }
  }
}
