import type { EventDispatcher } from '../events/event-dispatcher.ts'
import type { EventReceiver, ReceiverOptions } from '../events/event-receiver.ts'
import type { State, StateOptions } from '../events/state.ts'
import type { WorkerRecord } from '../events/worker-record.ts'
import type { CeleryEvent } from '../protocol/events.ts'
import type { Clock, TimerHandle } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { Election } from './election.ts'

/** Milliseconds between two looks at who was not heard of any more. */
const LOOK_AROUND = 5_000

/** Told of another worker. What it throws is logged. */
export type NodeHandler = (worker: WorkerRecord) => void

/** What `Gossip` needs of the app. */
export interface GossipEvents {
  receiver(options: ReceiverOptions, sharing: { readonly connection: boolean }): EventReceiver
  state(options: StateOptions): State
}

/** What `Gossip` works with. */
export interface GossipOptions {
  readonly events: GossipEvents
  readonly dispatcher: EventDispatcher
  /** Sends a task, given as a signature: what the winner of an election about a `task` does. */
  readonly callTask: (signature: unknown) => Promise<unknown>
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Workers listen to each other: who comes, who goes, who is lost; and they hold elections. Celery: `Gossip`.
 *
 * Nothing waits for it. When the broker is gone it listens again once that is back.
 */
export class Gossip {
  /** The other workers, as they are heard of. */
  readonly state: State
  readonly onNodeJoin: Set<NodeHandler> = new Set()
  readonly onNodeLeave: Set<NodeHandler> = new Set()
  /** A worker was silent for too long. */
  readonly onNodeLost: Set<NodeHandler> = new Set()
  /** What the winner of an election does, by topic. */
  readonly electionHandlers: Map<string, (action: unknown) => void>
  readonly #options: GossipOptions
  readonly #election: Election
  readonly #stop = new AbortController()
  #listening: Promise<void> = Promise.resolve()
  #timer: TimerHandle | undefined

  constructor(options: GossipOptions) {
    const { dispatcher, events, logger } = options
    this.#options = options
    this.state = events.state({
      maxTasksInMemory: 1,
      onNodeJoin: (worker) => {
        logger.debug(`${worker.hostname} joined the party`)
        this.#tell(this.onNodeJoin, worker)
      },
      onNodeLeave: (worker) => {
        logger.debug(`${worker.hostname} left`)
        this.#tell(this.onNodeLeave, worker)
      },
    })
    this.electionHandlers = new Map([['task', (action) => this.#callTask(action)]])
    this.#election = new Election({
      node: `${dispatcher.hostname}.${process.pid}`,
      send: (type, fields) => dispatcher.send(type, fields),
      others: () => this.state.aliveWorkers().length,
      handlers: this.electionHandlers,
      logger,
    })
  }

  start(): void {
    const receiver = this.#options.events.receiver(
      {
        routingKey: 'worker.#',
        queueTtl: 2,
        handlers: {
          'worker-elect': (event) => this.#mind(event, () => this.#election.onElect(event)),
          'worker-elect-ack': (event) => this.#mind(event, () => this.#election.onAnswer(event)),
          '*': (event) => this.#mind(event, () => this.#hear(event)),
        },
      },
      { connection: true },
    )
    this.#listening = receiver
      .capture({ wakeup: false, signal: this.#stop.signal })
      .catch((error: unknown) => this.#options.logger.error('gossip: cannot listen any more', { error }))
    this.#lookAround()
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#stop.abort()
    await this.#listening
  }

  /** Stands for election: one of the workers that do carries out the action. */
  elect(id: string, topic: string, action: unknown): void {
    this.#election.stand(id, topic, action)
  }

  /** One event of which nothing can be made must not be the last that is heard. */
  #mind(event: CeleryEvent, deed: () => void): void {
    try {
      deed()
    } catch (error) {
      this.#options.logger.error(`gossip: nothing can be made of an event ${event.type}`, { error })
    }
  }

  #hear(event: CeleryEvent): void {
    if (event.hostname !== this.#options.dispatcher.hostname && event.type.startsWith('worker-')) {
      this.state.event(event)
    }
  }

  #lookAround(): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      for (const worker of [...this.state.workers.values()]) {
        if (worker.alive) continue
        this.state.workers.delete(worker.hostname)
        this.#options.logger.info(`missed heartbeat from ${worker.hostname}`)
        this.#tell(this.onNodeLost, worker)
      }
      this.#lookAround()
    }, LOOK_AROUND)
    this.#timer.unref()
  }

  #tell(handlers: ReadonlySet<NodeHandler>, worker: WorkerRecord): void {
    for (const handler of handlers) {
      try {
        handler(worker)
      } catch (error) {
        this.#options.logger.error(`Ignored error from handler ${handler.name || '(anonymous)'}`, { error })
      }
    }
  }

  #callTask(signature: unknown): void {
    this.#options.callTask(signature).catch((error: unknown) => {
      this.#options.logger.error('Could not call task', { error })
    })
  }
}
