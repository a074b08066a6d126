import type { WorkerSignals } from '../app/worker-signals.ts'
import { InvalidTaskError, NotRegistered } from '../errors.ts'
import type { Delivery } from '../messaging/message.ts'
import type { TaskLookup } from '../task/ports.ts'
import type { Unrunnable } from './strategy.ts'
import type { Discard, ObservedTask, TaskObserver } from './task-observer.ts'

/** What a `TaskSignalsObserver` works with. */
export interface TaskSignalsOptions {
  /** The worker: sender of the signals. */
  readonly worker: object
  readonly tasks: TaskLookup
  readonly signals: Pick<WorkerSignals, 'taskReceived' | 'taskRevoked' | 'taskRejected' | 'taskUnknown'>
}

/** Tells the receivers of signals what becomes of tasks in a worker. Nothing is made while nobody is connected. */
export class TaskSignalsObserver implements TaskObserver {
  readonly #options: TaskSignalsOptions

  constructor(options: TaskSignalsOptions) {
    this.#options = options
  }

  received(request: ObservedTask): void {
    const { signals, worker } = this.#options
    const { taskReceived } = signals
    if (taskReceived.hasReceivers) void taskReceived.deliver({ sender: worker, request })
  }

  discarded(request: ObservedTask, discard: Discard): void {
    const { signals, tasks } = this.#options
    const { taskRevoked } = signals
    if (!taskRevoked.hasReceivers) return
    const signum = discard.reason === 'revoked' ? discard.signal : undefined
    void taskRevoked.deliver({
      sender: tasks.get(request.name),
      request,
      terminated: signum !== undefined,
      signum,
      expired: discard.reason === 'expired',
    })
  }

  refused(message: Delivery, { reason, detail, headers }: Unrunnable): void {
    const { signals, worker: sender } = this.#options
    const { taskRejected, taskUnknown } = signals
    if (reason === 'unknown-task' && headers !== undefined) {
      if (!taskUnknown.hasReceivers) return
      const { task: name, id } = headers
      void taskUnknown.deliver({ sender, message, name, id, error: new NotRegistered(name) })
    } else if (taskRejected.hasReceivers) {
      void taskRejected.deliver({ sender, message, error: new InvalidTaskError(detail) })
    }
  }
}
