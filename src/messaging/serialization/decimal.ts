import type { PythonRepr } from '../../util/repr.ts'

const SHAPE = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|s?nan\d*)$/i

/**
 * A decimal number of any precision, kept as its text: Celeriac carries it and doesn't calculate with it. Hand
 * `toString()` to the arithmetic library of your choice. Python: `decimal.Decimal`.
 */
export class Decimal implements PythonRepr {
  readonly #text: string

  /** @throws RangeError when the text is no decimal number, e.g. `1,5`. */
  constructor(text: string) {
    if (!SHAPE.test(text)) throw new RangeError(`'${text}' is no decimal number`)
    this.#text = text
  }

  /** The text as it came, e.g. `1.10`. */
  toString(): string {
    return this.#text
  }

  /** Same as `toString`. */
  toJSON(): string {
    return this.#text
  }

  /** The nearest number; digits beyond the 17th are lost. */
  toNumber(): number {
    const [, sign = '', name = ''] = /^([+-]?)(inf|s?nan)/i.exec(this.#text) ?? []
    if (name === '') return Number(this.#text)
    if (name.toLowerCase() !== 'inf') return Number.NaN
    return sign === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  }

  /** As Python shows it. */
  pythonRepr(): string {
    return `Decimal('${this.#text}')`
  }
}
