/**
 * Remote control on the wire (kombu: `kombu.pidbox`), as pure functions for both sides.
 *
 * A **request** goes to the fanout exchange `<namespace>.pidbox`, so every worker gets it and decides whether it is
 * meant. A **reply** goes to the direct exchange that the request names, with the request's ticket in its headers.
 */
import { DecodeError } from '../errors.ts'
import { fromMilliseconds, toMilliseconds } from '../util/duration.ts'
import { isRecord, isStringArray } from '../util/is-record.ts'
import { repr } from '../util/repr.ts'
import { matchesNode } from './node-matcher.ts'

/** Where replies go. */
export interface ReplyAddress {
  readonly exchange: string
  readonly routingKey: string
}

/** A command to workers. What is optional is absent, not null; the encoder writes the nulls. */
export interface ControlRequest {
  /** Name of the command, e.g. `ping`. */
  readonly method: string
  readonly arguments: Readonly<Record<string, unknown>>
  /** Names of the nodes that are meant; absent: see `pattern`. */
  readonly destination?: readonly string[] | undefined
  /** Pattern for names of nodes; it counts only together with `matcher`, and only without `destination`. */
  readonly pattern?: string | undefined
  /** `glob` or `pcre`. */
  readonly matcher?: string | undefined
  /** Tells apart the replies to different requests. Absent: no reply is wanted. */
  readonly ticket?: string | undefined
  readonly replyTo?: ReplyAddress | undefined
}

/** What the headers of requests and replies say. */
export interface ControlHeaders {
  /** The sender's logical clock; 0 when it has none. */
  readonly clock: number
  /** When nobody waits for it any more, in milliseconds since 1970; absent: never. */
  readonly expires?: number | undefined
  /** Of the request that this is a reply to. */
  readonly ticket?: string | undefined
}

/** The body of a request. */
export function encodeControlRequest(request: ControlRequest): Record<string, unknown> {
  const { method, destination = null, pattern = null, matcher = null, ticket, replyTo } = request
  const body: Record<string, unknown> = {
    method,
    arguments: request.arguments,
    destination,
    pattern,
    matcher,
  }
  if (ticket !== undefined && replyTo !== undefined) {
    body['ticket'] = ticket
    body['reply_to'] = { exchange: replyTo.exchange, routing_key: replyTo.routingKey }
  }
  return body
}

/** The headers of a request. `expires`: milliseconds since 1970; on the wire it is in seconds, 0 for never. */
export function controlRequestHeaders(clock: number, expires: number | undefined): Record<string, unknown> {
  return { clock, expires: expires === undefined ? 0 : fromMilliseconds(expires) }
}

/** Takes the body of a request apart that came from anywhere. @throws DecodeError when it is none. */
export function readControlRequest(body: unknown): ControlRequest {
  if (!isRecord(body)) throw noRequest('it must be an object', body)
  const { method, pattern, matcher, ticket } = body
  if (typeof method !== 'string') throw noRequest("'method' must be a text", method)
  return {
    method,
    arguments: readArguments(body['arguments']),
    destination: readDestination(body['destination']),
    pattern: optionalText(pattern, 'pattern'),
    matcher: optionalText(matcher, 'matcher'),
    ticket: optionalText(ticket, 'ticket'),
    replyTo: readAddress(body['reply_to']),
  }
}

/** Whether a request is meant for a node. @throws MatcherNotInstalled, SyntaxError: see `matchesNode`. */
export function isAddressedTo(request: ControlRequest, nodename: string): boolean {
  const { destination, pattern, matcher } = request
  if (destination !== undefined && destination.length > 0) return destination.includes(nodename)
  if (pattern && matcher) return matchesNode(nodename, pattern, matcher)
  return true
}

/** The body of a reply: the value under the name of the node that gives it. */
export function encodeControlReply(nodename: string, value: unknown): Record<string, unknown> {
  return { [nodename]: value }
}

/** The headers of a reply. */
export function controlReplyHeaders(ticket: string | undefined, clock: number): Record<string, unknown> {
  return { ticket: ticket ?? null, clock }
}

/** Takes the body of a reply apart: values by the names of nodes (usually one). @throws DecodeError when it is none. */
export function readControlReply(body: unknown): Record<string, unknown> {
  if (isRecord(body)) return body
  throw new DecodeError(`A reply to a remote control command must be an object, not ${repr(body)}`)
}

/** What the headers of a request or reply say; what makes no sense counts as absent. */
export function readControlHeaders(headers: Readonly<Record<string, unknown>>): ControlHeaders {
  const { clock, expires, ticket } = headers
  return {
    clock: typeof clock === 'number' && Number.isFinite(clock) ? clock : 0,
    expires: typeof expires === 'number' && expires > 0 ? toMilliseconds(expires, 'expires') : undefined,
    ticket: typeof ticket === 'string' ? ticket : undefined,
  }
}

function readArguments(value: unknown): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return value
  if (value === null || value === undefined) return {}
  throw noRequest("'arguments' must be an object", value)
}

function readDestination(value: unknown): readonly string[] | undefined {
  if (value === null || value === undefined) return undefined
  if (typeof value === 'string') return [value]
  if (isStringArray(value)) return value
  throw noRequest("'destination' must be a list of node names", value)
}

function readAddress(value: unknown): ReplyAddress | undefined {
  if (value === null || value === undefined) return undefined
  const { exchange, routing_key: routingKey } = isRecord(value) ? value : {}
  if (typeof exchange === 'string' && typeof routingKey === 'string') return { exchange, routingKey }
  throw noRequest("'reply_to' must name an exchange and a routing_key", value)
}

function optionalText(value: unknown, name: string): string | undefined {
  if (value === null || value === undefined) return undefined
  if (typeof value === 'string') return value
  throw noRequest(`'${name}' must be a text`, value)
}

function noRequest(why: string, value: unknown): DecodeError {
  return new DecodeError(`A message is no remote control request: ${why}, not ${repr(value)}`)
}
