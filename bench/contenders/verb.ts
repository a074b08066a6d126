/** What the benchmark asks of a contender, on its command line, and how the contender answers: one line of JSON. */
export interface Verb {
  readonly verb: 'publish' | 'roundtrip' | 'worker'
  readonly n: number
  readonly task: 'noop' | 'noop_result' | 'io'
  readonly mode: 'one' | 'bulk'
}

/** Reads `verb n task mode`. */
export function readVerb(): Verb {
  const [verb = 'publish', n = '0', task = 'noop', mode = 'bulk'] = process.argv.slice(2)
  return { verb: verb as Verb['verb'], n: Number(n), task: task as Verb['task'], mode: mode as Verb['mode'] }
}

/** Prints the answer. */
export function report(answer: Readonly<Record<string, number>>): void {
  console.log(JSON.stringify(answer))
}

/** Round trips that do not count: what is measured are services, which run for days, not their first moments. */
export const WARM_UP = 1000

/** Milliseconds. */
export function percentiles(times: readonly number[]): { p50: number; p99: number } {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { p50: at(0.5), p99: at(0.99) }
}
