/**
 * Revoked tasks on the way between workers: `{id: [time stamp, id]}`.
 *
 * The stamps are seconds of the sender's monotonic clock (the time since its machine was started). Python refuses whole
 * numbers there, so they must be floats. On the same machine they can be compared with ours; from another machine they
 * say nothing, but as senders leave out what has expired, a stamp that makes no sense here counts as now.
 */
import { Float } from '../../util/float.ts'
import { isRecord } from '../../util/is-record.ts'

/** @param entries ids with milliseconds since 1970. */
export function encodeRevoked(
  entries: Iterable<readonly [id: string, at: number]>,
): Record<string, readonly [Float, string]> {
  const bootedAt = Date.now() - uptime()
  return Object.fromEntries(
    [...entries].map(([id, at]) => [id, [new Float((at - bootedAt) / 1000), id] as const]),
  )
}

/**
 * Ids with milliseconds since 1970; whatever is not understood is left out.
 * @param expires milliseconds that they are remembered.
 */
export function readRevoked(value: unknown, expires: number): (readonly [id: string, at: number])[] {
  if (!isRecord(value)) return []
  const now = Date.now()
  const bootedAt = now - uptime()
  return Object.entries(value).map(([id, entry]) => {
    const stamp: unknown = Array.isArray(entry) ? entry[0] : entry
    const seconds = stamp instanceof Float ? stamp.value : stamp
    const at = typeof seconds === 'number' ? bootedAt + seconds * 1000 : now
    return [id, at > now - expires && at <= now ? at : now] as const
  })
}

/** Milliseconds of the machine's monotonic clock, the one that Python's `time.monotonic()` reads. */
function uptime(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
