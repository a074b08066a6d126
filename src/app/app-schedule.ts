/** The periodic tasks that programs add to an app. Celery: `add_periodic_task`. */
import type { Configuration } from '../config/configuration.ts'
import type { Settings } from '../config/settings.ts'
import type { UserCallOptions } from '../task/call-options.ts'
import { toWireOptions } from '../task/call-options.ts'
import { type AnySignature, type CanvasHost, Signature } from '../task/signature.ts'
import { repr } from '../util/repr.ts'

type Entries = Settings['beatSchedule']
type Entry = Entries[string]

/** When a periodic task runs: seconds, `'5m'`, `{ minutes: 5 }`, or a schedule such as `crontab(…)`. */
export type PeriodicTaskSchedule = Entry['schedule']

/** How a periodic task is called; whatever else is given is an option of the call, such as `queue` or `expires`. */
export interface PeriodicTaskOptions extends UserCallOptions {
  /** Name of the entry. */
  readonly name?: string
  /** Put in front of the arguments of the signature. */
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  /** See `schedule()` in `celeriac/schedules`. */
  readonly relative?: boolean
}

/** See the module's description. What is added before the settings are read waits until they are. */
export class AppSchedule {
  readonly #host: CanvasHost
  readonly #conf: Configuration
  readonly #waiting: { readonly name: string; readonly entry: Entry; readonly named: boolean }[] = []

  constructor(host: CanvasHost, conf: Configuration) {
    this.#host = host
    this.#conf = conf
  }

  /** Adds an entry; answers its name. */
  add(
    schedule: PeriodicTaskSchedule,
    task: AnySignature | { readonly name: string },
    options: PeriodicTaskOptions,
  ): string {
    const { name: given, args = [], kwargs = {}, relative = false, ...call } = options
    const signature = this.#signatureOf(task).clone({ args, kwargs })
    const name = given ?? String(signature)
    const entry = { ...contentOf(signature, toWireOptions(call)), schedule, relative }
    this.#waiting.push({ name, entry, named: given !== undefined })
    if (this.#conf.loaded) this.configured()
    return name
  }

  /** The settings are there. */
  configured(): void {
    const waiting = this.#waiting.splice(0)
    if (waiting.length === 0) return
    const entries: Record<string, Entry> = { ...this.#conf.beatSchedule }
    for (const { name, entry, named } of waiting) {
      if (!named && name in entries) {
        this.#host.logger.warn(
          `The periodic task ${name} takes the place of another one without a name; give it a name to keep both`,
        )
      }
      entries[name] = entry
    }
    this.#conf.beatSchedule = entries
  }

  #signatureOf(task: AnySignature | { readonly name: string }): AnySignature {
    if (!(task instanceof Signature) && typeof task?.name !== 'string') {
      throw new TypeError(`addPeriodicTask takes a schedule and a call (add.s(2, 2)), not ${repr(task)}`)
    }
    return task instanceof Signature ? task : new Signature<never, unknown>(this.#host, { task: task.name })
  }
}

/** A chain and its like stay signatures: they are more than the call of a task. */
function contentOf(
  signature: AnySignature,
  options: Readonly<Record<string, unknown>>,
): Omit<Entry, 'schedule'> {
  if (signature.subtaskType !== null) return { task: signature, options }
  const { task, args, kwargs } = signature
  return { task, args, kwargs, options: { ...signature.options, ...options } }
}
