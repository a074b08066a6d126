/** Sending what follows a task, through the canvas. */
import type { SignatureData } from '../protocol/signature.ts'
import { TaskSelf } from '../task/context.ts'
import { runInTask } from '../task/current-task.ts'
import type { RegisteredTask } from '../task/ports.ts'
import { createTaskRequest } from '../task/request.ts'
import type { CanvasHost } from '../task/signature.ts'
import { uuid } from '../util/uuid.ts'

/** How a signature is sent that follows a task. */
export interface FollowUpOptions {
  readonly parentId?: string | undefined
  readonly rootId?: string | undefined
  /** Of the finished task, if it is inherited. */
  readonly priority?: number | undefined
  /** What is left of the chain, reversed. */
  readonly chain?: readonly SignatureData[] | undefined
  /** Run it here and now instead of sending it. */
  readonly eager?: boolean | undefined
}

/**
 * Sends a signature, `args` in front of its own. Settles when the broker has the message.
 * @throws EncodeError when the arguments cannot be sent; OperationalError when nothing can.
 */
export async function sendFollowUp(
  host: CanvasHost,
  data: SignatureData,
  args: readonly unknown[],
  options: FollowUpOptions,
): Promise<void> {
  const { eager = false, parentId, rootId, priority, chain } = options
  const wire: Record<string, unknown> = {}
  if (parentId !== undefined) wire['parent_id'] = parentId
  if (rootId !== undefined) wire['root_id'] = rootId
  if (priority !== undefined) wire['priority'] = priority
  if (chain !== undefined) wire['chain'] = chain
  const signature = host.signatureFrom(data)
  if (eager) await signature.runEagerly(args, wire)
  else await signature.send(args, wire)
}

/** Sends several as one group; see `sendFollowUp`. */
export function sendFollowUps(
  host: CanvasHost,
  signatures: readonly SignatureData[],
  args: readonly unknown[],
  options: FollowUpOptions,
): Promise<void> {
  const group: SignatureData = {
    task: 'celery.group',
    args: [],
    kwargs: { tasks: signatures },
    options: {},
    subtask_type: 'group',
    immutable: false,
  }
  return sendFollowUp(host, group, args, options)
}

/** Calls a task of this process like a function, and waits for it. */
export async function callInPlace(
  host: CanvasHost,
  task: RegisteredTask,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const request = createTaskRequest({ id: uuid(), task: task.name, args, kwargs, calledDirectly: true })
  const self = new TaskSelf({ task, host, request })
  return runInTask(self, () => task.run(self, args, kwargs))
}
