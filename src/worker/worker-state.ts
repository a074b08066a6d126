import type { DeliveryTag } from '../messaging/message.ts'
import { type Request, requestKey } from './request.ts'
import type { Session } from './session.ts'
import type { Settlement } from './settlement.ts'

/** Verdicts on messages of lost sessions that are remembered at most. */
const MOST_VERDICTS = 10_000
/** Verdicts whose word may still be on its way; more than that are hardly in flight at once. */
const MOST_SENT = 2_000

interface Verdict {
  readonly key: string
  /** `Request.serial` of whom it is about. */
  readonly serial: string
  readonly settlement: Settlement
}

interface SentVerdict extends Verdict {
  readonly session: Session
}

/**
 * What a worker knows of its requests: which it has, which run, which wait for their ETA, and what was decided on
 * messages that were not settled, or perhaps not, because their session was lost.
 */
export class WorkerState {
  readonly #requests = new Set<Request>()
  readonly #orphans = new Map<string, Request>()
  readonly #verdicts = new Map<string, Verdict>()
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
    const { key, serial, verdict: settlement } = request
    if (request.orphaned && settlement !== undefined) this.#remember({ key, serial, settlement })
    if (this.#orphans.get(key) === request) this.#orphans.delete(key)
    if (this.#requests.size === 0) this.#idle?.()
  }

  /** A verdict was sent. Nobody says whether the broker gets it. */
  sent({ key, serial }: Pick<Request, 'key' | 'serial'>, settlement: Settlement, session: Session): void {
    this.#sent[this.#nextSent] = { key, serial, settlement, session }
    this.#nextSent = (this.#nextSent + 1) % MOST_SENT
  }

  /**
   * A message came for the first time: what was decided before on one that looks the same does not hold for it. A task
   * that was replaced, lost with its process or sent again by hand has the same id and the same number of retries.
   */
  deliveredAnew(headers: Parameters<typeof requestKey>[0]): void {
    if (this.#verdicts.size > 0) this.#verdicts.delete(requestKey(headers))
  }

  /** A session is gone: what has not started is forgotten, what runs or has run awaits its second delivery. */
  sessionLost(lost: Session): void {
    this.#rememberSent(lost)
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
    session.settle(tag, verdict.settlement)
    // This word, too, may be lost with its session.
    this.sent(verdict, verdict.settlement, session)
    return true
  }

  /** The verdicts that the broker may not have got, but none on a message that has come again since. */
  #rememberSent(lost: Session): void {
    const present = new Map([...this.#requests].map(({ key, serial }) => [key, serial]))
    for (let age = this.#sent.length; age > 0; age -= 1) {
      const sent = this.#sent[(this.#nextSent - age + this.#sent.length) % this.#sent.length]
      if (sent?.session !== lost) continue
      const now = present.get(sent.key)
      if (now === undefined || now === sent.serial) this.#remember(sent)
    }
  }

  /** Settles when there is no request left. */
  async whenIdle(): Promise<void> {
    while (this.#requests.size > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve
      })
    }
  }

  #remember({ key, serial, settlement }: Verdict): void {
    this.#verdicts.delete(key)
    // It comes again because it is to.
    if (settlement === 'requeue') return
    this.#verdicts.set(key, { key, serial, settlement })
    if (this.#verdicts.size > MOST_VERDICTS) {
      for (const oldest of this.#verdicts.keys()) {
        this.#verdicts.delete(oldest)
        break
      }
    }
  }
}
