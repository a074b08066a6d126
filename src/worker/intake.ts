import { NotRegistered, WorkerLostError } from '../errors.ts'
import type { Delivery } from '../messaging/message.ts'
import type { Logger } from '../util/logger.ts'
import { postponedUntil } from './far-etas.ts'
import { Request, type RequestHost, requestKey } from './request.ts'
import type { RequestSubject } from './request-subject.ts'
import type { Session } from './session.ts'
import { deliveredJob, readDelivery, type StrategyOptions, type Unrunnable } from './strategy.ts'
import type { WorkerState } from './worker-state.ts'

/** What an intake needs of its worker. */
export interface IntakeOptions {
  readonly host: RequestHost
  readonly strategy: StrategyOptions
  readonly state: WorkerState
  readonly logger: Logger
}

/**
 * What becomes of a message that the broker brings: a request; the second delivery of a task that runs or has run; one
 * that the broker is to bring again later; or a message that nobody can run, which is kept with the reason.
 */
export class Intake {
  readonly #options: IntakeOptions

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  /** Never throws. */
  take(delivery: Delivery, session: Session): void {
    const { host, state, strategy } = this.#options
    state.delivered += 1
    if (session.lost) return
    const reading = readDelivery(delivery, strategy)
    // Before anything else: given back, it would run once more elsewhere.
    if (reading.runnable && this.#isAnswered(reading.subject, delivery, session)) return
    if (host.stopping) {
      session.giveBack(delivery.tag)
      return
    }
    if (!reading.runnable) {
      void this.#refuse(delivery, session, reading.problem)
      return
    }
    const { subject } = reading
    const { headers } = subject.job
    if (this.#isWornOut(delivery)) {
      const detail = `${headers.task}[${headers.id}] was delivered ${host.maxDeliveries} times and never came to an end`
      void this.#refuse(delivery, session, { reason: 'too-often', detail, headers })
      return
    }
    const until = postponedUntil(subject.eta, host.timer.now)
    if (until !== undefined && session.postpone(delivery.tag, until)) return
    const request = new Request(host, subject, delivery, session)
    host.observers.received(request)
    request.admit()
  }

  /** Whether it is the second delivery of a task that runs or has run here. */
  #isAnswered({ job }: RequestSubject, delivery: Delivery, session: Session): boolean {
    const { state } = this.#options
    if (!delivery.redelivered) {
      state.deliveredAnew(job.headers)
      return false
    }
    const adopt = (request: Request): void => request.adopt(delivery, session)
    return state.answerRedelivery(requestKey(job.headers), delivery.tag, session, adopt)
  }

  /** Brokers that count deliveries tell what killed whole workers; who restarts after a crash has no other way. */
  #isWornOut({ deliveryCount }: Delivery): boolean {
    const { maxDeliveries } = this.#options.host
    return maxDeliveries !== undefined && deliveryCount !== undefined && deliveryCount >= maxDeliveries
  }

  /** A message that nobody can run: kept with the reason, and its sender is told if it was a task. */
  async #refuse(delivery: Delivery, session: Session, problem: Unrunnable): Promise<void> {
    const { host, logger, strategy } = this.#options
    const { reason, detail, headers } = problem
    host.observers.refused(delivery, problem)
    logger.error(`${detail}\nThe message of queue ${delivery.queue} is refused (${reason}).`)
    if (headers !== undefined && (reason === 'unknown-task' || reason === 'too-often')) {
      const job = deliveredJob(delivery, headers, { hostname: strategy.hostname, wantRepr: false })
      const failure =
        reason === 'unknown-task' ? new NotRegistered(headers.task) : new WorkerLostError(detail)
      await host.recorder.fail(job, failure).catch((error: unknown) => {
        logger.error(`Cannot store why ${headers.task}[${headers.id}] is not run`, { error })
      })
    }
    const settlement = await host.deadLetters.bury(delivery, session, { reason, detail })
    if (settlement !== undefined) session.settle(delivery.tag, settlement)
  }
}
