import { constants } from 'node:os'
import type { EventDispatcher } from '../events/event-dispatcher.ts'
import type { Delivery } from '../messaging/message.ts'
import type { EventFields } from '../protocol/events.ts'
import type { TaskHeaders } from '../protocol/task-headers.ts'
import { repr } from '../util/repr.ts'
import { Attempts } from './attempts.ts'
import { settle } from './settlement.ts'
import type { Unrunnable } from './strategy.ts'
import type { Discard, ObservedTask, Severity, TaskObserver } from './task-observer.ts'

/** Tells monitors what becomes of the tasks of a worker. It is an observer only while somebody wants that. */
export class TaskEvents implements TaskObserver {
  readonly wantsResults: boolean = true
  readonly #dispatcher: EventDispatcher
  readonly #attempts = new Attempts()

  constructor(dispatcher: EventDispatcher) {
    this.#dispatcher = dispatcher
  }

  received(task: ObservedTask): void {
    const { headers } = task.subject.job
    this.#send(task, 'task-received', {
      name: headers.task,
      args: headers.argsrepr ?? null,
      kwargs: headers.kwargsrepr ?? null,
      root_id: headers.rootId ?? null,
      parent_id: headers.parentId ?? null,
      retries: headers.retries,
      eta: headers.eta ?? null,
      expires: headers.expires ?? null,
    })
  }

  accepted(task: ObservedTask): void {
    this.#attempts.began(task)
    this.#send(task, 'task-started', {})
  }

  succeeded(task: ObservedTask, runtime: number, result: string | undefined): void {
    this.#end(task, 'task-succeeded', { result: result ?? null, runtime: runtime / 1000 })
  }

  failed(task: ObservedTask, exception: string, traceback: string, _severity: Severity): void {
    const { policy } = task.subject
    if (policy.acksLate && settle('failed', policy) === 'reject') this.#reject(task, false)
    this.#end(task, 'task-failed', { exception, traceback })
  }

  retried(task: ObservedTask, _reason: string, traceback: string, exception: string): void {
    this.#end(task, 'task-retried', { exception, traceback })
  }

  /** Celery tells nothing of it. */
  ignored(task: ObservedTask): void {
    this.#attempts.ended(task)
  }

  /** A message that is acknowledged already is not refused: Celery says nothing then. */
  rejected(task: ObservedTask, _reason: string, requeue: boolean): void {
    if (task.subject.policy.acksLate) this.#reject(task, requeue)
    this.#attempts.ended(task)
  }

  discarded(task: ObservedTask, discard: Discard): void {
    const signal = discard.reason === 'revoked' ? discard.signal : undefined
    this.#end(task, 'task-revoked', {
      terminated: signal !== undefined,
      signum: signal === undefined ? null : signalNumber(signal),
      expired: discard.reason === 'expired',
    })
  }

  timedOut(task: ObservedTask, limit: number): void {
    const { policy } = task.subject
    if (policy.acksLate && settle('timed-out', policy) === 'requeue') {
      this.#reject(task, true)
      this.#attempts.ended(task)
      return
    }
    const exception = `TimeLimitExceeded(${limit / 1000})`
    this.#end(task, 'task-failed', { exception, traceback: exception })
  }

  refused(_delivery: Delivery, { reason, detail, headers }: Unrunnable): void {
    if (headers === undefined) return
    const exception = exceptionOf(reason, detail, headers)
    if (exception !== undefined) this.#dispatcher.send('task-failed', { uuid: headers.id, exception })
  }

  #reject(task: ObservedTask, requeue: boolean): void {
    this.#send(task, 'task-rejected', { requeue })
  }

  #end(task: ObservedTask, type: string, fields: EventFields): void {
    this.#send(task, type, fields)
    this.#attempts.ended(task)
  }

  #send(task: ObservedTask, type: string, fields: EventFields): void {
    const { id, subject } = task
    if (!subject.sendsEvents) return
    this.#attempts.tell(task, () => this.#dispatcher.send(type, { uuid: id, ...fields }))
  }
}

function exceptionOf(reason: Unrunnable['reason'], detail: string, headers: TaskHeaders): string | undefined {
  if (reason === 'unknown-task') return `NotRegistered(${repr(headers.task)})`
  return reason === 'too-often' ? `WorkerLostError(${repr(detail)})` : undefined
}

const SIGNALS: Readonly<Record<string, number>> = constants.signals

/** `SIGKILL` → 9, as Celery tells it; what is no signal as it is. */
function signalNumber(signal: string): number | string {
  return SIGNALS[signal] ?? signal
}
