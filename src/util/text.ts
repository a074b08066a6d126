/** Words for messages to people. */

/**
 * What somebody may have meant: the candidate with the fewest typing mistakes, if it is close enough.
 *
 * @returns `undefined` when nothing is near.
 */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase()
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue
    const distance = editDistance(wanted, candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** ` (did you mean "taskSerializer"?)` to be put behind a complaint, or the empty text when nothing is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const candidate = closest(word, candidates)
  return candidate === undefined ? '' : ` (did you mean "${candidate}"?)`
}

/** `task_serializer` as `taskSerializer`: Celery's spelling as ours. */
export function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/** How many letters must be added, dropped, changed or swapped with their neighbour to make `a` into `b`. */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let best = Math.min(
        at(previous, column) + 1,
        at(current, column - 1) + 1,
        at(previous, column - 1) + (same ? 0 : 1),
      )
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        best = Math.min(best, at(beforePrevious, column - 2) + 1)
      }
      current.push(best)
    }
    beforePrevious = previous
    previous = current
  }
  return at(previous, b.length)
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY
}

/** `1 task`, `2 tasks`. @param many the plural; default: an s appended. */
export function pluralise(count: number, one: string, many: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/** Takes the indentation that all lines share, and the empty first and last line, off a text. */
export function dedent(text: string): string {
  const lines = text
    .replace(/^[ \t]*\n/, '')
    .replace(/\n[ \t]*$/, '')
    .split('\n')
  let margin = Number.POSITIVE_INFINITY
  for (const line of lines) {
    const indentation = line.search(/\S/)
    if (indentation >= 0) margin = Math.min(margin, indentation)
  }
  return lines.map((line) => line.slice(Math.min(margin, line.length))).join('\n')
}
