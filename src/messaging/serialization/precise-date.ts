import { formatOffset, instantOf, parseIsoDateTime } from '../../util/iso8601.ts'
import type { PythonRepr } from '../../util/repr.ts'

/** What a `Date` alone would lose. */
interface Beyond {
  /** Microseconds below the millisecond: 0 to 999. */
  readonly subMillisecond: number
  /** Seconds east of UTC; undefined: the time is naive. */
  readonly offset: number | undefined
}

/**
 * A Python datetime that says more than a `Date` holds: microseconds, another offset than UTC, or none (naive). It is
 * a `Date` all the same, naive times being taken for UTC, and when it is sent back Python gets what it sent.
 *
 * Datetimes of which nothing would be lost arrive as plain `Date`s. Setting a part of it (`setUTCHours`, …) drops the
 * microseconds and keeps the offset.
 */
export class PreciseDate extends Date implements PythonRepr {
  /** Microseconds below the millisecond: 0 to 999. */
  readonly subMillisecond: number
  /** Seconds east of UTC in which Python shows it; undefined: it is naive, that is in no stated zone. */
  readonly offset: number | undefined
  readonly #instant: number

  /** @param instant milliseconds since 1970. */
  constructor(instant: number, { subMillisecond, offset }: Beyond) {
    super(instant)
    this.#instant = instant
    this.subMillisecond = subMillisecond
    this.offset = offset
  }

  /** Reads what Python's `isoformat()` prints: into a plain `Date` if that can hold it. @throws RangeError */
  static fromIsoFormat(text: string): Date {
    const time = parseIsoDateTime(text)
    const instant = instantOf(time)
    const subMillisecond = time.microsecond % 1000
    if (subMillisecond === 0 && time.offset === 0) return new Date(instant)
    return new PreciseDate(instant, { subMillisecond, offset: time.offset })
  }

  /** As Python prints it: `2024-02-29T12:30:15.123456+05:30`. */
  toIsoFormat(): string {
    const local = this.#local()
    const microsecond = local.getUTCMilliseconds() * 1000 + this.#below()
    const fraction = microsecond === 0 ? '' : `.${String(microsecond).padStart(6, '0')}`
    const offset = this.offset === undefined ? '' : formatOffset(this.offset)
    return `${local.toISOString().slice(0, 19)}${fraction}${offset}`
  }

  /** As Python shows it. */
  pythonRepr(): string {
    const local = this.#local()
    const parts = [local.getUTCFullYear(), local.getUTCMonth() + 1, local.getUTCDate()]
    parts.push(local.getUTCHours(), local.getUTCMinutes())
    const second = local.getUTCSeconds()
    const microsecond = local.getUTCMilliseconds() * 1000 + this.#below()
    if (second !== 0 || microsecond !== 0) parts.push(second)
    if (microsecond !== 0) parts.push(microsecond)
    const zone = this.offset === undefined ? '' : `, tzinfo=${pythonZone(this.offset)}`
    return `datetime.datetime(${parts.join(', ')}${zone})`
  }

  /** The date whose UTC parts are what Python shows. */
  #local(): Date {
    return new Date(this.getTime() + (this.offset ?? 0) * 1000)
  }

  #below(): number {
    return this.getTime() === this.#instant ? this.subMillisecond : 0
  }
}

/** A fixed offset as Python's `repr` shows it. @param offset seconds east of UTC. */
export function pythonZone(offset: number): string {
  if (offset === 0) return 'datetime.timezone.utc'
  const days = Math.floor(offset / 86_400)
  const seconds = offset - days * 86_400
  const parts = [days === 0 ? [] : [`days=${days}`], seconds === 0 ? [] : [`seconds=${seconds}`]].flat()
  return `datetime.timezone(datetime.timedelta(${parts.join(', ')}))`
}
