import { DecodeError } from '../../errors.ts'
import { setOwn } from '../../util/set-own.ts'
import { PlainDate } from './plain-date.ts'
import type { YamlLibrary } from './yaml-tags.ts'
import { YAML_TAGS } from './yaml-tags.ts'

/**
 * Reads a YAML document, as PyYAML's `safe_load` would.
 *
 * @throws DecodeError for tags that would build objects (`!!python/…`); other errors as the package throws them.
 */
export function readYaml(library: YamlLibrary, text: string): unknown {
  const document = library.parseDocument(text, {
    version: '1.1',
    schema: 'failsafe',
    customTags: YAML_TAGS,
    merge: true,
    uniqueKeys: false,
    prettyErrors: false,
  })
  const [problem] = [...document.errors, ...document.warnings]
  if (problem !== undefined)
    throw new DecodeError(`The body is no valid YAML: ${problem.message}`, { cause: problem })
  return plain(document.toJS({ mapAsMap: true, maxAliasCount: 100 }))
}

/** Makes objects out of maps, all the way down. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (!(value instanceof Map)) return value
  const object: Record<string, unknown> = {}
  for (const [key, member] of value) setOwn(object, keyOf(key), plain(member))
  return object
}

function keyOf(key: unknown): string {
  if (typeof key === 'string') return key
  if (key instanceof Date) return key.toISOString()
  if (typeof key === 'object' && key !== null && !(key instanceof PlainDate)) {
    throw new DecodeError('A YAML mapping has a key that is a container or bytes')
  }
  return String(key)
}
