import { createHash } from 'node:crypto'
import { Signature } from '../task/signature.ts'
import { isRecord } from '../util/is-record.ts'
import type { BeatApp } from './beat-app.ts'
import { evaluate } from './beat-lazy-func.ts'
import type { ScheduleEntry } from './schedule-entry.ts'

/**
 * Sends the task of an entry and settles with its id.
 *
 * The id follows from the entry and its last run: should the record of this run be lost, because the process dies right
 * now, the same run is sent again under the same id, which the result backend and workers can tell. The header
 * `periodic_task_name` says which entry it was, as with django-celery-beat.
 */
export async function sendEntry(app: BeatApp, entry: ScheduleEntry, seed: string): Promise<string> {
  const { task, args, kwargs, options } = entry.parts
  const lazyArgs = await Promise.all(args.map(evaluate))
  const lazyKwargs = Object.fromEntries(
    await Promise.all(
      Object.entries(kwargs).map(async ([name, value]) => [name, await evaluate(value)] as const),
    ),
  )
  const signature = typeof task === 'string' ? new Signature<never, unknown>(app, { task }) : task
  const headers = {
    periodic_task_name: entry.name,
    ...recordOf(signature.options['headers']),
    ...recordOf(options['headers']),
  }
  const id = String(options['task_id'] ?? idOf(entry, seed))
  const result = await signature.send(lazyArgs, { ...options, headers, task_id: id }, lazyKwargs)
  return result.id ?? id
}

/** In the form of a UUID of version 8: one that is made in a way of our own. */
function idOf({ name, state }: ScheduleEntry, seed: string): string {
  const { lastRunAt, totalRunCount } = state
  const hash = createHash('sha256')
    .update(JSON.stringify([seed, name, lastRunAt, totalRunCount]))
    .digest('hex')
  const parts = [hash.slice(0, 8), hash.slice(8, 12), `8${hash.slice(13, 16)}`, `a${hash.slice(17, 20)}`]
  return [...parts, hash.slice(20, 32)].join('-')
}

function recordOf(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {}
}
