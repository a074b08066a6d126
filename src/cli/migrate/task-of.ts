import type { Delivery } from '../../messaging/message.ts'
import { isRecord } from '../../util/is-record.ts'

/** What a message says of its task. */
export interface MessageTask {
  readonly name: string | undefined
  readonly id: string | undefined
}

/** Name and id of the task in a message: from the headers, or (protocol 1) the body, if that is plain JSON. */
export function taskOf({ headers, properties, body }: Delivery): MessageTask {
  if (typeof headers['task'] === 'string') return named(headers)
  const isJson = properties.contentType === 'application/json' && headers['compression'] === undefined
  return named(isJson ? parse(body) : undefined)
}

function named(fields: unknown): MessageTask {
  const text = (key: string): string | undefined => {
    const value = isRecord(fields) ? fields[key] : undefined
    return typeof value === 'string' ? value : undefined
  }
  return { name: text('task'), id: text('id') }
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body))
  } catch (error) {
    // What can't be read is moved as it is, and belongs to no task that was asked for.
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
