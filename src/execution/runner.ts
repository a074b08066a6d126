/** The runner that pools get: it runs tasks. */
import type { Runner } from '../pool/pool.ts'
import { isRecord } from '../util/is-record.ts'
import type { TaskJob } from './job.ts'
import type { TaskOutcome } from './outcome.ts'
import type { ExecutionHost } from './ports.ts'
import { hearStrayRejections } from './stray-rejections.ts'
import { Tracer } from './tracer.ts'

/** How to make a runner. */
export interface TaskRunnerOptions {
  /** Before the process ends; a runner in the worker's own process leaves the app alone. Default: nothing. */
  readonly close?: () => Promise<void>
}

/** Makes the runner of this process. Until it is closed, promises that its tasks forget do not end the process. */
export function createTaskRunner(host: ExecutionHost, { close }: TaskRunnerOptions = {}): Runner {
  const tracer = new Tracer(host)
  const endHearing = hearStrayRejections()
  return {
    run: (data, context) => (isTaskJob(data) ? tracer.run(data, context) : Promise.resolve(NO_JOB)),
    close: async () => {
      try {
        await close?.()
      } finally {
        endHearing()
      }
    },
  }
}

/** What a child process has loaded: the app, and how to close it. */
export interface LoadedExecution {
  readonly host: ExecutionHost
  close(): Promise<void>
}

/**
 * Makes the runner of a child process or thread.
 *
 * @param init plain data from the worker.
 * @param load imports the user's app and makes it ready. Its error is the reason why the pool does not start.
 */
export async function loadTaskRunner(
  init: unknown,
  load: (init: unknown) => Promise<LoadedExecution>,
): Promise<Runner> {
  const loaded = await load(init)
  return createTaskRunner(loaded.host, { close: () => loaded.close() })
}

const NO_JOB: TaskOutcome = {
  kind: 'invalid',
  reason: 'invalid',
  detail: 'The pool was handed something that is no task job',
}

function isTaskJob(data: unknown): data is TaskJob {
  return isRecord(data) && isRecord(data['headers']) && data['body'] instanceof Uint8Array
}
