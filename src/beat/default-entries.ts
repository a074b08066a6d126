import { crontab } from '../schedules/crontab.ts'
import type { Logger } from '../util/logger.ts'
import type { BeatApp } from './beat-app.ts'
import type { ScheduleEntryParts } from './schedule-entry.ts'
import { readEntry } from './schedule-entry.ts'

const CLEANUP = 'celery.backend_cleanup'

/**
 * The entries that there are without anybody asking: `celery.backend_cleanup` at four in the morning, where results
 * expire and the backend does not drop them by itself. Celery: `install_default_entries`. It never rejects.
 */
export async function defaultEntries(
  { settings, results }: BeatApp,
  logger: Logger,
): Promise<ReadonlyMap<string, ScheduleEntryParts>> {
  if (!settings.resultExpires || !results.enabled) return new Map()
  try {
    const backend = await results.backend()
    if (backend.features.autoExpire || backend.cleanup === undefined) return new Map()
  } catch (error) {
    logger.warn(`Whether results must be cleaned up is not known, so nothing does: ${String(error)}`)
    return new Map()
  }
  const entry = { task: CLEANUP, schedule: crontab({ minute: 0, hour: 4 }), options: { expires: '12h' } }
  return new Map([[CLEANUP, readEntry(entry, CLEANUP)]])
}
