/**
 * The document that Celery stores for each task.
 */
import { BackendGetMetaError } from '../errors.ts'
import { isRecord, isStringArray } from '../util/is-record.ts'
import { formatIsoDate } from '../util/iso8601.ts'
import { PENDING, READY_STATES } from './states.ts'

/** Exception as stored: class name, constructor arguments, module. Celery: `get_pickleable_exception` as JSON. */
export interface ExceptionTriple {
  readonly exc_type: string
  readonly exc_message: unknown
  readonly exc_module: string
}

/** `[[id, parent tuple or null], children or null]`: a result as plain data. Celery: `AsyncResult.as_tuple`. */
export type ResultTuple = readonly [
  readonly [id: string, parent: ResultTuple | null],
  children: readonly ResultTuple[] | null,
]

/** The stored document, keys as on the wire. Extended fields only with `result_extended`. */
export interface ResultMeta {
  readonly task_id: string
  readonly status: string
  readonly result: unknown
  readonly traceback: string | null
  readonly children: readonly unknown[] | null
  /** ISO 8601 with offset, for states in which a task is ready. */
  readonly date_done: string | null
  readonly group_id?: string
  readonly parent_id?: string
  readonly name?: string | null
  readonly args?: unknown
  readonly kwargs?: unknown
  readonly worker?: string | null
  readonly retries?: number | null
  readonly queue?: string | null
  readonly stamped_headers?: readonly string[] | null
  /** One field per stamp. */
  readonly [stamp: string]: unknown
}

/** What `result_extended` adds about the call. */
export interface ExtendedFields {
  readonly name: string | undefined
  readonly args: unknown
  readonly kwargs: unknown
  /** Name of the node that ran it. */
  readonly worker: string | undefined
  readonly retries: number
  /** The routing key by which it came. */
  readonly queue: string | undefined
  readonly stampedHeaders?: readonly string[] | undefined
  readonly stamps?: Readonly<Record<string, unknown>> | undefined
}

/** What is known of the task when its result is stored; without it (revoked by a client, say) less is stored. */
export interface ResultRequest {
  readonly groupId?: string | undefined
  readonly parentId?: string | undefined
  /** Tasks that it sent. */
  readonly children: readonly ResultTuple[]
  /** Only with `resultExtended`. */
  readonly extended?: ExtendedFields | undefined
}

/** One result to be stored. */
export interface ResultParts {
  readonly id: string
  readonly state: string
  /** The value; for states with an error its triple. */
  readonly result: unknown
  readonly traceback?: string | undefined
  readonly request?: ResultRequest | undefined
  /** Milliseconds since 1970; written as `date_done` if the task is ready. */
  readonly now: number
}

type Draft = { -readonly [Key in keyof ResultMeta]: ResultMeta[Key] }

/** The document of a result, its keys in Celery's order. Celery: `_get_result_meta`. */
export function buildResultMeta({ id, state, result, traceback, request, now }: ResultParts): ResultMeta {
  const dateDone = READY_STATES.has(state) ? isoNow(now) : null
  const children = request === undefined ? null : request.children
  if (request === undefined || isPlain(request)) {
    return {
      status: state,
      result,
      traceback: traceback ?? null,
      children,
      date_done: dateDone,
      task_id: id,
    }
  }
  const { groupId, parentId, extended } = request
  return {
    status: state,
    result,
    traceback: traceback ?? null,
    children,
    date_done: dateDone,
    ...(groupId === undefined ? undefined : { group_id: groupId }),
    ...(parentId === undefined ? undefined : { parent_id: parentId }),
    ...(extended === undefined ? undefined : extendedFields(extended)),
    task_id: id,
  }
}

function isPlain(request: ResultRequest): boolean {
  return request.groupId === undefined && request.parentId === undefined && request.extended === undefined
}

function extendedFields(extended: ExtendedFields): Partial<Draft> {
  const { name, args, kwargs, worker, retries, queue, stampedHeaders, stamps } = extended
  return {
    name: name ?? null,
    args,
    kwargs,
    worker: worker ?? null,
    retries,
    queue: queue ?? null,
    ...(stamps === undefined ? undefined : stampFields(stamps, stampedHeaders)),
  }
}

function stampFields(
  stamps: Readonly<Record<string, unknown>>,
  stampedHeaders: readonly string[] | undefined,
): Partial<Draft> {
  const own = Object.entries(stamps).filter(([stamp]) => !RESERVED.has(stamp))
  if (own.length === 0) return {}
  return { stamped_headers: stampedHeaders ?? null, ...Object.fromEntries(own) }
}

/** Stamps come from outside: none may pass for what the document itself says. (In Celery they may.) */
const RESERVED: ReadonlySet<string> = new Set([
  'task_id',
  'status',
  'result',
  'traceback',
  'children',
  'date_done',
])

// Results come in bursts: most of a millisecond's are printed once.
let printedAt = Number.NaN
let printed = ''

function isoNow(now: number): string {
  if (now !== printedAt) {
    printed = formatIsoDate(new Date(now))
    printedAt = now
  }
  return printed
}

/** The document of a task of which nothing is known. */
export function pendingMeta(id: string): ResultMeta {
  return { status: PENDING, result: null, traceback: null, children: null, date_done: null, task_id: id }
}

/**
 * Reads a document that was stored by anybody. What is missing gets its default; fields of unknown names stay.
 *
 * @param id of the task, for documents that don't say (Celery's `rpc://` and SQL ones do, key-value ones do).
 * @throws BackendGetMetaError when it is no result.
 */
export function readResultMeta(value: unknown, id?: string): ResultMeta {
  if (!isRecord(value)) throw unreadable(id, 'it is no object')
  const { status, task_id: own = id, date_done: dateDone } = value
  if (typeof status !== 'string') throw unreadable(id, "it has no 'status'")
  if (typeof own !== 'string') throw unreadable(id, "it has no 'task_id'")
  const meta: Draft = {
    ...value,
    task_id: own,
    status,
    result: value['result'] ?? null,
    traceback: textOrNull(value['traceback']),
    children: Array.isArray(value['children']) ? value['children'] : null,
    date_done: dateDone instanceof Date ? formatIsoDate(dateDone) : textOrNull(dateDone),
  }
  dropUnless(meta, 'group_id', isText)
  dropUnless(meta, 'parent_id', isText)
  dropUnless(meta, 'name', isText)
  dropUnless(meta, 'worker', isText)
  dropUnless(meta, 'queue', isText)
  dropUnless(meta, 'retries', Number.isInteger)
  dropUnless(meta, 'stamped_headers', isStringArray)
  return meta
}

function dropUnless(meta: Draft, key: keyof ResultMeta, isRight: (value: unknown) => boolean): void {
  if (key in meta && !isRight(meta[key])) delete meta[key]
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function unreadable(id: string | undefined, why: string): BackendGetMetaError {
  return new BackendGetMetaError(
    `The stored result${id === undefined ? '' : ` of task ${id}`} is unreadable: ${why}`,
    { taskId: id },
  )
}
