import type { TaskJob } from '../execution/job.ts'
import type { Mailbox } from '../messaging/mailbox.ts'
import type { EncodedBody } from '../messaging/serialization/raw.ts'
import type { LamportClock } from '../util/lamport-clock.ts'
import type { ConsumedQueue } from './consumer.ts'

/** What remote control needs of the app. */
export interface ControlServices {
  readonly clock: LamportClock
  readonly mailbox: Mailbox
  /** Encodes requests and replies: `taskSerializer`. @throws EncodeError. */
  encode(value: unknown): EncodedBody
  /** Names of the registered tasks, Celery's own among them if wanted. */
  taskNames(options: { readonly builtins: boolean }): readonly string[]
  /** Arguments of a task in the worker; undefined when its message cannot be decoded. */
  readArguments(job: TaskJob): TaskArguments | undefined
  /** The settings by Celery's names, without secrets. */
  settingsTable(options: { readonly withDefaults: boolean }): Readonly<Record<string, unknown>>
  /** Celery: `app.bugreport()`. */
  bugReport(): string
  /** A queue that is known by its name, else a new one. Options as in `taskQueues`. @throws ImproperlyConfigured. */
  queue(name: string, options: Readonly<Record<string, unknown>>): ConsumedQueue
  /** Stores REVOKED for a task that is not here, unless its end is stored already. */
  markRevoked(id: string): Promise<void>
}

/** Arguments of a call. */
export interface TaskArguments {
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
}
