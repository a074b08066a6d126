/** Messages as rows, and back. */
import type { SQLInputValue, SQLOutputValue } from 'node:sqlite'
import { ConnectionError, PublishError } from '../../../errors.ts'
import { isRecord } from '../../../util/is-record.ts'
import type { MessageHeaders, MessageProperties } from '../../message.ts'
import type { StoredMessage } from '../../virtual/queue-store.ts'

/** A row as `node:sqlite` gives it. */
export type Row = Readonly<Record<string, SQLOutputValue>>

/** How many priorities are told apart. */
export const PRIORITY_LEVELS = 10

/** A message ready to be bound to an insert. */
export interface MessageRow {
  readonly priority: number
  readonly redelivered: number
  /** Milliseconds that it may wait; undefined: for ever. */
  readonly timeToLive: number | undefined
  readonly exchange: string
  readonly routingKey: string
  readonly properties: string
  readonly headers: string
  readonly body: Uint8Array
}

/** A message that has been encoded already. */
export class PreparedMessage implements StoredMessage {
  readonly body: Uint8Array
  readonly properties: MessageProperties
  readonly headers: MessageHeaders
  readonly exchange: string
  readonly routingKey: string
  readonly redelivered: boolean
  readonly row: MessageRow

  /** @throws PublishError when headers or properties cannot be written as JSON. */
  constructor({ body, properties, headers, exchange, routingKey, redelivered }: StoredMessage) {
    this.body = body
    this.properties = properties
    this.headers = headers
    this.exchange = exchange
    this.routingKey = routingKey
    this.redelivered = redelivered
    this.row = encode(this)
  }
}

/** The row of a message. @throws PublishError when headers or properties cannot be written as JSON. */
export function toRow(message: StoredMessage): MessageRow {
  return message instanceof PreparedMessage ? message.row : encode(message)
}

function encode(message: StoredMessage): MessageRow {
  const { properties, headers, exchange, routingKey, redelivered, body } = message
  try {
    return {
      priority: Math.min(Math.max(Math.trunc(properties.priority ?? 0), 0), PRIORITY_LEVELS - 1),
      redelivered: redelivered ? 1 : 0,
      timeToLive: milliseconds(properties.expiration),
      exchange,
      routingKey,
      properties: JSON.stringify(properties),
      headers: JSON.stringify(headers),
      body,
    }
  } catch (error) {
    throw new PublishError(
      `A message for ${JSON.stringify(routingKey)} has headers that JSON cannot hold: ${String(error)}`,
      { cause: error, recoverable: false },
    )
  }
}

/** @throws ConnectionError when the row was not written by us. */
export function fromRow(row: Row): StoredMessage {
  return {
    body: bytes(row['body']),
    properties: parse(row['properties']),
    headers: parse(row['headers']),
    exchange: String(row['exchange'] ?? ''),
    routingKey: String(row['routing_key']),
    redelivered: Number(row['redelivered']) > 0,
    deliveryCount: Math.max(0, Number(row['redelivered']) - 1),
  }
}

/** Milliseconds as AMQP writes them, as text or number; undefined when there are none. */
export function milliseconds(value: unknown): number | undefined {
  const ms = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof ms === 'number' && ms >= 0 ? ms : undefined
}

/** A list of ids to be unpacked with `json_each`. */
export function idList(ids: readonly number[]): SQLInputValue {
  return JSON.stringify(ids)
}

function bytes(value: SQLOutputValue | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw foreign('body', value)
}

function parse(value: SQLOutputValue | undefined): Record<string, unknown> {
  const parsed: unknown = typeof value === 'string' ? JSON.parse(value) : undefined
  if (isRecord(parsed)) return parsed
  throw foreign('headers or properties', value)
}

function foreign(what: string, value: unknown): ConnectionError {
  return new ConnectionError(
    `A row of celeriac_messages has ${what} that Celeriac did not write (${typeof value}): delete it`,
    { recoverable: false },
  )
}
