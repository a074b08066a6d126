import type { EventFields } from '../protocol/events.ts'

/** Heartbeats that are remembered. */
const MOST_HEARTBEATS = 4
/** A worker is taken for gone when it was silent for that share of its interval, in percent. */
const EXPIRE_WINDOW = 200
/** In seconds, as long as the worker has not told its own. */
const DEFAULT_FREQ = 60

/**
 * What events tell of one worker. Celery: `celery.events.state.Worker`.
 *
 * The properties are those of heartbeats; whatever else its events say is in `fields`. Times are seconds since 1970.
 */
export class WorkerRecord {
  readonly hostname: string
  /** Times of the last events, in order. */
  readonly heartbeats: number[] = []
  readonly #fields = new Map<string, unknown>()
  readonly #now: () => number

  /** @param now the time, in milliseconds. */
  constructor(hostname: string, now: () => number = Date.now) {
    this.hostname = hostname
    this.#now = now
  }

  /** Everything that its last events said, under the names on the wire. */
  get fields(): ReadonlyMap<string, unknown> {
    return this.#fields
  }

  get pid(): number | undefined {
    return this.#number('pid')
  }

  /** Seconds between its heartbeats. */
  get freq(): number {
    return this.#number('freq') ?? DEFAULT_FREQ
  }

  /** Its logical clock. */
  get clock(): number {
    return this.#number('clock') ?? 0
  }

  /** Tasks that it runs. */
  get active(): number | undefined {
    return this.#number('active')
  }

  /** Tasks that it has run. */
  get processed(): number | undefined {
    return this.#number('processed')
  }

  /** Load of its machine over 1, 5 and 15 minutes. */
  get loadavg(): readonly number[] | undefined {
    const value = this.#fields.get('loadavg')
    return Array.isArray(value) ? value.filter((each): each is number => typeof each === 'number') : undefined
  }

  /** The software: `py-celery`, or `celeriac`. */
  get swIdent(): string | undefined {
    return this.#text('sw_ident')
  }

  get swVer(): string | undefined {
    return this.#text('sw_ver')
  }

  /** Its operating system. */
  get swSys(): string | undefined {
    return this.#text('sw_sys')
  }

  /** `<hostname>.<pid>`. */
  get id(): string {
    return `${this.hostname}.${this.pid ?? 'None'}`
  }

  /** When it counts as gone, in seconds since 1970; undefined when it has no heartbeat. */
  get heartbeatExpires(): number | undefined {
    const last = this.heartbeats.at(-1)
    return last === undefined ? undefined : heartbeatExpires(last, this.freq)
  }

  /** It was heard of within twice its interval, and did not say that it goes. */
  get alive(): boolean {
    const expires = this.heartbeatExpires
    return expires !== undefined && this.#now() / 1000 < expires
  }

  /** `ONLINE` or `OFFLINE`. */
  get statusString(): 'ONLINE' | 'OFFLINE' {
    return this.alive ? 'ONLINE' : 'OFFLINE'
  }

  /** Takes fields over as they are. */
  update(fields: EventFields): void {
    for (const [name, value] of Object.entries(fields)) this.#fields.set(name, value)
  }

  /**
   * Takes an event of the worker in.
   * @param subject `online`, `heartbeat`, `offline`; undefined: an event of one of its tasks, a sign of life only.
   * @param received when it came, in seconds since 1970.
   */
  event(subject: string | undefined, received: number | undefined, fields: EventFields = {}): void {
    this.update(fields)
    if (subject === 'offline') this.heartbeats.length = 0
    else if (received !== undefined) this.#beat(received)
  }

  toString(): string {
    return `<Worker: ${this.hostname} (${this.statusString} clock:${this.clock})`
  }

  #beat(at: number): void {
    const beats = this.heartbeats
    if (beats.length >= MOST_HEARTBEATS) beats.shift()
    const later = beats.findIndex((each) => each > at)
    beats.splice(later < 0 ? beats.length : later, 0, at)
  }

  #number(name: string): number | undefined {
    const value = this.#fields.get(name)
    return typeof value === 'number' ? value : undefined
  }

  #text(name: string): string | undefined {
    const value = this.#fields.get(name)
    return typeof value === 'string' ? value : undefined
  }
}

/** When a heartbeat expires; times in seconds. Celery: `heartbeat_expires`. */
export function heartbeatExpires(
  timestamp: number,
  freq: number = DEFAULT_FREQ,
  expireWindow: number = EXPIRE_WINDOW,
): number {
  return timestamp + freq * (expireWindow / 100)
}
