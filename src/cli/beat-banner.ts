/** What beat shows when it starts. */

import type { FoundApp } from '../app/find-app.ts'
import type { BeatScheduler } from '../beat/create-scheduler.ts'
import { schedulerName } from '../beat/create-scheduler.ts'
import { humanizeSeconds } from '../util/humanize-seconds.ts'
import type { LogLevel } from '../util/logger.ts'
import { sanitizeUrl } from '../util/url.ts'
import { versionBanner } from '../util/version.ts'
import { localTime } from './banner.ts'

/** What the banner says. */
export interface BeatBannerFacts extends FoundApp {
  readonly scheduler: BeatScheduler
  /** Undefined: standard error. */
  readonly logfile: string | undefined
  readonly loglevel: LogLevel
  readonly now: Date
}

/** The banner, in Celery's order. Where Celery names its loader there is the module of the app. */
export function beatBanner({ app, reference, scheduler, logfile, loglevel, now }: BeatBannerFacts): string {
  const { info, maxInterval } = scheduler
  const lines = [
    `celery beat v${versionBanner()} is starting.`,
    '__    -    ... __   -        _',
    `LocalTime -> ${localTime(now)}`,
    'Configuration ->',
    `    . broker -> ${sanitizeUrl(app.conf.brokerWriteUrl)}`,
    `    . loader -> ${reference.replace(/^file:\/\//, '').replace(/#.*$/, '')}`,
    `    . scheduler -> ${schedulerName(scheduler)}`,
    ...(info === '' ? [] : [info]),
    `    . logfile -> ${logfile ?? '[stderr]'}@%${loglevel}`,
    `    . maxinterval -> ${humanizeSeconds(maxInterval)} (${maxInterval}s)`,
  ]
  return `${lines.join('\n')}\n`
}
