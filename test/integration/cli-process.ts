import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Celery } from '../../src/index.ts'
import type { AsyncResult } from '../../src/result.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventuallyValue } from '../support/eventually.ts'
import type { RunningProcess } from '../support/spawn.ts'
import { startProcess } from '../support/spawn.ts'
import { tempDir } from '../support/temp-dir.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
/** The app of these tests. */
const TASKS = fileURLToPath(new URL('fixtures/cli/tasks.ts', import.meta.url))

/** How a command ended. */
export interface CommandResult {
  readonly code: number | NodeJS.Signals
  /** Both streams. */
  readonly output: string
}

/** A place to run commands: an empty folder of its own, in which the embedded broker lies. */
export interface CliPlace {
  readonly folder: string
  /** Path of a file of the place. */
  file(name: string): string
  /** What is in a file of the place; undefined as long as it isn't there. */
  read(name: string): string | undefined
  /** Starts `celery -A tasks …`. */
  start(...argv: string[]): RunningProcess
  /** Starts `celery -A tasks …` and gives its streams, for tests that do something to them. */
  streams(...argv: string[]): ChildProcessWithoutNullStreams
  /** Runs `celery -A tasks …` to its end. */
  run(...argv: string[]): Promise<CommandResult>
  /** Runs `celery …` to its end. */
  withoutApp(...argv: string[]): Promise<CommandResult>
  /** Starts a worker and waits until it is ready. */
  worker(...argv: string[]): Promise<RunningProcess>
  /** Sends a task, from this process, which is quicker than a command. */
  send(name: string, args: readonly unknown[], options?: { readonly queue: string }): Promise<AsyncResult>
}

/** Environment without the variables that would change what is tested. */
const CLEAN = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) =>
      /^(?:CELERY|C_|APP$|BROKER_URL|RESULT_BACKEND|LOADER$|CONFIG_MODULE|NO_COLOR|FORCE_COLOR)/.test(name),
    )
    .filter((name) => name !== 'CELERIAC_TEST_RUN')
    .map((name) => [name, undefined] as const),
)

/** See `CliPlace`. */
export function cliPlace(t: TestContext, env: Readonly<Record<string, string>> = {}): CliPlace {
  const folder = tempDir(t)
  const url = `sqlite:///${join(folder, 'celery.sqlite3')}`
  const client = new Celery('client', { broker: url, backend: url, setAsCurrent: false })
  onCleanup(
    t,
    () => client.close(),
    () => undefined,
  )
  const file = (name: string): string => join(folder, name)
  const celery = (...argv: string[]): RunningProcess =>
    startProcess(process.execPath, [CLI, ...argv], { t, cwd: folder, env: { ...CLEAN, ...env } })
  const start = (...argv: string[]): RunningProcess => celery('-A', TASKS, ...argv)
  const end = async (command: RunningProcess): Promise<CommandResult> => {
    return { code: await command.wait(), output: command.output() }
  }
  const run = (...argv: string[]): Promise<CommandResult> => end(start(...argv))
  return {
    folder,
    file,
    read: (name) => readIfThere(file(name)),
    start,
    streams: (...argv) => {
      const child = spawn(process.execPath, [CLI, '-A', TASKS, ...argv], {
        cwd: folder,
        env: { ...process.env, ...CLEAN, ...env },
      })
      const kill = (): void => void child.kill('SIGKILL')
      onCleanup(t, kill, kill)
      return child
    },
    run,
    withoutApp: (...argv) => end(celery(...argv)),
    worker: async (...argv) => {
      const worker = start('worker', '-l', 'INFO', ...argv)
      await worker.waitForOutput(/ ready\.\n/)
      return worker
    },
    send: async (name, args, options = { queue: 'celery' }) => await client.sendTask(name, args, {}, options),
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Waits until a file has a line that matches, and gives what its first group holds. */
export async function lineOf(place: CliPlace, name: string, pattern: RegExp): Promise<string> {
  return await eventuallyValue(() => pattern.exec(place.read(name) ?? '')?.[1], {
    message: `${pattern} in ${name}`,
  })
}
