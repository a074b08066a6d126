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
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  // Faster than for…in, which V8 now and then makes ten times slower for objects whose shape has changed.
  const members: unknown[] = Object.values(value)
  for (let i = 0; i < members.length; i++) {
    const member = members[i]
    // JSON.stringify leaves out what is undefined, which is just right.
    if (typeof member === 'string' || member === null || member === undefined) continue
    if (!isNativeJson(member, depth - 1)) return false
  }
  return true
}
