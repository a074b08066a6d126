/** One periodic task: what is sent, when, and when it was sent last. Celery: `celery.beat.ScheduleEntry`. */
import { isDeepStrictEqual } from 'node:util'
import { ImproperlyConfigured } from '../errors.ts'
import type { DueState, Schedule, ScheduleContext } from '../schedules/schedule.ts'
import { readSchedule } from '../schedules/to-schedule.ts'
import { toWireOptions } from '../task/call-options.ts'
import type { WireOptions } from '../task/ports.ts'
import { type AnySignature, Signature } from '../task/signature.ts'
import { isPlainObject } from '../util/is-record.ts'
import { repr } from '../util/repr.ts'
import { didYouMean } from '../util/text.ts'

/** What is remembered of an entry from run to run. */
export interface EntryState {
  /** Milliseconds since 1970. Of a new entry: when it was added. */
  readonly lastRunAt: number
  readonly totalRunCount: number
}

/** What an entry is made of. */
export interface ScheduleEntryParts {
  /** Name of the task, or a signature: a chain, say. */
  readonly task: string | AnySignature
  readonly schedule: Schedule
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** Options of `applyAsync`, as they travel. */
  readonly options: WireOptions
  /** Whether it runs at all. */
  readonly enabled: boolean
}

/** See the module's description. It does not change: a run makes another one. */
export class ScheduleEntry {
  readonly name: string
  readonly parts: ScheduleEntryParts
  readonly lastRunAt: Date
  readonly totalRunCount: number

  constructor(name: string, parts: ScheduleEntryParts, { lastRunAt, totalRunCount }: EntryState) {
    this.name = name
    this.parts = parts
    this.lastRunAt = new Date(lastRunAt)
    this.totalRunCount = totalRunCount
  }

  /** Name of the task. */
  get task(): string {
    const { task } = this.parts
    return typeof task === 'string' ? task : task.task
  }

  get state(): EntryState {
    return { lastRunAt: this.lastRunAt.getTime(), totalRunCount: this.totalRunCount }
  }

  /** @throws TypeError when a schedule of the user's answers nonsense, and what it throws. */
  isDue(now: Date, context: ScheduleContext): DueState {
    const { due, next } = this.parts.schedule.isDue(this.lastRunAt, now, context)
    if (typeof due === 'boolean' && typeof next === 'number' && !Number.isNaN(next)) return { due, next }
    throw new TypeError(
      `The schedule of the entry '${this.name}' must answer { due: boolean, next: seconds }, not ${repr({ due, next })}`,
    )
  }

  /** The entry after it was sent. Celery: `next(entry)`. */
  ran(at: number): ScheduleEntry {
    return new ScheduleEntry(this.name, this.parts, { lastRunAt: at, totalRunCount: this.totalRunCount + 1 })
  }

  /** Whether another one says the same, whenever it ran. Celery: `editable_fields_equal`. */
  editableFieldsEqual(other: ScheduleEntry): boolean {
    const { schedule, ...mine } = this.parts
    const { schedule: theirs, ...others } = other.parts
    const sameTimes = schedule === theirs || schedule.equals?.(theirs) === true
    return sameTimes && isDeepStrictEqual(plain(mine), plain(others))
  }
}

function plain({ task, ...rest }: Omit<ScheduleEntryParts, 'schedule'>): unknown {
  return { ...rest, task: typeof task === 'string' ? task : task.toJSON() }
}

const KEYS = ['task', 'schedule', 'args', 'kwargs', 'options', 'relative', 'enabled'] as const

/**
 * An entry as users write it, checked.
 *
 * @param where begins the error message, e.g. `beatSchedule['backup']`.
 * @throws ImproperlyConfigured naming what is wrong.
 */
export function readEntry(value: unknown, where: string): ScheduleEntryParts {
  if (!isPlainObject(value)) {
    throw new ImproperlyConfigured(`${where} must be an object such as { task: 'tasks.add', schedule: 30 }`)
  }
  const stranger = Object.keys(value).find((key) => !KEYS.some((known) => known === key))
  if (stranger !== undefined) {
    throw new ImproperlyConfigured(
      `${where}: there is no '${stranger}'${didYouMean(stranger, KEYS)}: ${KEYS.join(', ')}`,
    )
  }
  const { task, schedule, args, kwargs, options, relative, enabled } = value
  if (!(task instanceof Signature) && (typeof task !== 'string' || task === '')) {
    throw new ImproperlyConfigured(
      `${where}: task must be the name of a task, or a signature, not ${repr(task)}`,
    )
  }
  const list: unknown = args ?? []
  if (!Array.isArray(list)) throw new ImproperlyConfigured(`${where}: args must be a list, not ${repr(args)}`)
  try {
    return {
      task,
      schedule: readSchedule(schedule, relative === true),
      args: list,
      kwargs: recordOf(kwargs, 'kwargs'),
      options: toWireOptions(recordOf(options, 'options')),
      enabled: enabled !== false,
    }
  } catch (cause) {
    if (!(cause instanceof TypeError || cause instanceof RangeError)) throw cause
    throw new ImproperlyConfigured(`${where}: ${cause.message}`, { cause })
  }
}

function recordOf(value: unknown, key: string): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return {}
  if (isPlainObject(value)) return value
  throw new TypeError(`${key} must be an object, not ${repr(value)}`)
}
