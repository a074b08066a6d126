/** Commands that tell which tasks the worker has and knows. */
import { fromMilliseconds } from '../../util/duration.ts'
import { formatIsoDate } from '../../util/iso8601.ts'
import { camelCase } from '../../util/text.ts'
import type { Request } from '../request.ts'
import { type Command, inspects } from './command.ts'
import type { CommandState } from './command-state.ts'
import { type RequestInfo, requestInfo } from './request-info.ts'

const active: Command = inspects(
  { name: 'active', alias: 'dump_active', help: 'List of tasks currently being executed.' },
  (state, args) =>
    requests(state, ({ running }) => running).map((request) =>
      requestInfo(state, request, args.flag('safe')),
    ),
)

/** Celery does not list tasks that wait for their rate limit at all; here they are reserved. */
const reserved: Command = inspects(
  {
    name: 'reserved',
    alias: 'dump_reserved',
    help: 'List of currently reserved tasks, not including scheduled/active.',
  },
  (state) =>
    requests(state, ({ running, scheduled }) => !running && !scheduled).map((request) =>
      requestInfo(state, request),
    ),
)

const scheduled: Command = inspects(
  { name: 'scheduled', alias: 'dump_schedule', help: 'List of currently scheduled ETA/countdown tasks.' },
  (state) =>
    requests(state, (request) => request.scheduled)
      .toSorted((a, b) => (a.subject.eta ?? 0) - (b.subject.eta ?? 0))
      .map((request) => ({
        eta: formatIsoDate(new Date(request.subject.eta ?? 0)),
        priority: ETA_PRIORITY,
        request: requestInfo(state, request),
      })),
)

/** That of ETA tasks among the timers of Celery's workers. */
const ETA_PRIORITY = 6

const queryTask: Command = inspects(
  {
    name: 'query_task',
    help: 'Query for task information by id.',
    variadic: 'ids',
    signature: '[id1 [id2 [... [idN]]]]',
    required: ['ids'],
  },
  (state, args) => {
    const found = args.texts('ids').flatMap((id) => state.state.find(id))
    return Object.fromEntries(
      found.map((request): [string, [string, RequestInfo]] => [
        request.id,
        [request.running ? 'active' : 'reserved', requestInfo(state, request)],
      ]),
    )
  },
)

const revoked: Command = inspects(
  { name: 'revoked', alias: 'dump_revoked', help: 'List of revoked task-ids.' },
  ({ revokes }) => revokes.ids,
)

const registered: Command = inspects(
  {
    name: 'registered',
    alias: 'dump_tasks',
    help: 'List of registered tasks.',
    variadic: 'taskinfoitems',
    signature: '[attr1 [attr2 [... [attrN]]]]',
  },
  (state, args) => {
    const wanted = args.texts('taskinfoitems')
    const items = wanted.length === 0 ? DEFAULT_INFO_ITEMS : wanted
    return state.services
      .taskNames({ builtins: args.flag('builtins') })
      .toSorted((a, b) => (a < b ? -1 : 1))
      .map((name) => {
        const fields = items.flatMap((item) => taskField(state, name, item))
        return fields.length === 0 ? name : `${name} [${fields.join(' ')}]`
      })
  },
)

const DEFAULT_INFO_ITEMS: readonly string[] = ['exchange', 'routing_key', 'rate_limit']

/** `rate_limit=10/m`, if the task has such an attribute. */
function taskField({ tasks, rateLimits, timeLimits }: CommandState, name: string, item: string): string[] {
  const options = tasks.get(name)?.options
  if (options === undefined) return []
  const { publish, attributes, maxRetries, ...own } = options
  const limits = timeLimits.get(name) ?? options
  const fields: Readonly<Record<string, unknown>> = {
    ...own,
    maxRetries: Number.isFinite(maxRetries) ? maxRetries : undefined,
    rateLimit: rateLimits === undefined ? options.rateLimit : rateLimits.rateOf(name),
    timeLimit: inSeconds(limits.timeLimit),
    softTimeLimit: inSeconds(limits.softTimeLimit),
    defaultRetryDelay: inSeconds(options.defaultRetryDelay),
  }
  const key = camelCase(item)
  const value = fields[key] ?? attributes[key] ?? publish[item]
  return value === undefined || value === null ? [] : [`${item}=${asPython(value)}`]
}

function inSeconds(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : fromMilliseconds(milliseconds)
}

function asPython(value: unknown): string {
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value)
}

function requests({ state }: CommandState, select: (request: Request) => boolean): Request[] {
  return [...state.requests].filter(select)
}

export const taskCommands: readonly Command[] = [active, reserved, scheduled, queryTask, revoked, registered]
