/** Ids of tasks, groups and queues. */

import { randomUUID } from 'node:crypto'

/** A new random id such as `0d7a3f1e-…` (version 4). Node draws the randomness for many of them at a time. */
export function uuid(): string {
  return randomUUID()
}
