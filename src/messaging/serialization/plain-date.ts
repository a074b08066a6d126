import { parseIsoDateTime } from '../../util/iso8601.ts'
import type { PythonRepr } from '../../util/repr.ts'

/** A calendar day without a time, in no zone. Python: `datetime.date`. */
export class PlainDate implements PythonRepr {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number

  /** @throws RangeError when there is no such day between the years 1 and 9999. */
  constructor(year: number, month: number, day: number) {
    parseIsoDateTime(format(year, month, day))
    this.year = year
    this.month = month
    this.day = day
  }

  /** Reads `2024-02-29`; a time behind it is dropped, as Celery does. @throws RangeError when it is no date. */
  static parse(text: string): PlainDate {
    const { year, month, day } = parseIsoDateTime(text)
    return new PlainDate(year, month, day)
  }

  /** `2024-02-29`. */
  toString(): string {
    return format(this.year, this.month, this.day)
  }

  /** Same as `toString`. */
  toJSON(): string {
    return this.toString()
  }

  /** Midnight of that day in UTC. */
  toDate(): Date {
    return new Date(`${this.toString()}T00:00:00Z`)
  }

  /** As Python shows it. */
  pythonRepr(): string {
    return `datetime.date(${this.year}, ${this.month}, ${this.day})`
  }
}

function format(year: number, month: number, day: number): string {
  return `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`
}
