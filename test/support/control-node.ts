import type { Celery } from '../../src/app/celery.ts'
import { Mailbox } from '../../src/messaging/mailbox.ts'
import type { Delivery } from '../../src/messaging/message.ts'
import type { Channel } from '../../src/messaging/transport.ts'
import type { ControlRequest } from '../../src/protocol/control.ts'
import {
  controlReplyHeaders,
  encodeControlReply,
  isAddressedTo,
  readControlHeaders,
  readControlRequest,
} from '../../src/protocol/control.ts'
import type { CleanupContext } from './cleanup.ts'
import { onCleanup } from './cleanup.ts'

/** A request as a node has got it. */
export interface Received {
  readonly request: ControlRequest
  /** As it is on the wire. */
  readonly body: string
  readonly delivery: Delivery
}

/** A worker that does nothing but receive commands of remote control, and answers as the test says. */
export interface ControlNode {
  readonly name: string
  /** All that it has received, meant for it or not. */
  readonly received: Received[]
  /** Replies to a request, however late. */
  reply(
    request: ControlRequest,
    value: unknown,
    headers?: Readonly<Record<string, unknown>>,
    serializer?: string,
  ): Promise<void>
}

export interface ControlNodeOptions {
  readonly name: string
  /** What it replies; undefined: nothing. Default: Celery's answer to a ping. */
  readonly answer?: (request: ControlRequest) => unknown
}

/** Starts a node on a connection of its own, and ends it with the test. */
export async function startControlNode(
  t: CleanupContext,
  app: Celery,
  { name, answer = () => ({ ok: 'pong' }) }: ControlNodeOptions,
): Promise<ControlNode> {
  const [options] = app.brokers('read')
  if (options === undefined) throw new Error('the app has no broker')
  const connection = await (await app.resolveTransport(options.url)).connect(options)
  const close = (): Promise<void> => connection.close()
  onCleanup(t, close, () => void close())
  const channel = await connection.openChannel()
  const received: Received[] = []
  const node: ControlNode = {
    name,
    received,
    reply: (request, value, headers, serializer = 'json') =>
      publishReply(app, channel, { name, request, value, headers, serializer }),
  }
  const queue = mailboxOf(app).nodeQueue(name)
  await queue.declare(channel)
  await channel.consume(
    queue.name,
    (delivery) => {
      const request = readControlRequest(app.decodeBody(delivery))
      received.push({ request, body: Buffer.from(delivery.body).toString(), delivery })
      const value = isAddressedTo(request, name) ? answer(request) : undefined
      if (value !== undefined && request.replyTo !== undefined) void node.reply(request, value)
    },
    { noAck: true },
  )
  return node
}

function mailboxOf({ settings }: Celery): Mailbox {
  return new Mailbox({
    namespace: settings.controlExchange,
    queueTtl: settings.controlQueueTtl,
    queueExpires: settings.controlQueueExpires,
    durable: settings.controlQueueDurable,
    exclusive: settings.controlQueueExclusive,
  })
}

async function publishReply(
  app: Celery,
  channel: Channel,
  reply: {
    readonly name: string
    readonly request: ControlRequest
    readonly value: unknown
    readonly headers: Readonly<Record<string, unknown>> | undefined
    readonly serializer: string
  },
): Promise<void> {
  const { ticket, replyTo } = reply.request
  if (replyTo === undefined) throw new Error('no reply is wanted')
  const { clock } = readControlHeaders({ clock: 10 })
  const encoded = app.serializers.encode(encodeControlReply(reply.name, reply.value), reply.serializer)
  const { body, contentType, contentEncoding } = encoded
  await channel.publish(
    {
      body,
      properties: { contentType, contentEncoding, deliveryMode: 1, priority: 0 },
      headers: { ...controlReplyHeaders(ticket, clock), ...reply.headers },
    },
    replyTo,
  )
}
