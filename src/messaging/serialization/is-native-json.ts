import { isPlainObject } from '../../util/is-record.ts'

/** Deeper values are left to the slow way, which looks for circles. */
const MAX_DEPTH = 64

/** Beyond this, numbers are floats to Python although JavaScript prints them like integers. */
const UNSAFE = 2 ** 53

/**
 * Whether `JSON.stringify` writes a value just as Python expects it: nothing but plain objects, arrays, texts,
 * booleans, null, and numbers that need no care. Runs before every encoding, so it must stay cheap.
 */
export function isNativeJson(value: unknown, depth: number = MAX_DEPTH): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      // False for NaN, the infinities, -0 and whatever lies beyond 2^53.
      return value < UNSAFE && value > -UNSAFE && (value !== 0 || 1 / value > 0)
    case 'object':
      break
    default:
      return false
  }
  if (value === null) return true
  if (depth === 0) return false
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      if (!isNativeJson(value[i], depth - 1)) return false
    }
    return true
  }
  if (!isPlainObject(value)) return false
  for (const key in value) {
    const member = value[key]
    // JSON.stringify leaves out what is undefined, which is just right.
    if (member !== undefined && !isNativeJson(member, depth - 1)) return false
  }
  return true
}
