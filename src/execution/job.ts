import type { MessageProperties } from '../messaging/message.ts'
import type { TaskHeaders } from '../protocol/task-headers.ts'

/**
 * What a worker hands to a pool for one task: plain data, so that it can go to another process. The body is still
 * bytes: it is decoded where the task runs.
 */
export interface TaskJob {
  /** Read once, by the worker. Of a protocol 1 message they come out of its body. */
  readonly headers: TaskHeaders
  /** Content type and encoding, correlation id, reply_to … of the message. */
  readonly properties: MessageProperties
  /** MIME type of the compression of the body (header `compression`). */
  readonly compression: string | undefined
  readonly body: Uint8Array
  readonly exchange: string
  readonly routingKey: string
  readonly redelivered: boolean
  /** Node name of the worker. */
  readonly hostname: string
  /** Somebody reads the representation of the result (logs at INFO, events); otherwise none is made. */
  readonly wantRepr: boolean
}
