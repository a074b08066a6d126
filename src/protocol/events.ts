/**
 * Events on the wire, as pure functions: what workers and clients tell those who watch. Celery: `celery.events.event`.
 *
 * An event is a flat map. `worker-online` goes out with the routing key `worker.online`; several events of one group
 * go out as a list, with the key `task.multi`. Times are seconds since 1970, offsets whole hours *west* of Greenwich.
 */
import { isRecord } from '../util/is-record.ts'

/** Fields of an event under their names on the wire. */
export type EventFields = Readonly<Record<string, unknown>>

/** An event: what all have, and the fields of its type. Whatever came from elsewhere may lack any of it but `type`. */
export interface CeleryEvent extends EventFields {
  /** Group and subject: `task-received`. */
  readonly type: string
  /** Name of the node, or `gen<pid>@<host>` for a client. */
  readonly hostname?: unknown
  /** Seconds since 1970, on the sender's clock. */
  readonly timestamp?: unknown
  /** Whole hours that the sender's zone is west of Greenwich. */
  readonly utcoffset?: unknown
  readonly pid?: unknown
  /** The sender's logical clock; null for events that are sent blind. */
  readonly clock?: unknown
}

/** Who sends an event, and when. */
export interface EventOrigin {
  readonly hostname: string
  readonly pid: number
  /** Null: blind. */
  readonly clock: number | null
  /** Milliseconds since 1970. */
  readonly now: number
  /** See `utcOffset`. */
  readonly utcoffset: number
}

/** An event as Celery sends it, keys in its order. Fields win over what all events have, as there. */
export function buildEvent(type: string, fields: EventFields, origin: EventOrigin): CeleryEvent {
  const { hostname, utcoffset, pid, clock, now } = origin
  const event = { hostname, utcoffset, pid, clock, ...fields }
  return { ...event, timestamp: fields['timestamp'] ?? now / 1000, type }
}

/** `task-received` → `task`. Celery: `group_from`. */
export function eventGroup(type: string): string {
  const dash = type.indexOf('-')
  return dash < 0 ? type : type.slice(0, dash)
}

/** `task-received` → `received`; `` when the type is but a group. */
export function eventSubject(type: string): string {
  return type.slice(eventGroup(type).length + 1)
}

/** `task-received` → `task.received`. */
export function eventRoutingKey(type: string): string {
  return type.replaceAll('-', '.')
}

/** Key of a message that is a list of events of a group: `task.multi`. */
export function batchRoutingKey(group: string): string {
  return `${group}.multi`
}

/**
 * Whole hours that this machine is west of Greenwich, at a moment in milliseconds: 8 in San Francisco, -6 in Delhi.
 * Celery: `utcoffset`.
 */
export function utcOffset(now: number): number {
  const hours = Math.floor(new Date(now).getTimezoneOffset() / 60)
  return hours === 0 ? 0 : hours
}

/**
 * The events of a message, which holds one or a list of them. What is no event is left out.
 * @param body as it was decoded.
 */
export function readEvents(body: unknown): CeleryEvent[] {
  const all: readonly unknown[] = Array.isArray(body) ? body : [body]
  return all.filter(isEvent)
}

function isEvent(value: unknown): value is CeleryEvent {
  return isRecord(value) && typeof value['type'] === 'string'
}

/** What a receiver goes by. */
export interface ReceptionOptions {
  /** The own logical clock. */
  readonly clock: { readonly value: number; forward(): number; adjust(other: unknown): number }
  /** Milliseconds since 1970. */
  readonly now: number
  /** Shift times into this machine's zone, as far as Celery does. */
  readonly localize: boolean
}

/**
 * An event as it is handed to whoever watches: with `local_received`, a time stamp in the local zone, and a clock.
 * The own clock goes on by it; but clients never hear of others' clocks, so `task-sent` gets a value just before now.
 * Celery: `event_from_message`.
 */
export function receiveEvent(event: CeleryEvent, { clock, now, localize }: ReceptionOptions): CeleryEvent {
  const changed: Record<string, unknown> = {}
  if (event.type === 'task-sent') {
    const before = (clock.value || 1) - 1
    changed['clock'] = before
    clock.adjust(before)
  } else if ('clock' in event) {
    clock.adjust(event.clock)
  } else {
    changed['clock'] = clock.forward()
  }
  const { timestamp, utcoffset } = event
  if (localize && typeof timestamp === 'number' && typeof utcoffset === 'number') {
    changed['timestamp'] = timestamp - (utcoffset - utcOffset(now)) * 3600
  }
  return { ...event, ...changed, local_received: now / 1000 }
}
