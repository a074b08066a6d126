/**
 * Telling errbacks (`link_error`) that a task failed. Celery: `_call_task_errbacks`.
 *
 * An errback that is a task of this process with room for it is called here and now with the request, the error and the
 * traceback. All others are sent as a group, with nothing but the id of the failed task.
 */
import type { SignatureData } from '../protocol/signature.ts'
import type { RegisteredTask } from '../task/ports.ts'
import type { TaskRequest } from '../task/request.ts'
import type { CanvasHost } from '../task/signature.ts'
import type { Failure } from './failure.ts'
import { callInPlace, sendFollowUps } from './follow-ups.ts'

/** Calls and sends the errbacks; one that fails is logged and keeps none of the others. */
export async function callErrbacks(
  host: CanvasHost,
  errbacks: readonly SignatureData[],
  request: TaskRequest,
  failure: Failure,
): Promise<void> {
  const { tasks, settings, logger } = host
  const sent: SignatureData[] = []
  for (const errback of errbacks) {
    const task = tasks.get(errback.task)
    if (task === undefined || !takesError(task)) {
      sent.push(errback)
      continue
    }
    try {
      const args = errback.immutable ? [] : [request, failure.error, failure.traceback]
      await callInPlace(host, task, [...args, ...errback.args], errback.kwargs)
    } catch (error) {
      logger.error(`Errback ${errback.task} of task ${request.id} failed`, { error })
    }
  }
  if (sent.length === 0) return
  await sendFollowUps(host, sent, [request.id], {
    parentId: request.id,
    rootId: request.rootId || request.id,
    eager: settings.taskAlwaysEager || request.deliveryInfo.isEager,
  })
}

/** Bound tasks get the id alone, as in Celery: they may want to retry, which a direct call cannot. */
function takesError(task: RegisteredTask): boolean {
  return task.runnable && !task.options.bind && (task.arity === undefined || task.arity > 1)
}
