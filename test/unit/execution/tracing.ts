import type { TaskJob } from '../../../src/execution/job.ts'
import type { TaskOutcome } from '../../../src/execution/outcome.ts'
import type { ExecutionHost } from '../../../src/execution/ports.ts'
import { Tracer } from '../../../src/execution/tracer.ts'
import { JobContext } from '../../../src/pool/job-context.ts'
import type { RunContext } from '../../../src/pool/pool.ts'
import type { TaskHandlers } from '../../../src/task/ports.ts'
import type { RecordingHost } from './recording-host.ts'

export const never = new JobContext()

/** Runs a job as a child does. */
export function run(
  host: RecordingHost,
  job: TaskJob,
  parts: Partial<ExecutionHost> = {},
  context: RunContext = never,
): Promise<TaskOutcome> {
  return new Tracer(host.execution(parts)).run(job, context)
}

/** Handlers and signal receivers that write into the journal. */
export function listening(host: RecordingHost): TaskHandlers {
  const { journal, signals } = host
  signals.taskPrerun.connect(({ taskId }) => journal.push(['prerun', taskId]))
  signals.taskPostrun.connect(({ state, retval }) => journal.push(['postrun', state, retval]))
  signals.taskSuccess.connect(({ result }) => journal.push(['success', result]))
  signals.taskFailure.connect(({ exception }) => journal.push(['failure', exception]))
  signals.taskRetry.connect(() => journal.push(['retry']))
  signals.taskInternalError.connect(({ exception }) => journal.push(['internal error', exception]))
  return {
    beforeStart: (_self, { taskId }) => journal.push(['beforeStart', taskId]),
    onSuccess: (_self, value) => journal.push(['onSuccess', value]),
    onFailure: (_self, error, { traceback }) => journal.push(['onFailure', error, traceback !== undefined]),
    onRetry: (_self, error, { traceback }) => journal.push(['onRetry', error, traceback !== undefined]),
    afterReturn: (_self, state, value, { traceback }) =>
      journal.push(['afterReturn', state, value, traceback]),
  }
}
