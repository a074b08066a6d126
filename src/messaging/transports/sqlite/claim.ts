import type { SqliteFile } from '../../../util/sqlite-file.ts'
import type { Taken } from '../../virtual/queue-store.ts'
import { fromRow, idList } from './message-row.ts'

/** What is taken together takes no more memory than this, unless a single message does. */
const MAX_BYTES = 8 * 1024 * 1024

/** What to claim. */
export interface Claim {
  /** Who claims. */
  readonly owner: number
  readonly queues: readonly string[]
  readonly max: number
  readonly now: number
}

interface Candidate {
  readonly id: number
  readonly queue: string
  readonly priority: number
  readonly size: number
}

/**
 * Marks waiting messages as held by the owner: urgent ones first, queues in turn, old ones before new ones. To be called
 * in a transaction.
 */
export function claim(file: SqliteFile, wanted: Claim): readonly Taken[] {
  const chosen = choose(candidates(file, wanted), wanted.max)
  if (chosen.length === 0) return []
  const update = file.prepare(
    `UPDATE celeriac_messages SET owner = ? WHERE id IN (SELECT value FROM json_each(?))
     RETURNING id, redelivered, exchange, routing_key, properties, headers, body`,
  )
  const rows = new Map(
    update.all(wanted.owner, idList(chosen.map(({ id }) => id))).map((row) => [Number(row['id']), row]),
  )
  return chosen.flatMap(({ id, queue }) => {
    const row = rows.get(id)
    return row === undefined ? [] : [{ queue, message: fromRow(row), handle: id }]
  })
}

/** What each queue would give if it were the only one. */
function candidates(file: SqliteFile, { queues, max, now }: Claim): readonly (readonly Candidate[])[] {
  const select = file.prepare(
    `SELECT id, priority, length(body) AS size FROM celeriac_messages
     WHERE queue = ? AND owner IS NULL AND (expires_at IS NULL OR expires_at > ?)
     ORDER BY priority, id LIMIT ?`,
  )
  // Another queue begins each time, so that none is always last.
  const start = queues.length > 1 ? Math.floor(Math.random() * queues.length) : 0
  return [...queues.slice(start), ...queues.slice(0, start)].map((queue) =>
    select.all(queue, now, max).map((row) => ({
      id: Number(row['id']),
      queue,
      priority: Number(row['priority']),
      size: Number(row['size']),
    })),
  )
}

function choose(queues: readonly (readonly Candidate[])[], max: number): readonly Candidate[] {
  const ordered = queues.length === 1 ? (queues[0] ?? []) : interleave(queues)
  let bytes = 0
  const end = ordered.findIndex(({ size }, index) => {
    bytes += size
    return index > 0 && bytes > MAX_BYTES
  })
  return ordered.slice(0, end < 0 ? max : Math.min(end, max))
}

/** By priority; within one, a message of each queue in turn. */
function interleave(queues: readonly (readonly Candidate[])[]): readonly Candidate[] {
  return queues
    .flatMap((queue) => {
      let priority = -1
      let turn = 0
      return queue.map((candidate) => {
        turn = candidate.priority === priority ? turn + 1 : 0
        priority = candidate.priority
        return { candidate, turn }
      })
    })
    .sort((one, other) => one.candidate.priority - other.candidate.priority || one.turn - other.turn)
    .map(({ candidate }) => candidate)
}
