import { TaskRevokedError, TimeLimitExceeded, WorkerLostError } from '../errors.ts'
import type { TaskJob } from '../execution/job.ts'
import { isTaskOutcome, type TaskOutcome } from '../execution/outcome.ts'
import type { Delivery } from '../messaging/message.ts'
import type { Pool, PoolOutcome } from '../pool/pool.ts'
import type { HeapTimer, ScheduledTimer } from '../util/heap-timer.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { RateLimits, Turn } from './rate-limits.ts'
import type { RequestSubject } from './request-subject.ts'
import type { Revokes } from './revokes.ts'
import type { Session } from './session.ts'
import { type Ending, type Settlement, settle, storesLoss } from './settlement.ts'
import type { TaskObservers } from './task-observer.ts'

/** Writes results for outcomes that no process of the pool can write. */
export interface OutcomeRecorder {
  /** FAILURE, with everything that follows from it: error callbacks, chord. */
  fail(job: TaskJob, error: Error): Promise<void>
  /** REVOKED. */
  revoke(job: TaskJob, error: TaskRevokedError): Promise<void>
}

/** What requests need of their worker. */
export interface RequestHost {
  readonly pool: Pool
  readonly timer: HeapTimer
  /** Undefined: the tasks' `rateLimit` does not count. */
  readonly rateLimits: RateLimits | undefined
  readonly observers: TaskObservers
  readonly deadLetters: DeadLetters
  readonly recorder: OutcomeRecorder
  readonly revokes: Pick<Revokes, 'add' | 'includes' | 'revokingStamp'>
  /** Times that a task may take its process with it until its message is dead; undefined: no limit. */
  readonly maxDeliveries: number | undefined
  /** The worker stops: what did not start goes back to the broker. */
  readonly stopping: boolean
  /** A request was admitted, held, released, or ended. */
  entered(request: Request): void
  held(request: Request): void
  released(request: Request): void
  ended(request: Request): void
  /** The broker was told what becomes of a request's message. */
  settled(request: Request, settlement: Settlement, session: Session): void
  /** A result could not be written: the message is not settled, so that the broker brings it again. */
  recordingFailed(request: Request, error: unknown): void
}

let lastJob = 0

/** See `Request.key`. */
export function requestKey(headers: { readonly id: string; readonly retries: number }): string {
  return `${headers.id}:${headers.retries}`
}

/**
 * The life of one task in a worker.
 *
 * *Admitted*: expired ones end here. *Held*: until its ETA, then until the rate limit lets it start. *Submitted*: to the pool, where it may wait for a slot.
 * *Running*: from the pool's `accepted` on; with early acknowledgement the message is settled now. *Ended*: the pool
 * told the outcome; the message is settled by the table in `settlement.ts`. *Dropped*: the session was lost, or the
 * worker stops, before it ran: the broker has the message, or gets it back, and will deliver it again.
 *
 * When the session is lost while it runs, the broker delivers the message a second time. `adopt` lets the running
 * request answer for the second delivery, too, so that a task does not run twice because of a broken connection.
 */
export class Request {
  readonly subject: RequestSubject
  readonly #host: RequestHost
  /** The id of the task will not do: its next attempt may come before this one has ended. */
  readonly #jobId = `${++lastJob}`
  #delivery: Delivery
  #session: Session
  #phase: 'admitted' | 'held' | 'submitted' | 'running' | 'ended' | 'dropped' = 'admitted'
  #settled = false
  /** The pool was asked to give it back, unless it has started. */
  #withdrawn = false
  #timer: ScheduledTimer | undefined
  #turn: Turn | undefined
  #cancelled = false
  /** It was revoked while it was here, whatever is remembered of revokes. */
  #revoked = false
  /** The signal by which a revoked one is to be ended should it have started. */
  #signal: string | undefined
  /** When it started, in milliseconds since 1970; undefined: it has not. */
  startedAt: number | undefined
  /** Process in which it runs. */
  pid: number | undefined

  constructor(host: RequestHost, subject: RequestSubject, delivery: Delivery, session: Session) {
    this.#host = host
    this.subject = subject
    this.#delivery = delivery
    this.#session = session
  }

  get id(): string {
    return this.subject.job.headers.id
  }

  get name(): string {
    return this.subject.job.headers.task
  }

  /** Identifies the message among all deliveries: every attempt of a task has the same id. */
  get key(): string {
    return requestKey(this.subject.job.headers)
  }

  /** Identifies this request among all that there were in this process. */
  get serial(): string {
    return this.#jobId
  }

  /** Its task runs now. */
  get running(): boolean {
    return this.#phase === 'running'
  }

  /** It waits for its ETA. */
  get scheduled(): boolean {
    return this.#phase === 'held' && this.#turn === undefined
  }

  /** The broker was told what becomes of its message. */
  get acknowledged(): boolean {
    return this.#settled
  }

  /** Its message came over a connection that is gone, and is not settled. */
  get orphaned(): boolean {
    return this.#session.lost && !this.#settled
  }

  /** What the broker would have been told, had the session not been lost. Undefined until the request has ended. */
  verdict: Settlement | undefined

  /** Decides what happens first. Called once. */
  admit(): void {
    const host = this.#host
    const { subject } = this
    host.entered(this)
    if (this.#endsUnrun()) return
    if (subject.eta !== undefined && subject.eta > host.timer.now) {
      this.#phase = 'held'
      host.held(this)
      this.#timer = host.timer.schedule(subject.eta, () => {
        host.released(this)
        this.#takeTurn()
      })
    } else {
      this.#takeTurn()
    }
  }

  #takeTurn(): void {
    this.#turn = this.#host.rateLimits?.wait(this.name, () => this.#submit())
    if (this.#turn === undefined) this.#submit()
    else this.#phase = 'held'
  }

  /** Takes a second delivery of the same message, after the session of the first was lost. */
  adopt(delivery: Delivery, session: Session): void {
    this.#delivery = delivery
    this.#session = session
    if (this.#phase === 'running' && !this.subject.policy.acksLate) this.#settle('ack')
  }

  /**
   * Forgets a request that has not started; the broker still has its message. Whether one has started that was given
   * to the pool, the pool alone can tell: if it has, the request goes on.
   */
  drop(): void {
    if (this.#phase === 'submitted') {
      this.#withdrawn = true
      this.#host.pool.withdraw(this.#jobId)
    } else if (this.#phase === 'held') {
      this.#leaveTheLine()
      this.#dropped()
    }
  }

  /**
   * It is not to run. One that waits ends here, one that runs only by a signal: then its process, or its abort signal,
   * is told. Celery: `Request.terminate`.
   */
  revoke(signal: string | undefined): void {
    this.#revoked = true
    this.#signal ??= signal
    if (this.#phase === 'submitted') {
      this.#withdrawn = true
      this.#host.pool.withdraw(this.#jobId)
      // One that has started is ended; it may be one that has no way of saying so.
      if (signal !== undefined) this.#host.pool.terminate(this.#jobId, signal)
    } else if (this.#phase === 'held') {
      this.#leaveTheLine()
      this.#endsUnrun()
    } else if (this.#phase === 'running' && signal !== undefined)
      this.#host.pool.terminate(this.#jobId, signal)
  }

  /**
   * Ends a task by force whose message cannot be acknowledged any more, because its connection is gone: the broker has
   * it run again. Others go on. Celery: `Request.cancel`.
   */
  cancel(): void {
    if (this.#phase !== 'running' || !this.orphaned) return
    this.#cancelled = true
    this.#host.pool.terminate(this.#jobId, 'SIGTERM')
  }

  #leaveTheLine(): void {
    if (this.#timer?.cancel() === true) this.#host.released(this)
    this.#turn?.cancel()
  }

  #dropped(): void {
    this.#phase = 'dropped'
    if (!this.#session.lost) this.#session.giveBack(this.#delivery.tag)
    this.#host.ended(this)
  }

  #submit(): void {
    if (this.#endsUnrun()) return
    const { job, softTimeLimit, timeLimit } = this.subject
    this.#phase = 'submitted'
    this.#withdrawn = false
    const accepted = (pid: number): void => {
      this.#phase = 'running'
      this.startedAt = Date.now()
      this.pid = pid
      this.#host.observers.accepted(this, pid)
      if (!this.subject.policy.acksLate) this.#settle('ack')
    }
    void this.#host.pool
      .run({ id: this.#jobId, data: job, kind: this.name, softTimeLimit, timeLimit }, { accepted })
      .then((outcome) => this.#finish(outcome))
  }

  /** Ends it, and says so, when it is expired or revoked. */
  #endsUnrun(): boolean {
    const { expires, job } = this.subject
    const { revokes } = this.#host
    const isRevoked = this.#revoked || revokes.includes(job.headers)
    const isExpired = !isRevoked && expires !== undefined && expires <= this.#host.timer.now
    if (!isRevoked && !isExpired) return false
    this.#phase = 'ended'
    if (isRevoked) void this.#discard(revokes.revokingStamp(job.headers))
    else void this.#expire()
    return true
  }

  async #discard(stamp: readonly [string, unknown] | undefined): Promise<void> {
    this.#host.observers.discarded(this, { reason: 'revoked', signal: undefined, stamp })
    await this.#record('revoked', (recorder) =>
      recorder.revoke(this.subject.job, new TaskRevokedError('revoked')),
    )
  }

  async #expire(): Promise<void> {
    this.#host.revokes.add([this.id])
    this.#host.observers.discarded(this, { reason: 'expired' })
    await this.#record('expired', (recorder) =>
      recorder.revoke(this.subject.job, new TaskRevokedError('expired')),
    )
  }

  #finish(outcome: PoolOutcome): void {
    if (this.#withdrawn && this.#phase === 'submitted') {
      // Its second delivery may have come before the pool gave it back.
      if (this.#session.lost || this.#host.stopping) this.#dropped()
      else this.#submit()
      return
    }
    switch (outcome.kind) {
      case 'returned':
        if (isTaskOutcome(outcome.value)) this.#report(outcome.value)
        else void this.#lose('an answer that is no outcome')
        break
      case 'timeout':
        this.#host.observers.timedOut(this, outcome.limit)
        void this.#record('timed-out', (recorder) =>
          recorder.fail(this.subject.job, new TimeLimitExceeded(outcome.limit / 1000)),
        )
        break
      case 'lost':
        void this.#lose(outcome.signal ?? `exitcode ${outcome.exitCode}`)
        break
      case 'terminated':
        void this.#endByForce(outcome.signal)
        break
    }
  }

  /** Logs and settles what the runner answered; its result is stored already. */
  #report(outcome: TaskOutcome): void {
    const { observers } = this.#host
    switch (outcome.kind) {
      case 'succeeded':
        observers.succeeded(this, outcome.runtime, outcome.result)
        this.#end('succeeded')
        break
      case 'failed':
        observers.failed(this, outcome.error, outcome.traceback, outcome.severity)
        this.#end('failed')
        break
      case 'retried':
        observers.retried(this, outcome.reason, outcome.traceback, outcome.error)
        this.#end('retried')
        break
      case 'ignored':
        observers.ignored(this)
        this.#end('ignored')
        break
      case 'rejected':
        observers.rejected(this, outcome.reason, outcome.requeue)
        this.#end(outcome.requeue ? 'rejected-requeue' : 'rejected')
        break
      case 'invalid':
        void this.#bury(outcome.reason, outcome.detail)
        break
      case 'abandoned':
        void this.#endByForce('SIGTERM')
        break
    }
  }

  async #lose(how: string): Promise<void> {
    if (!storesLoss(this.subject.policy)) {
      if (this.#host.maxDeliveries === undefined) this.#end('lost')
      else await this.#tryAgain(how, this.#host.maxDeliveries)
      return
    }
    const error = new WorkerLostError(`Worker exited prematurely: ${how}`)
    this.#host.observers.failed(this, `WorkerLostError(${JSON.stringify(error.message)})`, '', 'unexpected')
    await this.#record('lost', (recorder) => recorder.fail(this.subject.job, error))
  }

  /**
   * It is to run again, but not for ever. The count travels with the message, so it is a new one that goes back, and it
   * is stored before the old one is settled.
   */
  async #tryAgain(how: string, most: number): Promise<void> {
    const { deadLetters, observers, recorder } = this.#host
    const lost = deadLetters.lossesOf(this.#delivery) + 1
    const detail = `Worker exited prematurely: ${how} (delivery ${lost} of ${most})`
    const error = `WorkerLostError(${JSON.stringify(detail)})`
    if (lost < most) {
      observers.retried(this, error, '', error)
      this.#end((await deadLetters.sendBack(this.#delivery, this.#session, lost)) ? 'retried' : 'lost')
      return
    }
    observers.failed(this, error, '', 'unexpected')
    try {
      await recorder.fail(this.subject.job, new WorkerLostError(detail))
      await this.#bury('too-often', detail)
    } catch (cause) {
      this.#host.recordingFailed(this, cause)
      this.#end('interrupted')
    }
  }

  /** It was ended while it ran: because it was revoked or cancelled, or because the worker stops. */
  #endByForce(signal: string): Promise<void> {
    if ((this.#host.stopping || this.#cancelled) && this.#signal === undefined) return this.#interrupt()
    this.#host.observers.discarded(this, { reason: 'revoked', signal })
    const error = new TaskRevokedError('terminated')
    return this.#record('revoked', (recorder) => recorder.revoke(this.subject.job, error))
  }

  /** The worker stops at once. A message that is acknowledged already cannot go back: its task has failed. */
  async #interrupt(): Promise<void> {
    if (!this.#settled) return this.#end('interrupted')
    const error = new WorkerLostError('The worker was stopped while the task ran')
    await this.#record('interrupted', (recorder) => recorder.fail(this.subject.job, error))
  }

  async #bury(reason: string, detail: string): Promise<void> {
    this.#phase = 'ended'
    this.#host.observers.rejected(this, detail, false)
    // With early acknowledgement the broker has forgotten the message by now; the copy is all there is.
    let session: Session
    do {
      session = this.#session
      const burial = { reason, detail, acknowledged: this.#settled }
      this.verdict = await this.#host.deadLetters.bury(this.#delivery, session, burial)
      // Meanwhile the message may have come again on another session.
    } while (this.verdict === undefined && session !== this.#session)
    if (this.verdict !== undefined) this.#settle(this.verdict)
    this.#host.ended(this)
  }

  /** Writes a result here, and settles when it is written. */
  async #record(ending: Ending, write: (recorder: OutcomeRecorder) => Promise<void>): Promise<void> {
    try {
      await write(this.#host.recorder)
    } catch (error) {
      this.#host.recordingFailed(this, error)
      ending = 'interrupted'
    }
    this.#end(ending)
  }

  #end(ending: Ending): void {
    this.#phase = 'ended'
    this.verdict = settle(ending, this.subject.policy)
    this.#settle(this.verdict)
    this.#host.ended(this)
  }

  #settle(settlement: Settlement): void {
    if (this.#settled) return
    // On a lost session nothing can be settled; the second delivery, which `adopt` brings, will be.
    if (this.#session.lost) return
    this.#settled = true
    this.#session.settle(this.#delivery.tag, settlement)
    this.#host.settled(this, settlement, this.#session)
  }
}
