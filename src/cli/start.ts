/** The command line, for programs that have the app already. */
import type { Celery } from '../app/celery.ts'
import { processIo } from './process-io.ts'
import { runProgram } from './program.ts'

/** How the command line is started. */
export interface StartOptions {
  /**
   * The module that exports the app, for pools whose tasks run in other processes: `import.meta.url`, or that of
   * another module, with `#name` if the app is not exported as `app` or `celery`.
   */
  readonly module?: string
}

/**
 * Runs `celery` with this app: `await start(app, ['inspect', 'ping'])`. Settles with the exit code; the process goes on.
 * Celery: `app.start`.
 * @param argv default: that of the process.
 */
export async function start(
  app: Celery,
  argv: readonly string[] = process.argv.slice(2),
  { module }: StartOptions = {},
): Promise<number> {
  using io = processIo()
  return await runProgram(argv, io, { app, reference: module ?? '' })
}

/**
 * The same for workers: `await workerMain(app, ['worker', '-l', 'INFO'])`. Celery: `app.worker_main`.
 * @throws RangeError when `argv` lacks the word `worker`.
 */
export async function workerMain(
  app: Celery,
  argv: readonly string[] = process.argv.slice(2),
  options?: StartOptions,
): Promise<number> {
  if (!argv.includes('worker')) {
    throw new RangeError(
      `The word worker is missing in ${JSON.stringify(argv)}: workerMain(app, ['worker', …])`,
    )
  }
  return start(app, argv, options)
}
