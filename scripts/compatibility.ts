/**
 * Writes docs/compatibility.md: every behaviour of Celery that is on the list, and whether a test proves it.
 *
 * A test proves a row when its title carries the id: `[3-101]`, `[2-069, 2-070]` or `[2-069..2-075]`. Rows that
 * need a word of explanation have one in docs/compatibility-notes.tsv. With `--check` nothing is written, and a
 * page that is out of date is a fault.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface ParityRow {
  readonly id: string
  readonly section: string
  /** Named in Celery's "Getting Started". */
  readonly starred: boolean
  readonly text: string
}

export interface Note {
  readonly state: NotedState
  readonly note: string
}

type NotedState = (typeof NOTED_STATES)[number]
type State = 'proven' | 'open' | NotedState

const NOTED_STATES = ['partial', 'differs', 'planned'] as const
const ALL_STATES: readonly State[] = ['proven', ...NOTED_STATES, 'open']
const STATES: Readonly<Record<State, string>> = {
  proven: '✔ proven',
  partial: '◐ partial',
  differs: '≠ differs',
  planned: '○ planned',
  open: '· open',
}
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PAGE = 'docs/compatibility.md'

/**
 * The ids in the titles of the tests of one file, ranges spelled out. A title may stand anywhere, such as in a table of
 * cases; ids in comments and tests that are skipped prove nothing.
 */
export function idsOfTitles(source: string, ids: readonly string[]): string[] {
  const code = source
    .replaceAll(/^\s*\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/[^\n]*/gm, '')
    .replaceAll(/\.(?:skip|todo)\(\s*(['"`])(?:\\.|(?!\1)[\s\S])*\1/g, '')
  return [...code.matchAll(/(?<![\w)\]])\[(\d+-\d{3}(?:(?:\s*,\s*|\s+|\.\.)\d+-\d{3})*)\]/g)].flatMap(
    ([, list = '']) => expand(list, ids),
  )
}

function expand(list: string, ids: readonly string[]): string[] {
  return list.split(/\s*,\s*|\s+/).flatMap((part) => {
    const [first = '', last = first] = part.split('..')
    const [from, to] = [ids.indexOf(first), ids.indexOf(last)]
    if (from < 0 || to < from) {
      throw new Error(`[${list}] in a title of a test: no such row in docs/parity-rows.tsv.`)
    }
    return ids.slice(from, to + 1)
  })
}

/** Reads docs/parity-rows.tsv. */
export function parseRows(text: string): ParityRow[] {
  return lines(text).map(([id = '', section = '', star = '', name = '']) => ({
    id,
    section,
    starred: star !== '',
    text: name,
  }))
}

/** Reads docs/compatibility-notes.tsv. */
export function parseNotes(text: string, ids: readonly string[]): Map<string, Note> {
  return new Map(
    lines(text).map(([id = '', word = '', note = '']) => {
      const state = NOTED_STATES.find((each) => each === word)
      if (!ids.includes(id) || !state) {
        throw new Error(
          `docs/compatibility-notes.tsv: ${id} ${word}: give a known id and ${NOTED_STATES.join('|')}.`,
        )
      }
      return [id, { state, note }]
    }),
  )
}

/** The fields of each line after the heading. */
function lines(text: string): string[][] {
  return text
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => line.split('\t'))
}

/** The whole page, and its summary in one line. */
export function compatibilityPage(
  rows: readonly ParityRow[],
  proven: ReadonlySet<string>,
  notes: ReadonlyMap<string, Note>,
): { page: string; summary: string } {
  const stateOf = ({ id }: ParityRow): State => notes.get(id)?.state ?? (proven.has(id) ? 'proven' : 'open')
  const count = (some: readonly ParityRow[]): string => {
    const states = Map.groupBy(some, stateOf)
    const known = ALL_STATES.filter((state) => states.has(state))
    return `${some.length} rows: ${known.map((state) => `${states.get(state)?.length} ${state}`).join(', ')}`
  }
  const sections = [...Map.groupBy(rows, ({ section }) => section)].map(([section, ofSection]) => {
    const table = ofSection.map((row) => {
      const note = notes.get(row.id)?.note ?? ''
      const cells = [row.id, row.starred ? '★' : '', row.text, STATES[stateOf(row)], note]
      return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
    })
    const head = '| id | | behaviour | state | note |\n|---|---|---|---|---|'
    return `## ${section}\n\n${count(ofSection)}\n\n${head}\n${table.join('\n')}\n`
  })
  const summary = `${count(rows)}; of the starred ${count(rows.filter(({ starred }) => starred))}`
  return { page: `${INTRODUCTION}\n**${summary}**\n\n${sections.join('\n')}`, summary }
}

const INTRODUCTION = `# Compatibility with Celery

Every behaviour of Celery 5.6 that Celeriac means to share, row by row. *Proven* means that a test carries the id of the row in its title, so \`grep -rF '[3-101' test\` finds the proof; *differs* and *partial* say why. ★ marks what Celery's own "Getting Started" names. This page is written by \`npm run compatibility\`.
`

function main(isCheck: boolean): void {
  const read = (file: string): string => readFileSync(`${ROOT}/${file}`, 'utf8')
  const rows = parseRows(read('docs/parity-rows.tsv'))
  const ids = rows.map(({ id }) => id)
  const files = globSync(['test/**/*.test.ts', 'src/testing/conformance/**/*.ts'], {
    cwd: ROOT,
    exclude: ['test/unit/scripts/**'],
  })
  const proven = new Set(files.flatMap((file) => idsOfTitles(read(file), ids)))
  const { page, summary } = compatibilityPage(
    rows,
    proven,
    parseNotes(read('docs/compatibility-notes.tsv'), ids),
  )
  if (!isCheck) {
    writeFileSync(`${ROOT}/${PAGE}`, page)
  } else if (read(PAGE) !== page) {
    process.stderr.write(`${PAGE} is out of date. Run: npm run compatibility\n`)
    process.exitCode = 1
  }
  process.stdout.write(`${summary}\n`)
}

if (import.meta.main) {
  main(process.argv.includes('--check'))
}
