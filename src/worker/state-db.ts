/**
 * The file in which a worker keeps what it must remember when it is started again: revoked tasks and the value of its
 * logical clock. Celery: `--statedb`, `worker_state_db` (a Python shelve, which nobody else can read; ours is JSON).
 *
 * It is written shortly after each change and at the end, to a new file that takes the place of the old one: whenever
 * the process dies, a whole file is there.
 */
import { accessSync, constants, readFileSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ImproperlyConfigured } from '../errors.ts'
import { isRecord } from '../util/is-record.ts'
import type { LamportClock } from '../util/lamport-clock.ts'
import type { Logger } from '../util/logger.ts'
import type { Revokes } from './revokes.ts'

/** What a `StateDb` works with. */
export interface StateDbOptions {
  readonly path: string
  readonly revokes: Revokes
  readonly clock: LamportClock
  readonly logger: Logger
}

const FORMAT = 'celeriac-worker-state'
const VERSION = 1
/** Milliseconds in which changes gather before they are written. */
const DELAY = 500

/** See the module's description. */
export class StateDb {
  readonly #options: StateDbOptions
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(options: StateDbOptions) {
    this.#options = options
  }

  /**
   * Takes over what the file says, and writes from now on. No file is no error.
   * @throws ImproperlyConfigured when the file is something else, cannot be read, or could not be written later.
   */
  load(): void {
    const { path, revokes, clock } = this.#options
    mustBeWritable(path)
    const text = readIfThere(path)
    if (text !== undefined) {
      const state = parseState(text, path)
      revokes.merge(state.revoked)
      for (const [name, values] of state.stamps) revokes.addStamps(name, values)
      clock.adjust(state.clock)
    }
    revokes.changed = () => this.#changed()
  }

  /** Writes for the last time. */
  async close(): Promise<void> {
    this.#options.revokes.changed = () => {}
    clearTimeout(this.#timer)
    this.#save()
    await this.#writing
  }

  #changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#save()
    }, DELAY).unref()
  }

  /** One write after the other; a file that cannot be written must not end the worker. */
  #save(): void {
    const { path, logger } = this.#options
    this.#writing = this.#writing
      .then(() => replaceFile(path, this.#text()))
      .catch((error: unknown) => {
        logger.error(`The state of the worker cannot be written to ${path}: ${String(error)}`)
      })
  }

  #text(): string {
    const { revokes, clock } = this.#options
    const state = {
      format: FORMAT,
      version: VERSION,
      clock: clock.forward(),
      revoked: revokes.entries,
      stamps: revokes.stamps,
    }
    return `${JSON.stringify(state, withBigInts)}\n`
  }
}

interface SavedState {
  readonly clock: number
  readonly revoked: readonly (readonly [string, number])[]
  readonly stamps: readonly (readonly [string, readonly unknown[]])[]
}

/** Told at the start: when there is something to be written it is too late. */
function mustBeWritable(path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ImproperlyConfigured(`--statedb (workerStateDb): ${path} cannot be written: ${why}`, { cause })
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ImproperlyConfigured(`--statedb (workerStateDb): ${path} cannot be read: ${why}`, { cause })
  }
}

/** @throws ImproperlyConfigured. */
function parseState(text: string, path: string): SavedState {
  const state = parseJson(text)
  if (!isRecord(state) || state['format'] !== FORMAT) {
    throw new ImproperlyConfigured(
      `--statedb (workerStateDb): ${path} is no file of a Celeriac worker (files of Python's workers cannot be read): ` +
        'name another file, or remove it',
    )
  }
  if (state['version'] !== VERSION) {
    throw new ImproperlyConfigured(
      `--statedb (workerStateDb): ${path} was written by another version (${String(state['version'])}) than this ` +
        `one (${VERSION}): name another file, or remove it`,
    )
  }
  const { clock, revoked, stamps } = state
  return {
    clock: typeof clock === 'number' ? clock : 0,
    revoked: Array.isArray(revoked) ? revoked.filter(isEntry) : [],
    stamps: isRecord(stamps)
      ? Object.entries(stamps).flatMap(([name, values]) =>
          Array.isArray(values) ? [[name, values.map(plainStamp)]] : [],
        )
      : [],
  }
}

/** Stamps may be integers of any size, which JSON of JavaScript refuses: `{bigint: '…'}`. */
function withBigInts(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? { bigint: value.toString() } : value
}

function plainStamp(value: unknown): unknown {
  const digits = isRecord(value) ? value['bigint'] : undefined
  return typeof digits === 'string' && /^-?\d+$/.test(digits) ? BigInt(digits) : value
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not even JSON: certainly not ours.
    return undefined
  }
}

function isEntry(value: unknown): value is readonly [string, number] {
  return Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'number'
}

async function replaceFile(path: string, text: string): Promise<void> {
  const fresh = `${path}.${process.pid}.new`
  try {
    const file = await open(fresh, 'w')
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(fresh, path)
  } catch (error) {
    await rm(fresh, { force: true })
    throw error
  }
}
