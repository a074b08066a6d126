/** From what `-S` and `-s` say to a scheduler. */
import { ImproperlyConfigured } from '../errors.ts'
import { importReference } from '../util/modules.ts'
import { redisTarget } from '../util/redis/redis-target.ts'
import type { BeatApp } from './beat-app.ts'
import { FileStore } from './file-store.ts'
import { RedisStore } from './redis-store.ts'
import type { ScheduleStore } from './schedule-store.ts'
import type { SchedulerOptions } from './scheduler.ts'
import { Scheduler } from './scheduler.ts'

/** What the service does with a scheduler; what a class that `beatScheduler` names must be able to do. */
export interface BeatScheduler {
  /** A line for the banner, or the empty text. */
  readonly info: string
  /** Seconds that it sleeps at most. */
  readonly maxInterval: number
  /** Before the first `tick`. Rejects when it can never work. */
  setup(): Promise<void>
  /** Sends what is due; settles with the seconds until it is to be called again. */
  tick(): Promise<number>
  /** Records what is not recorded yet. */
  sync(): Promise<void>
  close(): Promise<void>
  /** Calls a function when `tick` should be called before it asked to be. Gives the function that ends it. */
  onChange?(listener: () => void): () => void
}

/** Remembers in a file, or in Redis when the name of the file is a URL of one. Celery: `PersistentScheduler`. */
export class PersistentScheduler extends Scheduler {
  constructor(app: BeatApp, options: SchedulerOptions = {}) {
    const { scheduleFilename = app.settings.beatScheduleFilename } = options
    super(app, { store: openStore(app, scheduleFilename), ...options })
  }
}

/** Remembers in Redis: where the name of the file says, or else where the broker or the results are. */
export class RedisScheduler extends Scheduler {
  constructor(app: BeatApp, options: SchedulerOptions = {}) {
    super(app, { store: redisStore(app, redisUrl(app, options.scheduleFilename)), ...options })
  }
}

type SchedulerClass = new (app: BeatApp, options: SchedulerOptions) => BeatScheduler

/** Names for schedulers; those of Celery's own, too. */
const ALIASES: ReadonlyMap<string, SchedulerClass> = new Map<string, SchedulerClass>([
  ['memory', Scheduler],
  ['celery.beat:Scheduler', Scheduler],
  ['celery.beat.Scheduler', Scheduler],
  ['file', PersistentScheduler],
  ['celery.beat:PersistentScheduler', PersistentScheduler],
  ['celery.beat.PersistentScheduler', PersistentScheduler],
  ['redis', RedisScheduler],
])

/** The name under which a scheduler is shown. */
export function schedulerName(scheduler: BeatScheduler): string {
  return scheduler.constructor.name
}

/**
 * Makes the scheduler.
 *
 * @param scheduler a class, or its name: `memory`, `file`, `redis`, `module#Class`.
 * @throws ImproperlyConfigured when there is none of that name, or it is no scheduler.
 */
export async function createScheduler(
  app: BeatApp,
  scheduler: unknown,
  options: SchedulerOptions,
): Promise<BeatScheduler> {
  const found =
    typeof scheduler === 'string'
      ? (ALIASES.get(scheduler) ?? (await importReference(scheduler, { option: 'beatScheduler' })))
      : scheduler
  if (typeof found !== 'function') throw notOne(scheduler)
  const made: unknown = Reflect.construct(found, [app, options])
  if (isScheduler(made)) return made
  throw notOne(scheduler)
}

function notOne(scheduler: unknown): ImproperlyConfigured {
  return new ImproperlyConfigured(
    `beatScheduler: ${String(scheduler)} is no scheduler; give 'file', 'redis', 'memory' or 'module#Class' of a class ` +
      'with setup(), tick(), sync() and close()',
  )
}

function isScheduler(value: unknown): value is BeatScheduler {
  if (typeof value !== 'object' || value === null) return false
  return ['setup', 'tick', 'sync', 'close'].every((name) => typeof Reflect.get(value, name) === 'function')
}

const REDIS_URL = /^(?:rediss?|redis\+socket|sentinel):/

/** The store that a name of a file means: entries can be put there without a beat. @throws ImproperlyConfigured */
export function openStore(app: BeatApp, filename: string = app.settings.beatScheduleFilename): ScheduleStore {
  return REDIS_URL.test(filename) ? redisStore(app, filename) : new FileStore(filename, app.clock)
}

function redisUrl({ settings }: BeatApp, filename: string | undefined): string {
  const { brokerWriteUrl, resultBackend } = settings
  const candidates = [filename, brokerWriteUrl, resultBackend]
  const url = candidates.find((each) => typeof each === 'string' && REDIS_URL.test(each))
  if (typeof url === 'string') return url
  throw new ImproperlyConfigured(
    'The redis scheduler must know its Redis: neither broker nor result backend is one; give its URL with -s',
  )
}

function redisStore({ settings, main }: BeatApp, url: string): RedisStore {
  const isBroker = url === settings.brokerWriteUrl
  const target = redisTarget({
    url,
    options: isBroker ? settings.brokerTransportOptions : {},
    where: isBroker ? 'brokerTransportOptions' : 'beatScheduleFilename',
    ssl: (isBroker && settings.brokerUseSsl) || false,
  })
  return new RedisStore({ target, name: main ?? 'celery' })
}
