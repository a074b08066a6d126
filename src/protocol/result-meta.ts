/**
 * The document that Celery stores for each task, and the tuples by which results name each other.
 */

/** Exception as stored: class name, constructor arguments, module. Celery: `get_pickleable_exception` as JSON. */
export interface ExceptionTriple {
  readonly exc_type: string
  readonly exc_message: unknown
  readonly exc_module: string
}

/** `[[id, parent tuple or null], children or null]`: a result as plain data. Celery: `AsyncResult.as_tuple`. */
export type ResultTuple = readonly [readonly [string, ResultTuple | null], readonly ResultTuple[] | null]

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
