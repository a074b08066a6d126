/** What a worker does with its process: who it runs as, which signals it hears, how it is replaced by a new one. */

import { open as openInspector } from 'node:inspector'
import { CliError } from './exit-code.ts'
import type { Environment } from './options.ts'
import type { StopSignal } from './shutdown.ts'

/** Handlers of signals. */
export interface SignalHandlers {
  readonly stop: (signal: StopSignal) => void
  /** HUP: stop, and begin anew. */
  readonly restart: () => void
  /** USR1: say what goes on. */
  readonly report: () => void
}

/** Where the process runs. */
export interface ProcessFacts {
  /** Whether a terminal is there: then HUP means that it was closed, and isn't heard. */
  readonly isTerminal: boolean
  readonly environment: Environment
  readonly say: (text: string) => void
}

/**
 * Hears TERM, INT, QUIT, USR1; HUP when there is no terminal; USR2 when `CELERY_RDBSIG` is set: it lets a debugger in
 * at `CELERY_RDB_HOST` (127.0.0.1) and `CELERY_RDB_PORT` (6899).
 *
 * @returns the function that ends it.
 */
export function installSignals(handlers: SignalHandlers, facts: ProcessFacts): () => void {
  const installed: [NodeJS.Signals, () => void][] = [
    ['SIGTERM', () => handlers.stop('SIGTERM')],
    ['SIGINT', () => handlers.stop('SIGINT')],
    ['SIGQUIT', () => handlers.stop('SIGQUIT')],
    ['SIGUSR1', handlers.report],
  ]
  if (!facts.isTerminal) {
    const refuse = (): void =>
      facts.say('SIGHUP not supported: this system cannot restart the worker in place')
    installed.push(['SIGHUP', canReplaceProcess() ? handlers.restart : refuse])
  }
  if (facts.environment['CELERY_RDBSIG']) installed.push(['SIGUSR2', () => letDebuggerIn(facts)])
  for (const [signal, handler] of installed) process.on(signal, handler)
  return () => {
    for (const [signal, handler] of installed) process.off(signal, handler)
  }
}

function letDebuggerIn({ environment, say }: ProcessFacts): void {
  const port = Number(environment['CELERY_RDB_PORT'] ?? 6899)
  openInspector(port, environment['CELERY_RDB_HOST'] ?? '127.0.0.1')
  say(`A debugger can connect to port ${port} (chrome://inspect, or node inspect)`)
}

/** Celery refuses on macOS, too: programs with threads can't be replaced there. */
function canReplaceProcess(): boolean {
  return process.execve !== undefined && process.platform !== 'darwin' && process.platform !== 'win32'
}

/** Runs the same command line again, in the same process. It doesn't come back. */
export function replaceProcess(): void {
  process.execve?.(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], {
    ...process.env,
  })
}

/** What goes on in this process. */
export function processReport(tasks: readonly string[]): string {
  const resources = Map.groupBy(process.getActiveResourcesInfo(), (name) => name)
  const { rss, heapUsed } = process.memoryUsage()
  return [
    `pid ${process.pid}, up ${Math.round(process.uptime())} s, ${mebibytes(rss)} resident, ${mebibytes(heapUsed)} heap`,
    `open: ${[...resources].map(([name, all]) => `${all.length} ${name}`).join(', ')}`,
    `tasks: ${tasks.length}`,
    ...tasks.map((task) => `  ${task}`),
  ].join('\n')
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`
}

/**
 * Refuses to run as root what anybody who reaches the broker can make run anything: pickled messages. Celery:
 * `check_privileges`.
 *
 * @returns a warning for any other worker that runs as root.
 * @throws CliError unless `C_FORCE_ROOT` is set.
 */
export function checkPrivileges(
  acceptContent: readonly string[],
  userId: number | undefined,
  environment: Environment,
): string | undefined {
  if (userId !== 0) return undefined
  const isPickled = acceptContent.some(
    (name) => name === 'pickle' || name === 'application/x-python-serialize',
  )
  if (isPickled && !environment['C_FORCE_ROOT']) {
    throw new CliError(
      'A worker that runs as root and accepts pickled messages hands the machine to whoever can send one.\n' +
        "Take 'pickle' out of acceptContent, or run it as another user (--uid). " +
        'If it must be, set the environment variable C_FORCE_ROOT.',
    )
  }
  return 'The worker runs as root. Better run it as another user, e.g. with --uid.'
}
