import type { Logger } from '../util/logger.ts'
import type { NodeReply } from './reply-collector.ts'

/**
 * Replies as one object, by the names of the nodes. Two that share a name are told about: of these the later reply is
 * kept. Celery: `flatten_reply`, which warns with `DuplicateNodenameWarning`.
 */
export function flattenReplies(replies: readonly NodeReply[], logger: Logger): Record<string, unknown> {
  const nodes = new Map<string, unknown>()
  const duplicates = new Set<string>()
  for (const reply of replies) {
    for (const [name, value] of Object.entries(reply)) {
      if (nodes.has(name)) duplicates.add(name)
      nodes.set(name, value)
    }
  }
  if (duplicates.size > 0) {
    logger.warn(
      `DuplicateNodenameWarning: several workers replied as ${[...duplicates].toSorted().join(', ')}. Give each worker ` +
        'a name of its own with -n (hostname)',
    )
  }
  return Object.fromEntries(nodes)
}
