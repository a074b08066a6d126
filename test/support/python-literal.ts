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

function bytesLiteral(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => {
    if (byte === 0x5c) return '\\\\'
    return byte >= 0x20 && byte < 0x7f
      ? String.fromCharCode(byte)
      : `\\x${byte.toString(16).padStart(2, '0')}`
  })
  return `'${text.join('')}'`
}
