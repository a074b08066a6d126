import type { PythonRepr } from '../../util/repr.ts'

/**
 * A UUID that Python sent as such, so that it goes back as one. Texts that look like UUIDs (task ids) stay texts.
 * Python: `uuid.UUID`.
 */
export class Uuid implements PythonRepr {
  readonly #text: string

  /** @param text 32 hexadecimal digits, with hyphens or without. @throws RangeError when it is something else. */
  constructor(text: string) {
    const hex = text
      .replace(/^urn:uuid:/i, '')
      .replace(/[{}-]/g, '')
      .toLowerCase()
    if (!/^[0-9a-f]{32}$/.test(hex)) throw new RangeError(`'${text}' is no UUID`)
    this.#text = hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  }

  /** The 32 digits alone. */
  get hex(): string {
    return this.#text.replaceAll('-', '')
  }

  /** `12345678-1234-5678-1234-567812345678`. */
  toString(): string {
    return this.#text
  }

  /** Same as `toString`. */
  toJSON(): string {
    return this.#text
  }

  /** As Python shows it. */
  pythonRepr(): string {
    return `UUID('${this.#text}')`
  }
}
