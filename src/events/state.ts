import type { CeleryEvent } from '../protocol/events.ts'
import { eventGroup, eventSubject } from '../protocol/events.ts'
import type { Clock } from '../util/clock.ts'
import { systemClock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { silentLogger } from '../util/logger.ts'
import { TaskRecord } from './task-record.ts'
import { TaskTimeline } from './task-timeline.ts'
import { WorkerRecord } from './worker-record.ts'

/** Options of a `State`. */
export interface StateOptions {
  /** Called with every event, before it is taken in. */
  readonly callback?: (state: State, event: CeleryEvent) => void
  /** Default 5000. Celery: `max_workers_in_memory`. */
  readonly maxWorkersInMemory?: number
  /** Default 10000. Celery: `max_tasks_in_memory`. */
  readonly maxTasksInMemory?: number
  /** Called when a worker is heard of for the first time, or says that it comes. Celery: `on_node_join`. */
  readonly onNodeJoin?: (worker: WorkerRecord) => void
  /** Called when a worker says that it goes; it is then forgotten. Without it the worker stays, offline. Celery: `on_node_leave`. */
  readonly onNodeLeave?: (worker: WorkerRecord) => void
  /** Told of workers whose clocks seem to be wrong. */
  readonly logger?: Logger
  readonly clock?: Clock
}

/** Which tasks, and in which order. */
export interface TaskQuery {
  /** At most so many events back; undefined: no limit. */
  readonly limit?: number | undefined
  /** The latest first. Default true. */
  readonly reverse?: boolean
}

/** Events of a task, in the common case. */
const EVENTS_PER_TASK = 4
/** Seconds between sending and receiving a heartbeat from which on the clocks are in doubt. */
const MOST_DRIFT = 16
/** Parents that are not known (yet) and whose children are remembered, and the children of each. */
const MOST_ORPHANED = 1_000

/**
 * The cluster as its events show it: workers and tasks. Celery: `celery.events.state.State`.
 *
 * Feed it with `state.event`, e.g. as the handler `*` of a receiver. It remembers the latest tasks and workers; the oldest
 * are forgotten.
 */
export class State {
  /** By hostname, in the order in which they were first heard of. */
  readonly workers: Map<string, WorkerRecord> = new Map()
  /** By id, in the order in which they were first heard of. */
  readonly tasks: Map<string, TaskRecord> = new Map()
  /** Takes events of other groups than `task` and `worker`, by group; for these two in the place of what is done here. */
  readonly handlers: Map<string, (subject: string, event: CeleryEvent) => void> = new Map()
  /** Events taken in so far. */
  eventCount = 0
  /** Tasks received by workers so far. */
  taskCount = 0
  readonly #options: StateOptions
  readonly #clock: Clock
  readonly #maxWorkers: number
  readonly #maxTasks: number
  readonly #timeline: TaskTimeline
  readonly #types = new Set<string>()
  readonly #orphans = new Map<string, Set<TaskRecord>>()
  readonly #drifting = new Set<string>()
  /** Events that came while it was frozen. */
  #frozen: CeleryEvent[] | undefined

  constructor(options: StateOptions = {}) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#maxWorkers = options.maxWorkersInMemory ?? 5000
    this.#maxTasks = options.maxTasksInMemory ?? 10_000
    this.#timeline = new TaskTimeline(this.#maxTasks * EVENTS_PER_TASK)
  }

  /** Takes an event in, as a receiver hands it over. Bound, so that it can be handed on as it is. */
  readonly event = (event: CeleryEvent): void => {
    if (this.#frozen === undefined) this.#take(event)
    else this.#frozen.push(event)
  }

  /**
   * Keeps the state as it is while `read` looks at it; events that come meanwhile are taken in afterwards.
   * @param options `clearAfter`: forget everything but the running tasks then.
   */
  async freezeWhile<T>(
    read: () => T | Promise<T>,
    { clearAfter = false }: { readonly clearAfter?: boolean } = {},
  ): Promise<T> {
    const outermost = this.#frozen === undefined
    this.#frozen ??= []
    try {
      return await read()
    } finally {
      if (clearAfter) this.clear()
      if (outermost) {
        const waiting = this.#frozen ?? []
        this.#frozen = undefined
        for (const event of waiting) this.#take(event)
      }
    }
  }

  /** Forgets workers, counts and tasks. @param ready only tasks that have come to an end; default true. */
  clear(ready = true): void {
    this.workers.clear()
    this.clearTasks(ready)
    this.eventCount = 0
    this.taskCount = 0
  }

  /** Forgets tasks. @param ready only those that have come to an end; default true. */
  clearTasks(ready = true): void {
    for (const [uuid, task] of this.tasks) {
      if (!ready || task.ready) this.tasks.delete(uuid)
    }
    this.rebuildTimeline()
  }

  /** Orders the tasks anew, by the last event of each. Celery: `rebuild_taskheap`. */
  rebuildTimeline(): void {
    this.#timeline.clear()
    for (const { clock, timestamp, origin, uuid } of this.tasks.values()) {
      this.#timeline.add({ clock, timestamp: timestamp ?? 0, origin: origin ?? '', uuid })
    }
  }

  getTask(uuid: string): TaskRecord | undefined {
    return this.tasks.get(uuid)
  }

  /** The worker of that name, which is made if it is not known. */
  getOrCreateWorker(hostname: string): { readonly worker: WorkerRecord; readonly created: boolean } {
    const known = this.workers.get(hostname)
    if (known !== undefined) return { worker: known, created: false }
    const worker = new WorkerRecord(hostname, () => this.#clock.now())
    this.workers.set(hostname, worker)
    forgetOldest(this.workers, this.#maxWorkers)
    return { worker, created: true }
  }

  /** The task of that id, which is made if it is not known. */
  getOrCreateTask(uuid: string): { readonly task: TaskRecord; readonly created: boolean } {
    const known = this.tasks.get(uuid)
    if (known !== undefined) return { task: known, created: false }
    const task = new TaskRecord(uuid, this)
    this.tasks.set(uuid, task)
    forgetOldest(this.tasks, this.#maxTasks)
    return { task, created: true }
  }

  /** Tasks by logical clock, then by time; each once. */
  *tasksByTime({ limit, reverse = true }: TaskQuery = {}): Generator<TaskRecord> {
    const seen = new Set<string>()
    for (const uuid of this.#timeline.uuids({ limit, reverse })) {
      const task = this.tasks.get(uuid)
      if (task === undefined || seen.has(uuid)) continue
      seen.add(uuid)
      yield task
    }
  }

  /** Tasks of a name. */
  tasksByType(name: string, query: TaskQuery = {}): Generator<TaskRecord> {
    return this.#select((task) => task.name === name, query)
  }

  /** Tasks of a worker. */
  tasksByWorker(hostname: string, query: TaskQuery = {}): Generator<TaskRecord> {
    return this.#select((task) => task.worker?.hostname === hostname, query)
  }

  /** The names of all tasks that were heard of, sorted. */
  taskTypes(): string[] {
    return [...this.#types].sort()
  }

  /** Workers that seem to be there. */
  aliveWorkers(): WorkerRecord[] {
    return [...this.workers.values()].filter(({ alive }) => alive)
  }

  toString(): string {
    return `<State: events=${this.eventCount} tasks=${this.taskCount}>`
  }

  *#select(wanted: (task: TaskRecord) => boolean, { limit, reverse }: TaskQuery): Generator<TaskRecord> {
    let left = limit ?? Number.POSITIVE_INFINITY
    for (const task of this.tasksByTime(reverse === undefined ? {} : { reverse })) {
      if (left <= 0) return
      if (!wanted(task)) continue
      left -= 1
      yield task
    }
  }

  #take(event: CeleryEvent): void {
    this.eventCount += 1
    this.#options.callback?.(this, event)
    const group = eventGroup(event.type)
    const subject = eventSubject(event.type)
    const handler = this.handlers.get(group)
    if (handler !== undefined) handler(subject, event)
    else if (group === 'worker') this.#takeOfWorker(subject, event)
    else if (group === 'task') this.#takeOfTask(subject, event)
  }

  #takeOfWorker(subject: string, event: CeleryEvent): void {
    const { hostname, timestamp, local_received: received } = event
    if (typeof hostname !== 'string' || typeof timestamp !== 'number') return
    const { onNodeJoin, onNodeLeave } = this.#options
    const isOffline = subject === 'offline'
    const isKnown = this.workers.has(hostname)
    const worker =
      isOffline && !isKnown
        ? new WorkerRecord(hostname, () => this.#clock.now())
        : this.getOrCreateWorker(hostname).worker
    const receivedAt = typeof received === 'number' ? received : undefined
    worker.event(subject, receivedAt, event)
    if (receivedAt !== undefined) this.#checkDrift(hostname, receivedAt, timestamp)
    if (isOffline && onNodeLeave !== undefined) {
      onNodeLeave(worker)
      this.workers.delete(hostname)
    } else if (!isOffline && (!isKnown || subject === 'online')) {
      onNodeJoin?.(worker)
    }
  }

  #takeOfTask(subject: string, event: CeleryEvent): void {
    const { uuid, hostname, timestamp, local_received: received, clock } = event
    if (typeof uuid !== 'string' || typeof hostname !== 'string') return
    const { task } = this.getOrCreateTask(uuid)
    let origin = hostname
    if (subject === 'sent') {
      task.client = hostname
    } else {
      const { worker } = this.getOrCreateWorker(hostname)
      task.worker = worker
      worker.event(undefined, typeof received === 'number' ? received : undefined)
      origin = worker.id
    }
    const at = typeof timestamp === 'number' ? timestamp : 0
    this.#timeline.add({ clock: typeof clock === 'number' ? clock : 0, timestamp: at, origin, uuid })
    if (subject === 'received') this.taskCount += 1
    task.event(subject, at, event)
    if (task.name !== undefined) this.#types.add(task.name)
    this.#relate(task)
  }

  /** Tells the parent of its child, now or when it is heard of. */
  #relate(task: TaskRecord): void {
    const { uuid, parentId } = task
    const children = this.#orphans.get(uuid)
    if (children !== undefined) {
      this.#orphans.delete(uuid)
      for (const child of children) task.children.add(child)
    }
    if (parentId === undefined || parentId === uuid) return
    const parent = this.tasks.get(parentId)
    if (parent !== undefined) {
      parent.children.add(task)
      return
    }
    const siblings = this.#orphans.get(parentId) ?? new Set()
    if (siblings.size < MOST_ORPHANED) siblings.add(task)
    this.#orphans.set(parentId, siblings)
    forgetOldest(this.#orphans, MOST_ORPHANED)
  }

  #checkDrift(hostname: string, received: number, timestamp: number): void {
    const drift = Math.abs(Math.trunc(received) - Math.trunc(timestamp))
    if (drift <= MOST_DRIFT || this.#drifting.has(hostname) || this.#drifting.size >= this.#maxWorkers) return
    this.#drifting.add(hostname)
    const { logger = silentLogger } = this.#options
    logger.warn(
      `Substantial drift from ${hostname} may mean clocks are out of sync.  Current drift is ${drift} seconds.  ` +
        `[orig: ${momentText(timestamp)} recv: ${momentText(received)}]`,
    )
  }
}

/** Clocks that are off far enough show no date at all. @param seconds since 1970. */
function momentText(seconds: number): string {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? `${seconds}` : date.toISOString()
}

function forgetOldest<Value>(map: Map<string, Value>, limit: number): void {
  if (map.size <= limit) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
