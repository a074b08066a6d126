import { TimeoutError } from '../errors.ts'
import type { DispatcherOptions, EventDispatcher } from '../events/event-dispatcher.ts'
import { waitOrAbort } from '../util/abort.ts'
import { type Clock, systemClock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { Gossip, type GossipEvents } from './gossip.ts'
import { Heartbeat, type WorkerLoad } from './heartbeat.ts'
import { leaveTime } from './leave-time.ts'
import { TaskEvents } from './task-events.ts'
import type { TaskObservers } from './task-observer.ts'
import type { WorkerState } from './worker-state.ts'

/** Group of the events about tasks. */
const TASK = 'task'
/** Milliseconds between heartbeats for those who ask when the worker sends none by itself. */
const DEFAULT_INTERVAL = 2_000
/** Where a broadcast reaches every worker. */
const GOSSIPING: ReadonlySet<string> = new Set(['amqp', 'redis', 'sqlite', 'memory'])

/** What `WorkerEvents` needs of the app. */
export interface EventsApp extends GossipEvents {
  dispatcher(options: DispatcherOptions): EventDispatcher
}

/** What `WorkerEvents` works with. */
export interface WorkerEventsOptions {
  readonly events: EventsApp
  readonly hostname: string
  /** Events about tasks from the start. Celery: `-E`. */
  readonly taskEvents: boolean
  /** Milliseconds between heartbeats; undefined: none. */
  readonly heartbeatInterval: number | undefined
  /** Listen to the other workers. */
  readonly gossip: boolean
  readonly observers: TaskObservers
  readonly state: WorkerState
  /** Milliseconds that saying good-bye may take. */
  readonly patience: number
  /** Sends a task, given as a signature. */
  readonly callTask: (signature: unknown) => Promise<unknown>
  /** Told of each heartbeat. */
  readonly heartbeatSent?: () => unknown
  readonly logger: Logger
  readonly clock?: Clock
}

/**
 * What a worker tells monitors and other workers, and hears of them. Celery: the steps `Events`, `Heart` and `Gossip`.
 *
 * While events about tasks are off nobody observes the tasks for them: they cost nothing then.
 */
export class WorkerEvents {
  readonly dispatcher: EventDispatcher
  /** Undefined: the worker does not listen to others. */
  readonly gossip: Gossip | undefined
  readonly #options: WorkerEventsOptions
  readonly #heartbeat: Heartbeat
  readonly #taskEvents: TaskEvents
  #stopped = false

  constructor(options: WorkerEventsOptions) {
    const { events, hostname, taskEvents, heartbeatInterval, state, logger, clock = systemClock } = options
    this.#options = options
    // As in Celery, who has everything from the start has no list of groups from which one could be taken.
    const groups = taskEvents ? [] : ['worker']
    this.dispatcher = events.dispatcher({ hostname, groups, bufferGroups: [TASK] })
    const { dispatcher } = this
    this.#heartbeat = new Heartbeat({
      dispatcher,
      interval: heartbeatInterval ?? DEFAULT_INTERVAL,
      load: () => loadOf(state),
      sent: options.heartbeatSent,
      clock,
    })
    this.#taskEvents = new TaskEvents(dispatcher)
    if (taskEvents) options.observers.add(this.#taskEvents)
    if (options.gossip) {
      const { callTask } = options
      this.gossip = new Gossip({ events, dispatcher, callTask, clock, logger })
    }
  }

  /** Says hello. @param transport name of the broker's: not all of them let workers hear each other. */
  start(transport: string): void {
    if (this.#options.heartbeatInterval !== undefined) this.#heartbeat.start()
    if (GOSSIPING.has(transport)) this.gossip?.start()
  }

  /** Says good-bye, once the last task has ended; what is to be sent is sent, if that is possible soon. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#options.observers.remove(this.#taskEvents)
    this.#heartbeat.stop()
    const { patience, logger } = this.#options
    try {
      await waitOrAbort(this.#close(), { timeout: leaveTime(patience) }, 'the broker to hear the good-bye')
    } catch (error) {
      // Nobody needs to hear it: who is silent is gone.
      if (!(error instanceof TimeoutError)) throw error
      logger.warn(`events: ${error.message}`)
    }
  }

  async #close(): Promise<void> {
    await this.gossip?.stop()
    await this.dispatcher.close()
  }

  /** Events about tasks from now on. False: they were sent already. Celery: `enable_events`. */
  enable(): boolean {
    const { groups } = this.dispatcher
    if (groups.size === 0 || groups.has(TASK)) return false
    groups.add(TASK)
    this.#options.observers.add(this.#taskEvents)
    this.#options.logger.info('Events of group {task} enabled by remote.')
    return true
  }

  /** No events about tasks any more. False: none were sent, or the worker was started with them. */
  disable(): boolean {
    if (!this.dispatcher.groups.delete(TASK)) return false
    this.#options.observers.remove(this.#taskEvents)
    this.#options.logger.info('Events of group {task} disabled by remote.')
    return true
  }

  /** Sends a heartbeat at once. Celery: `heartbeat`. */
  heartbeat(): void {
    this.#heartbeat.send('worker-heartbeat')
  }
}

function loadOf({ requests, totals }: WorkerState): WorkerLoad {
  let active = 0
  for (const request of requests) if (request.running) active += 1
  let processed = active
  for (const count of totals.values()) processed += count
  return { active, processed }
}
