/**
 * An app for tests of the execution: real tasks, signatures and result store; the backend keeps everything in memory,
 * and what would be published is written down. Everything that happens goes into one journal, in order.
 */
import type { Backend, ChordStore, GroupStore, SaveOptions } from '../../../src/backends/backend.ts'
import { memoryBackends } from '../../../src/backends/memory.ts'
import { ResultStore } from '../../../src/backends/result-store.ts'
import { fromObject } from '../../../src/canvas/from-object.ts'
import { pipe } from '../../../src/canvas/pipe.ts'
import { effectiveSettings } from '../../../src/config/effective-settings.ts'
import { normalizeSettings } from '../../../src/config/normalize.ts'
import type { TaskJob } from '../../../src/execution/job.ts'
import type { ExecutionHost } from '../../../src/execution/ports.ts'
import { JsonSerializer } from '../../../src/messaging/serialization/json.ts'
import { ErrorClasses } from '../../../src/protocol/error-classes.ts'
import type { ResultMeta } from '../../../src/protocol/result-meta.ts'
import { readTaskHeaders } from '../../../src/protocol/task-headers.ts'
import type { TaskCallData } from '../../../src/protocol/task-message.ts'
import { createTaskTemplate, encodeTaskMessage } from '../../../src/protocol/task-message.ts'
import { createResultContext } from '../../../src/result/result-from-tuple.ts'
import { joinDenied } from '../../../src/task/current-task.ts'
import type { TaskSettings, UserTaskOptions } from '../../../src/task/options.ts'
import type { EagerOutcome, TaskCall, TaskHandlers } from '../../../src/task/ports.ts'
import { TaskRegistry } from '../../../src/task/registry.ts'
import type { AnySignature, CanvasHost } from '../../../src/task/signature.ts'
import { createTask } from '../../../src/task/task.ts'
import { createTaskSignals } from '../../../src/task/task-signals.ts'
import { isRecord } from '../../../src/util/is-record.ts'
import { type Logger, silentLogger } from '../../../src/util/logger.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const json = new JsonSerializer()

/** One thing that happened. */
export type Entry = readonly [what: string, ...details: unknown[]]

/** See the module's description. */
export class RecordingHost implements CanvasHost {
  readonly journal: Entry[] = []
  readonly sent: TaskCall[] = []
  readonly errors: unknown[] = []
  readonly clock = new VirtualClock()
  readonly tasks = new TaskRegistry()
  readonly signals = createTaskSignals(silentLogger)
  readonly oid = 'oid'
  readonly events = {
    publish: async (...event: readonly unknown[]): Promise<void> =>
      void this.journal.push(['event', ...event]),
  }
  readonly backend = new JournalingBackend(this.journal, this.clock)
  readonly results: ResultStore
  readonly resultContext: CanvasHost['resultContext']
  readonly errorClasses = new ErrorClasses()
  settings: TaskSettings
  /** Thrown by `publish`. */
  unreachable: Error | undefined

  constructor(options: { readonly settings?: Record<string, unknown>; readonly backend?: boolean } = {}) {
    const { values } = normalizeSettings(options.settings ?? {}, { origin: 'test', namespace: '' })
    this.settings = effectiveSettings(values, {})
    this.results = new ResultStore({
      open: options.backend === false ? undefined : () => Promise.resolve(this.backend),
      expires: 1000,
      retry: undefined,
      cacheMax: -1,
      clock: this.clock,
    })
    this.resultContext = createResultContext({
      store: this.results,
      clock: this.clock,
      errorClasses: this.errorClasses,
      joinDenied,
    })
  }

  readonly logger: Logger = {
    ...silentLogger,
    error: (message, fields) => void this.errors.push([message, fields?.['error']]),
    warn: (message, fields) => void this.errors.push([message, fields?.['error']]),
    child: () => this.logger,
  }

  resultContextOf(): CanvasHost['resultContext'] {
    return this.resultContext
  }

  /** The rest of what execution needs. */
  execution(parts: Partial<ExecutionHost> = {}): ExecutionHost {
    return { tasks: this, decodeBody: (body) => json.decode(body), deduplicate: undefined, ...parts }
  }

  task(
    name: string,
    body: (...args: never[]) => unknown,
    options: UserTaskOptions = {},
    handlers: TaskHandlers = {},
  ): void {
    const parts = { name, host: this, options, handlers, body, instance: undefined, strictTyping: true }
    this.tasks.register(createTask(parts))
  }

  publish(call: TaskCall): Promise<void> {
    if (this.unreachable !== undefined) return Promise.reject(this.unreachable)
    // As the message would be: what cannot be encoded fails here.
    json.encode([call.args, call.kwargs, call.options])
    this.sent.push(call)
    this.journal.push(['publish', call.name, call.args])
    return Promise.resolve()
  }

  runEagerly(): Promise<EagerOutcome> {
    throw new Error('not in these tests')
  }

  pipe(left: AnySignature, right: AnySignature): AnySignature {
    return pipe(left, right)
  }

  signatureFrom(data: unknown): AnySignature {
    return fromObject(this, data)
  }
}

/** The backend in memory, with a journal of what is written and faults at will. */
class JournalingBackend implements Backend {
  readonly features = { persistent: true, autoExpire: true, nativeJoin: true, groups: true }
  /** The documents by id. */
  readonly metas = new Map<string, ResultMeta>()
  readonly #backend: Promise<Backend>
  readonly #journal: Entry[]
  /** Thrown by `save`. */
  broken: Error | undefined
  /** The one state for which it is thrown; undefined: all. */
  brokenFor: string | undefined
  /** Thrown when the parts of a chord are collected. */
  unreadable: Error | undefined

  constructor(journal: Entry[], clock: VirtualClock) {
    this.#journal = journal
    this.#backend = memoryBackends({ clock })({
      url: 'cache+memory://',
      transportOptions: {},
      codec: json,
      expires: 1000,
      openChannel: () => Promise.reject(new Error('not in these tests')),
      settings: {},
    })
  }

  async save(meta: ResultMeta, options: SaveOptions): Promise<void> {
    if (this.broken !== undefined && (this.brokenFor ?? meta.status) === meta.status) throw this.broken
    const backend = await this.#backend
    await backend.save(meta, options)
    this.#journal.push(['store', meta.task_id, meta.status, meta.result])
    const [stored] = await backend.load([meta.task_id])
    if (stored !== undefined) this.metas.set(meta.task_id, stored)
  }

  async load(ids: readonly string[]): Promise<readonly (ResultMeta | undefined)[]> {
    return (await this.#backend).load(ids)
  }

  async forget(ids: readonly string[]): Promise<void> {
    await (await this.#backend).forget(ids)
  }

  async close(): Promise<void> {
    await (await this.#backend).close()
  }

  readonly groups: GroupStore = {
    save: async (...args) => (await this.#groups()).save(...args),
    load: async (id) => (await this.#groups()).load(id),
    forget: async (id) => (await this.#groups()).forget(id),
  }

  readonly chords: ChordStore = {
    setSize: async (...args) => (await this.#chords()).setSize(...args),
    add: async (group, part, options) => {
      this.#journal.push(['part', group, part.index, part.state])
      return (await this.#chords()).add(group, part, options)
    },
    collect: async (group) => {
      if (this.unreadable !== undefined) throw this.unreadable
      return (await this.#chords()).collect(group)
    },
    forget: async (group) => {
      this.#journal.push(['chord forgotten', group])
      await (await this.#chords()).forget(group)
    },
  }

  async #groups(): Promise<GroupStore> {
    const { groups } = await this.#backend
    if (groups === undefined) throw new Error('the backend has no groups')
    return groups
  }

  async #chords(): Promise<ChordStore> {
    const { chords } = await this.#backend
    if (chords === undefined) throw new Error('the backend has no chords')
    return chords
  }
}

/** A job as a worker would make it of a message. */
export function jobOf(
  task: string,
  args: readonly unknown[] = [],
  call: Partial<TaskCallData> = {},
  parts: Partial<TaskJob> = {},
): TaskJob {
  const template = createTaskTemplate({ task, origin: 'gen1@host' })
  const data = { id: 'id', args, kwargs: {}, argsrepr: '', kwargsrepr: '', ...call }
  const { headers, body, correlationId, replyTo } = encodeTaskMessage(template, data)
  const read = readTaskHeaders(headers)
  if (read === undefined || !isRecord(headers)) throw new Error('no task')
  return {
    headers: read,
    properties: {
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      correlationId,
      replyTo,
      priority: 4,
    },
    compression: undefined,
    body: json.encode(body),
    exchange: '',
    routingKey: 'celery',
    redelivered: false,
    hostname: 'worker@host',
    wantRepr: true,
    ...parts,
  }
}

/** A signature as it travels. */
export function signature(
  task: string,
  parts: {
    readonly args?: readonly unknown[]
    readonly options?: Record<string, unknown>
    readonly immutable?: boolean
    readonly kwargs?: Record<string, unknown>
    readonly type?: string
  } = {},
): NonNullable<TaskCallData['chord']> {
  return {
    task,
    args: parts.args ?? [],
    kwargs: parts.kwargs ?? {},
    options: parts.options ?? {},
    subtask_type: parts.type ?? null,
    immutable: parts.immutable ?? false,
  }
}
