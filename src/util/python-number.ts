/**
 * Prints a number as Python's `repr` does: safe integers as `int`s, everything else as `float`s (`0.5`, `1e-07`,
 * `1e+16`, `-0.0`, `nan`, `inf`). That is also how numbers are sent: beyond 2^53 only a `bigint` is an `int`.
 */
export function pythonNumber(number: number): string {
  if (Number.isSafeInteger(number) && !Object.is(number, -0)) return String(number)
  return pythonFloat(number)
}

/** Prints a number as a Python `float`, integral or not: `1.0`. */
export function pythonFloat(number: number): string {
  if (Number.isNaN(number)) return 'nan'
  if (!Number.isFinite(number)) return number > 0 ? 'inf' : '-inf'
  if (number === 0) return Object.is(number, -0) ? '-0.0' : '0.0'
  const [digits = '', exponent = ''] = number.toExponential().split('e')
  const power = Number(exponent)
  if (power >= -4 && power < 16) {
    const text = String(number)
    return text.includes('.') ? text : `${text}.0`
  }
  return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
}
