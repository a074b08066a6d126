import { pythonString } from '../../src/util/python-string.ts'
import { repr } from '../../src/util/repr.ts'

/** A decoded value as Python's own `repr` prints what it decoded; unlike `util/repr.ts` nothing is shortened. */
export function pythonLiteral(value: unknown): string {
  if (typeof value === 'string') return pythonString(value)
  if (value instanceof Uint8Array) return `b${bytesLiteral(value)}`
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(', ')}]`
  if (value instanceof Set) {
    return value.size === 0 ? 'set()' : `{${[...value].map(pythonLiteral).join(', ')}}`
  }
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return `{${Object.entries(value)
      .map(([key, member]) => `${pythonString(key)}: ${pythonLiteral(member)}`)
      .join(', ')}}`
  }
  return repr(value)
}

/** As texts, but every byte beyond ASCII is escaped. */
function bytesLiteral(bytes: Uint8Array): string {
  const ascii = pythonString(Buffer.from(bytes).toString('latin1'))
  return ascii.replace(/[^\x20-\x7e]/g, (character) => `\\x${character.charCodeAt(0).toString(16)}`)
}
