/** The tables that the benchmark prints. */

/** One measurement. */
export interface Measurement {
  readonly round: number
  readonly scenario: string
  readonly broker: string
  readonly contender: string
  /** Tasks or messages per second. */
  readonly rate?: number | undefined
  /** Milliseconds of a round trip. */
  readonly p50?: number | undefined
  readonly p99?: number | undefined
  /** Milliseconds from the start of the worker's process to its first task. */
  readonly startup?: number | undefined
  /** MiB after the run, children included. */
  readonly memory?: number | undefined
}

/** Prints a table for each scenario and broker: medians, and ratios to our async worker. */
export function printTables(measurements: readonly Measurement[]): void {
  const groups = Map.groupBy(measurements, ({ scenario, broker }) => `${scenario} on ${broker}`)
  for (const [title, group] of groups) {
    console.log(`\n${title}`)
    const ours = group.filter(({ contender }) => contender === 'celeriac async')
    for (const [name, runs] of Map.groupBy(group, ({ contender }) => contender)) {
      const cells = [
        name.padEnd(18),
        column(
          runs,
          ({ rate }) => rate,
          (value) => `${Math.round(value)}/s`,
        ),
        column(
          runs,
          ({ p50 }) => p50,
          (value) => `p50 ${value.toFixed(2)} ms`,
        ),
        column(
          runs,
          ({ p99 }) => p99,
          (value) => `p99 ${value.toFixed(2)} ms`,
        ),
        column(
          runs,
          ({ startup }) => startup,
          (value) => `starts ${Math.round(value)} ms`,
        ),
        column(
          runs,
          ({ memory }) => memory,
          (value) => `${Math.round(value)} MiB`,
        ),
        ratio(ours, runs),
      ]
      console.log(`  ${cells.join('  ')}`)
    }
  }
}

function column(
  runs: readonly Measurement[],
  pick: (run: Measurement) => number | undefined,
  format: (value: number) => string,
): string {
  const value = median(runs.map(pick))
  return (value === undefined ? '' : format(value)).padStart(14)
}

/** How many times faster our async worker was: the median over the rounds of the ratios within a round. */
function ratio(ours: readonly Measurement[], theirs: readonly Measurement[]): string {
  const ratios = theirs.map((their) => {
    const our = ours.find(({ round }) => round === their.round)
    if (our?.rate !== undefined && their.rate !== undefined) return our.rate / their.rate
    return our?.p50 !== undefined && their.p50 !== undefined ? their.p50 / our.p50 : undefined
  })
  const value = median(ratios)
  return value === undefined ? '' : `celeriac async is ${value.toFixed(2)}×`
}

function median(values: readonly (number | undefined)[]): number | undefined {
  const numbers = values.filter((value) => value !== undefined).toSorted((a, b) => a - b)
  return numbers[Math.floor(numbers.length / 2)]
}
