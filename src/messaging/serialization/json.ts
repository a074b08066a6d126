/**
 * JSON as kombu writes and reads it; the serializer that Celery uses unless told otherwise.
 *
 * What goes over and comes back: texts, booleans, null, arrays, plain objects; numbers (Python's integral floats come as
 * plain numbers: `1.0` is 1 here and goes back as the integer 1, unless it is wrapped in `Float`; numbers beyond 2^53 go over as floats); `bigint` for
 * integers beyond 2^53; NaN and the infinities; `Date` (`PreciseDate` where Python said more), `PlainDate`, `PlainTime`,
 * `Decimal`, `Uuid`, `Uint8Array`. Objects of classes go over as their `toWire()` or `toJSON()` says, else as their
 * properties.
 */

import { CeleryError, DecodeError } from '../../errors.ts'
import { decodeUtf8 } from '../../util/decode-utf8.ts'
import type { Float } from '../../util/float.ts'
import { pythonFloat, pythonNumber } from '../../util/python-number.ts'
import type { Primitive, WireBuilder } from './build-wire.ts'
import { buildWire } from './build-wire.ts'
import { isNativeJson } from './is-native-json.ts'
import { readJson } from './json-reader.ts'
import type { JsonType } from './json-types.ts'
import { KOMBU_TYPES } from './json-types.ts'
import type { Serializer } from './serializer.ts'

/** See the module's description. kombu: `kombu.utils.json`. */
export class JsonSerializer implements Serializer {
  readonly name = 'json'
  readonly contentType = 'application/json'
  readonly contentEncoding = 'utf-8'
  readonly #types: ReadonlyMap<string, JsonType>
  readonly #builder: WireBuilder<string>

  /** @param types kinds of values to be carried in envelopes besides those that kombu knows; they come first. */
  constructor(types: readonly JsonType[] = []) {
    const all = [...types, ...KOMBU_TYPES]
    this.#types = new Map(all.map((type) => [type.marker, type]))
    this.#builder = new JsonBuilder(all)
  }

  encode(value: unknown): Uint8Array {
    return Buffer.from(this.write(value))
  }

  /** The same as text. @throws EncodeError. */
  write(value: unknown): string {
    return isNativeJson(value) ? JSON.stringify(value) : buildWire(value, this.#builder)
  }

  decode(bytes: Uint8Array): unknown {
    const text = decodeUtf8(bytes)
    if (text === undefined) throw new DecodeError('The JSON text is not valid UTF-8')
    return this.read(text)
  }

  /** Reads a text. @throws DecodeError. */
  read(text: string): unknown {
    try {
      return readJson(text, this.#types)
    } catch (cause) {
      if (cause instanceof CeleryError) throw cause
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new DecodeError(`The body is no valid JSON: ${reason}`, { cause })
    }
  }
}

class JsonBuilder implements WireBuilder<string> {
  readonly #types: readonly JsonType[]

  constructor(types: readonly JsonType[]) {
    this.#types = types
  }

  primitive(value: Primitive): string {
    if (typeof value === 'number') return jsonNumber(value, pythonNumber)
    return typeof value === 'bigint' ? String(value) : JSON.stringify(value)
  }

  float({ value }: Float): string {
    return jsonNumber(value, pythonFloat)
  }

  special(value: object, build: (value: unknown) => string): string | undefined {
    for (const type of this.#types) {
      const payload = type.encode(value)
      if (payload !== undefined)
        return `{"__type__":${JSON.stringify(type.marker)},"__value__":${build(payload)}}`
    }
    return undefined
  }

  list(items: string[]): string {
    return `[${items.join(',')}]`
  }

  map(entries: [key: string, value: string][]): string {
    return `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`
  }
}

/** Numbers that JSON has no form for go as the words that Python writes and reads. */
function jsonNumber(value: number, format: (value: number) => string): string {
  if (Number.isFinite(value)) return format(value)
  if (Number.isNaN(value)) return 'NaN'
  return value > 0 ? 'Infinity' : '-Infinity'
}
