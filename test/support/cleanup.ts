import type { TestContext } from 'node:test'

/** What the launchers need of a test: `t` of a test, or `{ after }` of `node:test` for a whole file. */
export type CleanupContext = Pick<TestContext, 'after'>

const cleanupsOfTest = new WeakMap<CleanupContext, Array<() => void | Promise<void>>>()
const atExit = new Set<() => void>()

/**
 * Runs `cleanup` when the test `t` is over: what was started last goes first (`t.after` alone does it the other way
 * round). Without a test, `now` runs when the process ends; it is synchronous, since nothing can be awaited there.
 */
export function onCleanup(
  t: CleanupContext | undefined,
  cleanup: () => void | Promise<void>,
  now: () => void,
): void {
  if (!t) {
    if (atExit.size === 0) {
      process.once('exit', () => {
        for (const each of [...atExit].reverse()) {
          each()
        }
      })
    }
    atExit.add(now)
    return
  }
  const known = cleanupsOfTest.get(t)
  if (known) {
    known.push(cleanup)
    return
  }
  const cleanups = [cleanup]
  cleanupsOfTest.set(t, cleanups)
  t.after(async () => {
    const faults: unknown[] = []
    for (const each of cleanups.reverse()) {
      // What fails to end must not leave the rest behind, running.
      await Promise.resolve()
        .then(each)
        .catch((fault: unknown) => faults.push(fault))
    }
    if (faults.length > 0) throw faults.length === 1 ? faults[0] : new AggregateError(faults)
  })
}
