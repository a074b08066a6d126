/** Sends requests to workers, and gives the replies as they come. kombu: `Mailbox._broadcast`. */
import { OperationalError, TimeoutError } from '../errors.ts'
import { controlRequestHeaders, encodeControlRequest } from '../protocol/control.ts'
import { waitOrAbort } from '../util/abort.ts'
import { uuid } from '../util/uuid.ts'
import type { RequestOptions } from './broadcast-options.ts'
import type { ControlContext } from './ports.ts'
import type { NodeReply } from './reply-collector.ts'
import { ReplyCollector } from './reply-collector.ts'
import { ReplyInbox } from './reply-inbox.ts'

type Arguments = Readonly<Record<string, unknown>>

/** See the module's description. */
export class Requester {
  readonly #context: ControlContext
  readonly #inbox: ReplyInbox

  constructor(context: ControlContext) {
    this.#context = context
    this.#inbox = new ReplyInbox(context)
  }

  /** Sends a command that nobody is to reply to; settles when the broker has it. kombu: `cast`. */
  async cast(method: string, args: Arguments, options: RequestOptions): Promise<void> {
    await this.#context.ready()
    await this.#publish(method, args, options, undefined)
  }

  /** Sends a command, and gives the replies until enough have come. kombu: `multi_call`. */
  async *call(method: string, args: Arguments, options: RequestOptions): AsyncGenerator<NodeReply, void> {
    const { limit, timeout, abort, callback } = options
    abort?.throwIfAborted()
    await this.#context.ready()
    const collector = new ReplyCollector({ limit, timeout, clock: this.#context.clock })
    const onAbort = (): void => collector.fail(abort?.reason)
    abort?.addEventListener('abort', onAbort, { once: true })
    const ticket = uuid()
    try {
      await this.#listen(ticket, collector, abort)
      await this.#publish(method, args, options, ticket)
      collector.start()
      for await (const reply of collector) {
        callback?.(reply)
        yield reply
      }
    } finally {
      abort?.removeEventListener('abort', onAbort)
      collector.stop()
      await this.#inbox.leave(ticket)
    }
  }

  async #listen(ticket: string, collector: ReplyCollector, abort: AbortSignal | undefined): Promise<void> {
    const { connectTimeout, clock } = this.#context
    const listening = this.#inbox.listen(ticket, collector)
    try {
      const wait = { signal: abort, timeout: connectTimeout, clock }
      await waitOrAbort(listening, wait, 'the broker, to open the queue for replies to remote control,')
    } catch (error) {
      if (error instanceof TimeoutError) throw new OperationalError(error.message, { cause: error })
      throw error
    }
  }

  async #publish(
    method: string,
    args: Arguments,
    options: RequestOptions,
    ticket: string | undefined,
  ): Promise<void> {
    const { mailbox, oid, clock, logicalClock, producer } = this.#context
    const { destination, pattern, matcher, timeout, abort } = options
    const replyTo = { exchange: mailbox.replyExchange.name, routingKey: oid }
    const request = { method, arguments: args, destination, pattern, matcher, ticket, replyTo }
    const { body, contentType, contentEncoding } = this.#context.encode(encodeControlRequest(request))
    const expires = timeout === undefined ? undefined : clock.now() + timeout
    await producer.publish(
      {
        body,
        // As Celery has it: 2 although the exchange is not durable.
        properties: { contentType, contentEncoding, deliveryMode: 2, priority: 0 },
        headers: controlRequestHeaders(logicalClock.forward(), expires),
      },
      {
        target: { exchange: mailbox.exchange.name, routingKey: '' },
        declare: [mailbox.exchange],
        signal: abort,
      },
    )
  }
}
