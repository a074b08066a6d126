/** Fields of log records as texts. A log takes whatever there is: who reports a fault must not cause another one. */
import { repr } from './repr.ts'

/** A text as it is, everything else as JSON, or, where that cannot be, as Python would show it. */
export function fieldText(value: unknown): string {
  if (typeof value === 'string') return value
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    // It refers to itself, holds a big integer, or has a getter that throws.
    return repr(value)
  }
}

/** The stack of an error, behind a line break; what was thrown and is no error, as a field; '' when there is none. */
export function errorText(error: unknown): string {
  if (error === undefined) return ''
  try {
    if (error instanceof Error) return `\n${error.stack ?? String(error)}`
  } catch {
    // Its prototype or its stack cannot be asked for.
    return `\n${repr(error)}`
  }
  return ` error=${fieldText(error)}`
}
