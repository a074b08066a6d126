/**
 * An app for tests of the execution: real tasks, signatures and result store; the backend keeps everything in memory,
 * and what would be published is written down. Everything that happens goes into one journal, in order.
 */
import type { Backend, ChordPart } from '../../../src/backends/backend.ts'
import { ResultStore } from '../../../src/backends/result-store.ts'
import { Group } from '../../../src/canvas/group.ts'
import { effectiveSettings } from '../../../src/config/effective-settings.ts'
import { normalizeSettings } from '../../../src/config/normalize.ts'
import type { TaskJob } from '../../../src/execution/job.ts'
import type { ExecutionHost } from '../../../src/execution/ports.ts'
import { JsonSerializer } from '../../../src/messaging/serialization/json.ts'
import { ErrorClasses } from '../../../src/protocol/error-classes.ts'
import type { ResultMeta } from '../../../src/protocol/result-meta.ts'
import { readSignatures } from '../../../src/protocol/signature.ts'
import { readTaskHeaders } from '../../../src/protocol/task-headers.ts'
import type { TaskCallData } from '../../../src/protocol/task-message.ts'
import { createTaskTemplate, encodeTaskMessage } from '../../../src/protocol/task-message.ts'
import { createResultContext } from '../../../src/result/result-from-tuple.ts'
import { joinDenied } from '../../../src/task/current-task.ts'
import type { TaskSettings, UserTaskOptions } from '../../../src/task/options.ts'
import type { EagerOutcome, TaskCall, TaskHandlers } from '../../../src/task/ports.ts'
import { TaskRegistry } from '../../../src/task/registry.ts'
import type { AnySignature, CanvasHost } from '../../../src/task/signature.ts'
import { Signature } from '../../../src/task/signature.ts'
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
  readonly backend = new MemoryBackend(this.journal)
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

  pipe(): AnySignature {
    throw new Error('not in these tests')
  }

  signatureFrom(data: unknown): AnySignature {
    const [signature] = readSignatures(data, 'signature')
    if (signature === undefined) throw new Error('no signature')
    const { subtask_type: type, kwargs, options } = signature
    if (type !== 'group') return new Signature(this, signature)
    const tasks = readSignatures(kwargs['tasks'], 'tasks').map((each) => this.signatureFrom(each))
    return new Group(this, tasks, options)
  }
}

/** Keeps documents and chords. Documents are encoded, so that what cannot be stored fails. */
class MemoryBackend implements Backend {
  readonly features = { persistent: true, autoExpire: false, nativeJoin: true, groups: true }
  readonly metas = new Map<string, ResultMeta>()
  readonly groupTuples = new Map<string, readonly unknown[]>()
  readonly #parts = new Map<string, Map<string, ChordPart>>()
  readonly sizes = new Map<string, number>()
  readonly #journal: Entry[]
  /** Thrown by `save`. */
  broken: Error | undefined

  constructor(journal: Entry[]) {
    this.#journal = journal
  }

  save(meta: ResultMeta): Promise<void> {
    if (this.broken !== undefined) return Promise.reject(this.broken)
    try {
      json.encode(meta)
    } catch (error) {
      return Promise.reject(error)
    }
    this.#journal.push(['store', meta.task_id, meta.status, meta.result])
    if (this.metas.get(meta.task_id)?.status !== 'SUCCESS') this.metas.set(meta.task_id, meta)
    return Promise.resolve()
  }

  load(ids: readonly string[]): Promise<(ResultMeta | undefined)[]> {
    return Promise.resolve(ids.map((id) => this.metas.get(id)))
  }

  forget(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  readonly groups: NonNullable<Backend['groups']> = {
    save: (id, group) => {
      this.groupTuples.set(id, group)
      return Promise.resolve()
    },
    load: (id) => Promise.resolve(this.groupTuples.get(id)),
    forget: () => Promise.resolve(),
  }

  readonly chords: NonNullable<Backend['chords']> = {
    setSize: (group, size) => {
      this.sizes.set(group, size)
      return Promise.resolve()
    },
    add: (group, part) => {
      const parts = this.#parts.get(group) ?? new Map<string, ChordPart>()
      this.#parts.set(group, parts)
      const isNew = !parts.has(part.id)
      parts.set(part.id, part)
      const size = this.sizes.get(group)
      this.#journal.push(['part', group, part.index, part.state])
      return Promise.resolve({ complete: isNew && parts.size === size, count: parts.size, size })
    },
    collect: (group) =>
      Promise.resolve([...(this.#parts.get(group)?.values() ?? [])].toSorted((a, b) => a.index - b.index)),
    forget: (group) => {
      this.#journal.push(['chord forgotten', group])
      this.#parts.delete(group)
      return Promise.resolve()
    },
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
