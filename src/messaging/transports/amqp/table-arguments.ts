/**
 * Arguments of queues, exchanges, bindings and consumers, so marked that amqplib writes Python's types: 32-bit integers
 * where it would choose smaller ones.
 *
 * @throws TypeError for what a table cannot hold.
 */
export function tableArguments(table: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const marked = Object.entries(table).filter(([, value]) => value !== undefined)
  return Object.fromEntries(marked.map(([name, value]) => [name, mark(value, name)]))
}

function mark(value: unknown, name: string): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      if (!Number.isSafeInteger(value)) return { '!': 'double', value }
      return { '!': Math.abs(value) < 2 ** 31 ? 'int' : 'long', value }
    case 'bigint':
      return { '!': 'long', value }
    case 'object':
      if (value === null || Buffer.isBuffer(value)) return value
      if (Array.isArray(value)) return value.map((item: unknown) => mark(item ?? null, name))
      if (value instanceof Uint8Array) return Buffer.from(value)
      return tableArguments({ ...value })
    default:
      throw new TypeError(
        `The argument ${name} cannot be ${String(value)}; use text, numbers, booleans or null`,
      )
  }
}
