import type { IsoTime } from '../../util/iso8601.ts'
import { formatIsoTime, parseIsoTime } from '../../util/iso8601.ts'
import type { PythonRepr } from '../../util/repr.ts'
import { pythonZone } from './precise-date.ts'

/** A time of day without a date, to the microsecond, with or without an offset from UTC. Python: `datetime.time`. */
export class PlainTime implements PythonRepr {
  readonly hour: number
  readonly minute: number
  readonly second: number
  /** 0 to 999,999. */
  readonly microsecond: number
  /** Seconds east of UTC; undefined: in no stated zone. */
  readonly offset: number | undefined

  /** Parts left out are 0. @throws RangeError when there is no such time. */
  constructor(parts: Partial<IsoTime>) {
    const { hour = 0, minute = 0, second = 0, microsecond = 0, offset } = parts
    parseIsoTime(formatIsoTime({ hour, minute, second, microsecond, offset }))
    this.hour = hour
    this.minute = minute
    this.second = second
    this.microsecond = microsecond
    this.offset = offset
  }

  /** Reads `01:02:03.000045+05:30`. @throws RangeError when it is no time. */
  static parse(text: string): PlainTime {
    return new PlainTime(parseIsoTime(text))
  }

  /** `01:02:03.000045+05:30`, without fraction when it is zero. */
  toString(): string {
    return formatIsoTime(this)
  }

  /** Same as `toString`. */
  toJSON(): string {
    return this.toString()
  }

  /** As Python shows it. */
  pythonRepr(): string {
    const parts = [this.hour, this.minute]
    if (this.second !== 0 || this.microsecond !== 0) parts.push(this.second)
    if (this.microsecond !== 0) parts.push(this.microsecond)
    const zone = this.offset === undefined ? '' : `, tzinfo=${pythonZone(this.offset)}`
    return `datetime.time(${parts.join(', ')}${zone})`
  }
}
