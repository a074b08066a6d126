import type { CeleryEvent, EventFields } from '../protocol/events.ts'
import type { Logger } from '../util/logger.ts'
import { LruMap } from '../util/lru-map.ts'

/** Elections that go on at once, at most. */
const MOST_ELECTIONS = 1_000

/** What an `Election` works with. */
export interface ElectionOptions {
  /** This node, `<hostname>.<pid>`. */
  readonly node: string
  readonly send: (type: string, fields: EventFields) => void
  /** How many other workers are there. */
  readonly others: () => number
  /** What the winner does, by topic. */
  readonly handlers: ReadonlyMap<string, (action: unknown) => void>
  readonly logger: Logger
}

/** Somebody who stands for election. */
interface Candidate {
  readonly clock: number
  /** `<hostname>.<pid>`. */
  readonly node: string
  readonly topic: unknown
  readonly action: unknown
}

/**
 * Workers agree on one of them that does something. Celery: `Gossip.election`.
 *
 * Whoever stands says so with its logical clock (`worker-elect`); everybody who hears it answers (`worker-elect-ack`).
 * When as many answers have come as there are others, the candidate with the earliest clock has won, for everybody.
 */
export class Election {
  readonly #options: ElectionOptions
  readonly #candidates = new LruMap<string, Candidate[]>(MOST_ELECTIONS)
  /** Answers to the elections in which this node stands. */
  readonly #answers = new LruMap<string, string[]>(MOST_ELECTIONS)

  constructor(options: ElectionOptions) {
    this.#options = options
  }

  /** Stands for election. */
  stand(id: string, topic: string, action: unknown): void {
    this.#answers.set(id, [])
    this.#options.send('worker-elect', { id, topic, action: action ?? null, cver: 1 })
  }

  /** Somebody stands. */
  onElect({ id, clock, hostname, pid, topic, action }: CeleryEvent): void {
    if (typeof id !== 'string' || typeof clock !== 'number' || typeof hostname !== 'string') {
      this.#options.logger.error('An election request lacks its id, clock or hostname')
      return
    }
    const candidates = this.#candidates.get(id) ?? []
    candidates.push({ clock, node: `${hostname}.${String(pid)}`, topic, action })
    this.#candidates.set(id, candidates)
    this.#options.send('worker-elect-ack', { id })
  }

  /** Somebody has heard that somebody stands. */
  onAnswer({ id, hostname }: CeleryEvent): void {
    if (typeof id !== 'string' || typeof hostname !== 'string') return
    const answers = this.#answers.get(id)
    const candidates = this.#candidates.get(id)
    if (answers === undefined || candidates === undefined) return
    answers.push(hostname)
    if (answers.length < this.#options.others()) return
    this.#answers.delete(id)
    this.#candidates.delete(id)
    const [first, ...rest] = candidates
    if (first !== undefined) this.#conclude(id, rest.reduce(earlier, first))
  }

  #conclude(id: string, { node, topic, action }: Candidate): void {
    const { logger, handlers } = this.#options
    if (node !== this.#options.node) {
      logger.info(`node ${node} elected for '${id}'`)
      return
    }
    logger.info(`I won the election '${id}'`)
    const handler = handlers.get(String(topic))
    if (handler === undefined) logger.error(`Unknown election topic '${String(topic)}'`)
    else handler(action)
  }
}

function earlier(a: Candidate, b: Candidate): Candidate {
  return a.clock < b.clock || (a.clock === b.clock && a.node <= b.node) ? a : b
}
