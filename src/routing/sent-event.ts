/** What clients tell monitors of a task that they have sent: the event `task-sent`. */
import type { PublishTarget } from '../messaging/message.ts'
import type { EventFields } from '../protocol/events.ts'
import type { EncodedTask } from '../protocol/task-message.ts'
import type { TaskCall, WireOptions } from '../task/ports.ts'
import { isRecord } from '../util/is-record.ts'
import { reprArgs, reprKwargs } from '../util/repr.ts'

/** Sends an event, some time; an `EventDispatcher` does. */
export interface EventSender {
  send(type: string, fields: EventFields): void
}

/** Who tells of a call: the option `eventDispatcher`, else the app's. @throws TypeError when the option is none. */
export function eventSender(options: WireOptions, standard: EventSender): EventSender {
  const own = options['event_dispatcher']
  if (own === undefined || own === null) return standard
  if (isEventSender(own)) return own
  throw new TypeError('eventDispatcher must be made by app.events.dispatcher()')
}

function isEventSender(value: unknown): value is EventSender {
  return typeof value === 'object' && value !== null && 'send' in value && typeof value.send === 'function'
}

/** Its fields, in Celery's order. @param queue undefined: the call names an exchange that belongs to no queue. */
export function sentEvent(
  call: TaskCall,
  task: EncodedTask,
  queue: string | undefined,
  { exchange, routingKey }: PublishTarget,
): EventFields {
  const about = 'id' in task.headers ? newFields(task.headers) : oldFields(call, task.body)
  return { ...about, queue: queue ?? null, exchange, routing_key: routingKey }
}

/** Of a message of protocol 2. */
function newFields(headers: Readonly<Record<string, unknown>>): EventFields {
  return {
    uuid: headers['id'],
    root_id: headers['root_id'],
    parent_id: headers['parent_id'],
    name: headers['task'],
    args: headers['argsrepr'],
    kwargs: headers['kwargsrepr'],
    retries: headers['retries'],
    eta: headers['eta'],
    expires: headers['expires'],
  }
}

/** Of a message of protocol 1. */
function oldFields({ id, name, args, kwargs }: TaskCall, body: unknown): EventFields {
  const { retries, eta, expires } = isRecord(body) ? body : {}
  return { uuid: id, name, args: reprArgs(args), kwargs: reprKwargs(kwargs), retries, eta, expires }
}
