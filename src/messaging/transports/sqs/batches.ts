/** SQS takes ten messages with one request. */
export const BATCH = 10
/** Requests for one queue that are under way at the same time. */
const LANES = 8

/** Parts of at most ten items and, when `sizeOf` tells how large one is, `most` in all. */
export function batchesOf<T>(
  items: readonly T[],
  sizeOf: (item: T) => number = () => 0,
  most: number = Number.POSITIVE_INFINITY,
): readonly (readonly T[])[] {
  const batches: T[][] = []
  let last: T[] | undefined
  let size = 0
  for (const item of items) {
    const added = sizeOf(item)
    if (last === undefined || last.length === BATCH || size + added > most) {
      last = []
      size = 0
      batches.push(last)
    }
    last.push(item)
    size += added
  }
  return batches
}

/** Works the items off, several at a time; rejects with the first error when all that was begun has ended. */
export async function eachInLanes<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  lanes: number = LANES,
): Promise<void> {
  const queue = items.values()
  const lane = async (): Promise<void> => {
    for (const item of queue) await work(item)
  }
  const ends = await Promise.allSettled(Array.from({ length: Math.min(lanes, items.length) }, lane))
  const failed = ends.find((end) => end.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

/** Items by the queue they belong to. */
export function byQueue<T extends { readonly queue: string }>(
  items: readonly T[],
): ReadonlyMap<string, readonly T[]> {
  return Map.groupBy(items, ({ queue }) => queue)
}
