import type { DeliveryTag } from '../messaging/message.ts'
import type { Request } from './request.ts'
import type { Session } from './session.ts'
import type { Settlement } from './settlement.ts'

/** Verdicts on messages of lost sessions that are remembered at most. */
const MOST_VERDICTS = 10_000
/** Verdicts whose word may still be on its way; more than that are hardly in flight at once. */
const MOST_SENT = 2_000

interface SentVerdict {
  readonly key: string
  readonly verdict: Settlement
  readonly session: Session
}

/**
 * What a worker knows of its requests: which it has, which run, which wait for their ETA, and what was decided on
 * messages that were not settled, or perhaps not, because their session was lost.
 */
export class WorkerState {
  readonly #requests = new Set<Request>()
  readonly #orphans = new Map<string, Request>()
  readonly #verdicts = new Map<string, Settlement>()
  /** The last verdicts that were sent, in a ring: a broker that is lost may not have got them. */
  readonly #sent: SentVerdict[] = []
  #nextSent = 0
  #idle: (() => void) | undefined
  /** Messages that wait for their ETA. */
  held = 0
  /** Messages delivered so far. */
  delivered = 0
  /** Requests that ran and have ended, by task name. Celery: `total_count`, which counts those that run, too. */
  readonly totals: Map<string, number> = new Map()

  /** Requests that have not ended. Celery: `reserved_requests`. */
  get requests(): ReadonlySet<Request> {
    return this.#requests
  }

  /** The requests of a task. */
  find(id: string): readonly Request[] {
    return [...this.#requests].filter((request) => request.id === id)
  }

  /** How many run, or could if there were a place for them: those that wait for their ETA are not among them. */
  get active(): number {
    return this.#requests.size - this.held
  }

  enter(request: Request): void {
    this.#requests.add(request)
  }

  leave(request: Request): void {
    this.#requests.delete(request)
    if (request.startedAt !== undefined) {
      this.totals.set(request.name, (this.totals.get(request.name) ?? 0) + 1)
    }
    if (request.orphaned && request.verdict !== undefined) this.#remember(request.key, request.verdict)
    if (this.#orphans.get(request.key) === request) this.#orphans.delete(request.key)
    if (this.#requests.size === 0) this.#idle?.()
  }

  /** A verdict was sent. Nobody says whether the broker gets it. */
  sent(key: string, verdict: Settlement, session: Session): void {
    this.#sent[this.#nextSent] = { key, verdict, session }
    this.#nextSent = (this.#nextSent + 1) % MOST_SENT
  }

  /** A session is gone: what has not started is forgotten, what runs or has run awaits its second delivery. */
  sessionLost(lost: Session): void {
    for (const { key, verdict, session } of this.#sent) if (session === lost) this.#remember(key, verdict)
    for (const request of this.#requests) {
      if (!request.orphaned) continue
      this.#orphans.set(request.key, request)
      request.drop()
    }
  }

  /**
   * Answers for a message that was delivered before: by a request that runs, or has run, since its session was lost.
   * False: it is a message like any other.
   */
  answerRedelivery(
    key: string,
    tag: DeliveryTag,
    session: Session,
    adopt: (request: Request) => void,
  ): boolean {
    if (this.#orphans.size === 0 && this.#verdicts.size === 0) return false
    const running = this.#orphans.get(key)
    if (running !== undefined) {
      this.#orphans.delete(key)
      adopt(running)
      return true
    }
    const verdict = this.#verdicts.get(key)
    if (verdict === undefined) return false
    this.#verdicts.delete(key)
    session.settle(tag, verdict)
    // This word, too, may be lost with its session.
    this.sent(key, verdict, session)
    return true
  }

  /** Settles when there is no request left. */
  async whenIdle(): Promise<void> {
    while (this.#requests.size > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve
      })
    }
  }

  #remember(key: string, verdict: Settlement): void {
    if (verdict === 'requeue') return
    this.#verdicts.set(key, verdict)
    if (this.#verdicts.size > MOST_VERDICTS) {
      for (const oldest of this.#verdicts.keys()) {
        this.#verdicts.delete(oldest)
        break
      }
    }
  }
}
