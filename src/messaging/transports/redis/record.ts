/** Records of messages that are held: `[envelope, exchange, routing key]`, as kombu writes them. */
import { decodeEnvelope } from '../../virtual/envelope.ts'

/** What a record says. */
export interface UnackedRecord {
  /** The envelope as it stands there. */
  readonly text: string
  readonly exchange: string
  readonly routingKey: string
  readonly priority: number | undefined
}

/** The end of a record: of the envelope, exchange and routing key. */
const RECORD_END = /\}\s*,\s*("(?:[^"\\]|\\.)*")\s*,\s*("(?:[^"\\]|\\.)*")\s*\]\s*$/

/** Undefined: it is none. */
export function readRecord(record: string): UnackedRecord | undefined {
  const end = RECORD_END.exec(record)
  if (end === null) return undefined
  const text = record.slice(record.indexOf('{'), end.index + 1)
  try {
    const { priority } = decodeEnvelope(text).properties
    return { text, exchange: JSON.parse(end[1] ?? ''), routingKey: JSON.parse(end[2] ?? ''), priority }
  } catch {
    return undefined
  }
}
