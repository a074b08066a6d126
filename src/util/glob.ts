/**
 * Shell patterns for names, as Python's `fnmatch` has them: `*` anything, `?` one character, `[a-z]` one of these,
 * `[!a-z]` one other than these. Case matters; the whole text must match.
 *
 * Patterns arrive by remote control, so they are matched by hand: no pattern can make it slow, as a regular expression
 * made of many stars could.
 */

type Piece =
  | { readonly kind: 'star' }
  | { readonly kind: 'any' }
  | { readonly kind: 'character'; readonly value: string }
  | {
      readonly kind: 'set'
      readonly negated: boolean
      readonly ranges: readonly (readonly [number, number])[]
    }

const STAR: Piece = { kind: 'star' }
const ANY: Piece = { kind: 'any' }

/** Whether a text contains anything that a glob would treat specially. */
export function isGlob(text: string): boolean {
  return /[*?[]/.test(text)
}

/** Makes a test out of a pattern; worth it when many texts are tested. */
export function compileGlob(pattern: string): (text: string) => boolean {
  const pieces = parse([...pattern])
  return (text) => matches(pieces, [...text])
}

/** Whether `text` matches `pattern`. */
export function matchesGlob(text: string, pattern: string): boolean {
  return compileGlob(pattern)(text)
}

function parse(pattern: readonly string[]): Piece[] {
  const pieces: Piece[] = []
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i] ?? ''
    if (character === '*') {
      if (pieces.at(-1) !== STAR) pieces.push(STAR)
    } else if (character === '?') {
      pieces.push(ANY)
    } else {
      const end = character === '[' ? endOfSet(pattern, i) : -1
      if (end < 0) {
        pieces.push({ kind: 'character', value: character })
      } else {
        pieces.push(parseSet(pattern.slice(i + 1, end)))
        i = end
      }
    }
  }
  return pieces
}

/** Where the set that begins at `start` is closed, or -1: then the bracket is an ordinary character. */
function endOfSet(pattern: readonly string[], start: number): number {
  let first = start + 1
  if (pattern[first] === '!') first++
  // A closing bracket in the first place stands for itself.
  return pattern.indexOf(']', first + 1)
}

function parseSet(content: readonly string[]): Piece {
  const negated = content[0] === '!'
  const members = negated ? content.slice(1) : content
  const ranges: [number, number][] = []
  for (let i = 0; i < members.length; i++) {
    const from = codePoint(members[i])
    if (members[i + 1] === '-' && i + 2 < members.length) {
      ranges.push([from, codePoint(members[i + 2])])
      i += 2
    } else {
      ranges.push([from, from])
    }
  }
  return { kind: 'set', negated, ranges }
}

function codePoint(character: string | undefined): number {
  return character?.codePointAt(0) ?? -1
}

/** Walks both at once; after a mismatch only the latest star takes in one character more. */
function matches(pieces: readonly Piece[], text: readonly string[]): boolean {
  let piece = 0
  let position = 0
  let star = -1
  let starPosition = 0
  while (position < text.length) {
    const current = pieces[piece]
    if (current?.kind === 'star') {
      star = piece++
      starPosition = position
    } else if (current !== undefined && matchesOne(current, text[position] ?? '')) {
      piece++
      position++
    } else if (star >= 0) {
      piece = star + 1
      position = ++starPosition
    } else {
      return false
    }
  }
  while (pieces[piece]?.kind === 'star') piece++
  return piece === pieces.length
}

function matchesOne(piece: Piece, character: string): boolean {
  switch (piece.kind) {
    case 'star':
    case 'any':
      return true
    case 'character':
      return piece.value === character
    case 'set': {
      const code = codePoint(character)
      return piece.ranges.some(([from, to]) => from <= code && code <= to) !== piece.negated
    }
  }
}
