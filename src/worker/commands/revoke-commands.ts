/** Commands that keep tasks from running, or end them. Celery: `revoke`, `terminate`. */
import { constants } from 'node:os'
import { repr } from '../../util/repr.ts'
import type { Request } from '../request.ts'
import { stampValues } from '../revokes.ts'
import { type Command, controls, ok } from './command.ts'
import type { CommandArguments } from './command-arguments.ts'
import type { CommandState } from './command-state.ts'

const revoke: Command = controls(
  {
    name: 'revoke',
    help: 'Revoke task by task id (or list of ids).',
    variadic: 'task_id',
    signature: '[id1 [id2 [... [idN]]]]',
    required: ['task_id'],
  },
  (state, args) => {
    const signal = args.flag('terminate') ? readSignal(args) : undefined
    return revokeTasks(state, new Set(args.texts('task_id')), signal)
  },
)

const terminate: Command = controls(
  {
    name: 'terminate',
    help: 'Terminate task by task id (or list of ids).',
    args: [['signal', 'text']],
    variadic: 'task_id',
    signature: '<signal> [id1 [id2 [... [idN]]]]',
    required: ['signal', 'task_id'],
  },
  (state, args) => revokeTasks(state, new Set(args.texts('task_id')), readSignal(args)),
)

async function revokeTasks(
  state: CommandState,
  ids: ReadonlySet<string>,
  signal: string | undefined,
): Promise<unknown> {
  const { logger, revokes } = state
  revokes.add(ids)
  const held = waitingFirst([...ids].flatMap((id) => state.state.find(id)))
  if (signal !== undefined) {
    for (const { id } of held) logger.info(`Terminating ${id} (${signal})`)
  } else logger.info(`Tasks flagged as revoked: ${[...ids].join(', ')}`)
  for (const request of held) request.revoke(signal)
  // Of those that are here, the request itself stores how it ends.
  const here = new Set(held.map(({ id }) => id))
  await Promise.all([...ids].filter((id) => !here.has(id)).map((id) => markRevoked(state, id)))
  if (signal === undefined) return ok(`tasks ${repr(ids)} flagged as revoked`)
  return ok(here.size === 0 ? 'terminate: tasks unknown' : `terminate: ${[...here].join(', ')}`)
}

/** The end of one that runs makes room for one that waits: that one must not start if it is revoked, too. */
function waitingFirst(requests: Iterable<Request>): Request[] {
  return [...requests].toSorted((one, other) => Number(one.running) - Number(other.running))
}

/** Also for tasks that nobody has yet: whoever waits for the result need not wait for a worker to find the message. */
async function markRevoked({ services, logger }: CommandState, id: string): Promise<void> {
  try {
    await services.markRevoked(id)
  } catch (error) {
    logger.warn(`Failed to mark task ${id} as revoked in backend: ${String(error)}`)
  }
}

const revokeByStampedHeaders: Command = controls(
  {
    name: 'revoke_by_stamped_headers',
    help: 'Revoke task by header (or list of headers).',
    variadic: 'headers',
    signature: '[key1=value1 [key2=value2 [... [keyN=valueN]]]]',
    required: ['headers'],
  },
  (state, args) => {
    const headers = readHeaders(args)
    for (const [name, stamps] of Object.entries(headers)) state.revokes.addStamps(name, stampValues(stamps))
    const signal = args.flag('terminate') ? readSignal(args) : undefined
    const ended = new Map<string, Set<unknown>>()
    for (const request of waitingFirst(state.state.requests)) {
      const stamp = state.revokes.revokingStamp(request.subject.job.headers)
      if (stamp === undefined) continue
      const [name, value] = stamp
      if (request.running && signal !== undefined) {
        ended.set(name, new Set([...(ended.get(name) ?? []), value]))
      }
      request.revoke(signal)
    }
    const shown = repr(headers)
    if (signal === undefined) return ok(`headers ${shown} flagged as revoked, but not terminated`)
    if (ended.size === 0) return ok(`headers ${shown} were not terminated`)
    return ok(`headers defaultdict(<class 'set'>, ${repr(ended)}) revoked`)
  },
)

/** A dictionary, or a list of `name=value`. */
function readHeaders(args: CommandArguments): Readonly<Record<string, unknown>> {
  if (!Array.isArray(args.get('headers'))) return args.record('headers') ?? {}
  return Object.fromEntries(
    args.texts('headers').map((word) => {
      const [name = '', value] = word.split('=', 2)
      if (value === undefined) throw new TypeError(`headers must be given as name=value, not ${repr(word)}`)
      return [name, value]
    }),
  )
}

/** `KILL`, `SIGKILL` or 9; TERM when nothing is said. */
function readSignal(args: CommandArguments): string {
  const given = args.get('signal') ?? 'SIGTERM'
  for (const [name, number] of Object.entries(constants.signals)) {
    if (given === name || given === name.slice(3) || Number(given) === number) return name
  }
  throw new RangeError(`There is no signal ${repr(given)}`)
}

export const revokeCommands: readonly Command[] = [revoke, terminate, revokeByStampedHeaders]
