/** What the execution of tasks needs of the app beyond what the canvas needs. */
import type { CanvasHost } from '../task/signature.ts'

/** How a body is encoded: properties of its message and the header `compression`. */
export interface BodyEncoding {
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  /** MIME type. */
  readonly compression: string | undefined
}

/** See the module's description. */
export interface ExecutionHost {
  readonly tasks: CanvasHost
  /**
   * Decompresses and decodes the body of a message. Celery: `accept_content`, `kombu.serialization.loads`.
   * @throws ContentDisallowed when its content type is not accepted; DecodeError or another SerializationError when it
   * cannot be read; SecurityError when its signature is wrong.
   */
  decodeBody(body: Uint8Array, encoding: BodyEncoding): unknown
  /**
   * Don't run a redelivered task again that has succeeded; undefined: do.
   * Celery: `worker_deduplicate_successful_tasks`.
   */
  readonly deduplicate: DeduplicateOptions | undefined
}

/** How much is remembered of tasks that have succeeded. */
export interface DeduplicateOptions {
  /** How many at most. Celery: `CELERY_WORKER_SUCCESSFUL_MAX`, 1000. */
  readonly max: number
  /** Milliseconds. Celery: `CELERY_WORKER_SUCCESSFUL_EXPIRES`, 10,800 s. */
  readonly expires: number
}
