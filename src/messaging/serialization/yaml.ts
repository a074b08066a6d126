/**
 * YAML as Python's PyYAML writes and reads it with `safe_dump` and `safe_load`, that is YAML 1.1.
 *
 * Reading needs the package `yaml`; PyYAML's own ideas of what a plain word means (`yes`, `1e3`, `1:30`) are in
 * `yaml-tags.ts`. Writing needs nothing: JSON-like YAML with explicit tags cannot be misread.
 *
 * What goes over and comes back: as in JSON, but no envelopes; `Date`, `PreciseDate`, `PlainDate`, `Uint8Array` and
 * `Set` have forms of their own. Keys that are no texts (Python's `{1: 'a'}`) become texts.
 */

import { CeleryError, DecodeError } from '../../errors.ts'
import { decodeUtf8 } from '../../util/decode-utf8.ts'
import { importOptional } from '../../util/modules.ts'
import { buildWire } from './build-wire.ts'
import type { Serializer } from './serializer.ts'
import { yamlBuilder } from './yaml-builder.ts'
import { readYaml } from './yaml-reader.ts'
import type { YamlLibrary } from './yaml-tags.ts'

/** Loads the package `yaml`. @throws ImproperlyConfigured when it is not installed. */
export async function loadYamlSerializer(): Promise<Serializer> {
  return new YamlSerializer(
    await importOptional('yaml', { neededFor: "The serializer 'yaml'", load: () => import('yaml') }),
  )
}

class YamlSerializer implements Serializer {
  readonly name = 'yaml'
  readonly contentType = 'application/x-yaml'
  readonly contentEncoding = 'utf-8'
  readonly #library: YamlLibrary

  constructor(library: YamlLibrary) {
    this.#library = library
  }

  encode(value: unknown): Uint8Array {
    return Buffer.from(`${buildWire(value, yamlBuilder)}\n`)
  }

  decode(bytes: Uint8Array): unknown {
    const text = decodeUtf8(bytes)
    if (text === undefined) throw new DecodeError('The YAML text is not valid UTF-8')
    try {
      return readYaml(this.#library, text)
    } catch (cause) {
      if (cause instanceof CeleryError) throw cause
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new DecodeError(`The body is no valid YAML: ${reason}`, { cause })
    }
  }
}
