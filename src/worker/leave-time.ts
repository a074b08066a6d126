/** However patient a worker is with its tasks, a server that gives no answer is waited for no longer, in milliseconds. */
const LONGEST = 10_000

/**
 * Milliseconds that a worker which stops waits for a server that gives no answer.
 * @param patience milliseconds that it has for its tasks.
 */
export function leaveTime(patience: number): number {
  return Math.min(patience, LONGEST)
}
