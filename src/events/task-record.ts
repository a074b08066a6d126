import type { EventFields } from '../protocol/events.ts'
import {
  FAILURE,
  PENDING,
  precedence,
  READY_STATES,
  RECEIVED,
  REJECTED,
  RETRY,
  REVOKED,
  STARTED,
  SUCCESS,
} from '../protocol/states.ts'
import type { WorkerRecord } from './worker-record.ts'

/** Subjects of events, and the state that a task has then. Others are states themselves, in capitals. */
const STATE_OF: ReadonlyMap<string, string> = new Map([
  ['sent', PENDING],
  ['received', RECEIVED],
  ['started', STARTED],
  ['failed', FAILURE],
  ['retried', RETRY],
  ['succeeded', SUCCESS],
  ['revoked', REVOKED],
  ['rejected', REJECTED],
])

/** What is taken from an event that comes after one that it should have come before. Default: everything. */
const TAKEN_LATE: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  [RECEIVED, new Set(['name', 'args', 'kwargs', 'parent_id', 'root_id', 'retries', 'eta', 'expires'])],
])

/** What `asDict` tells, in Celery's order. */
const FIELDS = [
  'uuid',
  'name',
  'state',
  'received',
  'sent',
  'started',
  'rejected',
  'succeeded',
  'failed',
  'retried',
  'revoked',
  'args',
  'kwargs',
  'eta',
  'expires',
  'retries',
  'worker',
  'result',
  'exception',
  'timestamp',
  'runtime',
  'traceback',
  'exchange',
  'routing_key',
  'clock',
  'client',
  'root',
  'root_id',
  'parent',
  'parent_id',
  'children',
] as const

/** What `info` tells. */
const INFO_FIELDS = [
  'args',
  'kwargs',
  'retries',
  'result',
  'eta',
  'runtime',
  'expires',
  'exception',
  'exchange',
  'routing_key',
  'root_id',
  'parent_id',
] as const

/** Finds other tasks: the state of the cluster does. */
export interface TaskRelatives {
  getTask(uuid: string): TaskRecord | undefined
}

/**
 * What events tell of one task. Celery: `celery.events.state.Task`.
 *
 * Arguments, result and exception are representations: texts. Times are seconds since 1970, on the clock of whoever sent
 * the event. Whatever else its events say is in `fields`.
 */
export class TaskRecord {
  readonly uuid: string
  state: string = PENDING
  /** The worker that has it, or had it last. */
  worker: WorkerRecord | undefined
  /** Who sent it, if that was told. */
  client: string | undefined
  /** Tasks that it has sent. */
  readonly children: Set<TaskRecord> = new Set()
  readonly #fields = new Map<string, unknown>()
  readonly #relatives: TaskRelatives | undefined

  constructor(uuid: string, relatives?: TaskRelatives) {
    this.uuid = uuid
    this.#relatives = relatives
  }

  /** Everything that its events said, under the names on the wire. */
  get fields(): ReadonlyMap<string, unknown> {
    return this.#fields
  }

  get name(): string | undefined {
    return this.#text('name')
  }

  get args(): string | undefined {
    return this.#text('args')
  }

  get kwargs(): string | undefined {
    return this.#text('kwargs')
  }

  /** ISO 8601. */
  get eta(): string | undefined {
    return this.#text('eta')
  }

  /** ISO 8601. */
  get expires(): string | undefined {
    return this.#text('expires')
  }

  get retries(): number | undefined {
    return this.#number('retries')
  }

  get result(): string | undefined {
    return this.#text('result')
  }

  get exception(): string | undefined {
    return this.#text('exception')
  }

  get traceback(): string | undefined {
    return this.#text('traceback')
  }

  /** In seconds. */
  get runtime(): number | undefined {
    return this.#number('runtime')
  }

  get exchange(): string | undefined {
    return this.#text('exchange')
  }

  get routingKey(): string | undefined {
    return this.#text('routing_key')
  }

  get rootId(): string | undefined {
    return this.#text('root_id')
  }

  get parentId(): string | undefined {
    return this.#text('parent_id')
  }

  /** The logical clock of its last event. */
  get clock(): number {
    return this.#number('clock') ?? 0
  }

  /** Of the event that its state comes from. */
  get timestamp(): number | undefined {
    return this.#number('timestamp')
  }

  get sent(): number | undefined {
    return this.#number('sent')
  }

  get received(): number | undefined {
    return this.#number('received')
  }

  get started(): number | undefined {
    return this.#number('started')
  }

  get succeeded(): number | undefined {
    return this.#number('succeeded')
  }

  get failed(): number | undefined {
    return this.#number('failed')
  }

  get retried(): number | undefined {
    return this.#number('retried')
  }

  get rejected(): number | undefined {
    return this.#number('rejected')
  }

  get revoked(): number | undefined {
    return this.#number('revoked')
  }

  /** It has come to its end. */
  get ready(): boolean {
    return READY_STATES.has(this.state)
  }

  /** Where its last event came from: the worker, or the client. */
  get origin(): string | undefined {
    return this.worker?.id ?? this.client
  }

  /** The task that sent it; undefined when there is none, or it is not remembered. */
  get parent(): TaskRecord | undefined {
    return this.parentId === undefined ? undefined : this.#relatives?.getTask(this.parentId)
  }

  /** The task that all began with. */
  get root(): TaskRecord | undefined {
    return this.rootId === undefined ? undefined : this.#relatives?.getTask(this.rootId)
  }

  /**
   * Takes an event in. One that should have come before the last one, by the precedence of states, changes no state.
   * @param subject `received`, `started`, or one of your own.
   */
  event(subject: string, timestamp: number | undefined, fields: EventFields = {}): void {
    const known = STATE_OF.get(subject)
    if (known !== undefined) this.#fields.set(subject, timestamp)
    const state = known ?? subject.toUpperCase()
    const late = state !== RETRY && this.state !== RETRY && precedence(state) > precedence(this.state)
    const taken = late ? TAKEN_LATE.get(state) : undefined
    for (const [name, value] of Object.entries(fields)) {
      if (taken === undefined || taken.has(name)) this.#fields.set(name, value)
    }
    if (late) return
    this.state = state
    this.#fields.set('timestamp', timestamp)
  }

  /**
   * What is known of it, for people: names on the wire and values that are not null.
   * @param fields default: arguments, result, and where it went.
   * @param extra further fields.
   */
  info(fields: readonly string[] = INFO_FIELDS, extra: readonly string[] = []): Record<string, unknown> {
    const all: [string, unknown][] = [...fields, ...extra].map((name) => [name, this.#get(name)])
    return Object.fromEntries(all.filter(([, value]) => value !== undefined && value !== null))
  }

  /** All of Celery's fields as plain data, under the names on the wire. Celery: `as_dict`. */
  asDict(): Record<string, unknown> {
    return Object.fromEntries(FIELDS.map((name) => [name, this.#get(name) ?? null]))
  }

  toString(): string {
    return `<Task: ${this.name ?? 'None'}(${this.uuid}) ${this.state} clock:${this.clock}>`
  }

  #get(name: string): unknown {
    switch (name) {
      case 'uuid':
        return this.uuid
      case 'state':
        return this.state
      case 'worker':
        return this.worker?.hostname
      case 'client':
        return this.client
      case 'clock':
        return this.clock
      case 'root':
        return this.rootId
      case 'parent':
        return this.parentId
      case 'children':
        return [...this.children].map(({ uuid }) => uuid)
      default:
        return this.#fields.get(name)
    }
  }

  #text(name: string): string | undefined {
    const value = this.#fields.get(name)
    return typeof value === 'string' ? value : undefined
  }

  #number(name: string): number | undefined {
    const value = this.#fields.get(name)
    return typeof value === 'number' ? value : undefined
  }
}
