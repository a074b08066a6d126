/** Sending what follows a task, through the canvas. */
import type { SignatureData } from '../protocol/signature.ts'
import { TaskSelf } from '../task/context.ts'
import { runInTask } from '../task/current-task.ts'
import type { RegisteredTask } from '../task/ports.ts'
import { createTaskRequest } from '../task/request.ts'
import type { AnySignature, CanvasHost } from '../task/signature.ts'
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
  const signature: AnySignature = host.signatureFrom(data).clone({ args })
  set(signature, 'parent_id', options.parentId)
  set(signature, 'root_id', options.rootId)
  set(signature, 'priority', options.priority)
  set(signature, 'chain', options.chain)
  if (options.eager === true) await signature.apply({})
  else await signature.applyAsync({})
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

function set(signature: AnySignature, option: string, value: unknown): void {
  if (value !== undefined) signature.options[option] = value
}
