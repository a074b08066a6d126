/**
 * Keeps the house in order: arrows between rooms point down, nothing goes in a circle, files stay short (those of tests,
 * scripts, examples and benchmarks, too).
 *
 * A room is a folder of `src` with a rank (the longest matching prefix names the room of a file). A file imports
 * from its own room or from rooms of a lower rank, types included. An entry (`src/index.ts` and its like) may
 * import from everywhere and is imported by nobody.
 */
import { globSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { importCircles } from './import-circles.ts'

/** The rooms from the cellar up. `errors.ts` is a file and a room of its own, on which even `util` may stand. */
const RANKS: readonly (readonly string[])[] = [
  ['errors.ts'],
  ['util'],
  ['messaging', 'protocol', 'schedules', 'pool', 'bootsteps', 'security'],
  ['messaging/transports', 'backends', 'events', 'control', 'config'],
  ['result'],
  ['task'],
  ['canvas', 'routing'],
  ['execution'],
  ['app'],
  ['worker', 'beat'],
  ['cli', 'dashboard', 'testing', 'integrations'],
]
const MAX_LINES = 500
const VAGUE_NAMES = /(^|\/)(utils|helpers|common|types|misc)\.ts$/
const ENTRY = 'entry'

interface Room {
  readonly name: string
  readonly rank: number
}

interface Import {
  readonly file: string
  readonly line: number
  readonly target: string
}

/** Checks the sources, given as path below `src` → text. Answers one message for each fault. */
export function checkArchitecture(sources: ReadonlyMap<string, string>): string[] {
  const imports = [...sources].flatMap(([file, text]) => importsOf(file, text))
  return [
    ...[...sources.keys()].flatMap(faultsOfFile),
    ...imports.flatMap((found) => faultOfImport(found)),
    ...importCircles(imports).map(
      (files) =>
        `src/${files[0]}: import circle ${files.join(' → ')} → ${files[0]}. ` +
        'Move what they share below them, or hand it in.',
    ),
  ]
}

/** The relative imports of one file: static, re-exporting, of types, and dynamic ones with a literal. */
function importsOf(file: string, text: string): Import[] {
  const code = withoutComments(text)
  const statement =
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"](\.[^'"]*)['"]|^\s*import\s*['"](\.[^'"]*)['"]|\bimport\s*\(\s*['"`](\.[^'"`]*)['"`]/gm
  return [...code.matchAll(statement)].map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? ''
    const start = match.index + match[0].search(/\S/)
    return {
      file,
      line: code.slice(0, start).split('\n').length,
      target: posix.normalize(posix.join(posix.dirname(file), specifier)),
    }
  })
}

/** Blanks comments out, line breaks stay. Strings are skipped over, since they may hold what looks like one. */
function withoutComments(text: string): string {
  return text.replace(
    /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (token) => (token.startsWith('/') ? token.replace(/[^\n]/g, ' ') : token),
  )
}

function roomOf(file: string): Room | undefined {
  const found = RANKS.flatMap((names, rank) => names.map((name) => ({ name, rank })))
    .filter(({ name }) => file === name || file.startsWith(`${name}/`))
    .sort((a, b) => b.name.length - a.name.length)[0]
  return found ?? (file.includes('/') ? undefined : { name: ENTRY, rank: RANKS.length })
}

/** Checks how long files are, given as path below the root → text. Answers one message for each that is too long. */
export function checkLengths(files: ReadonlyMap<string, string>): string[] {
  return [...files].flatMap(([file, text]) => {
    const lines = text.trimEnd().split('\n').length
    return lines > MAX_LINES
      ? [`${file}: ${lines} lines, the limit is ${MAX_LINES}. Split it by what it tells.`]
      : []
  })
}

function faultsOfFile(file: string): string[] {
  const faults: string[] = []
  if (!roomOf(file)) {
    faults.push(`src/${file}: its folder has no rank. Give it one in scripts/check-architecture.ts.`)
  }
  if (VAGUE_NAMES.test(file)) {
    faults.push(`src/${file}: the name says nothing. Name it after its main export.`)
  }
  return faults
}

function faultOfImport({ file, line, target }: Import): string[] {
  const place = `src/${file}:${line}: imports ${target.startsWith('..') ? target : `src/${target}`}`
  if (target.startsWith('..')) {
    return target === '../package.json'
      ? []
      : [`${place}, which is outside src and not in the package. Move it into src.`]
  }
  const from = roomOf(file)
  const to = roomOf(target)
  if (!from || !to || (from.name === to.name && from.name !== ENTRY)) {
    return []
  }
  if (to.name === ENTRY) {
    return [`${place}, an entry of the package, which nobody inside may. Import the file that it re-exports.`]
  }
  if (to.rank < from.rank) {
    return []
  }
  const why = to.rank === from.rank ? `stands beside ${from.name}` : `stands above ${from.name}`
  return [`${place}, but ${to.name} ${why}. Declare the port in ${from.name}, or move the shared part below.`]
}

/** Path from `folder` → text of what a pattern finds there. */
function read(folder: URL, pattern: string): ReadonlyMap<string, string> {
  const files = globSync(pattern, { cwd: folder, exclude: (name) => name === 'node_modules' }).sort()
  return new Map(files.map((file) => [file, readFileSync(new URL(file, folder), 'utf8')]))
}

if (import.meta.main) {
  const root = new URL('../', import.meta.url)
  const sources = read(new URL('src/', root), '**/*.ts')
  const everything = read(root, '{src,test,scripts,examples,bench}/**/*.{ts,mjs}')
  const faults = [...checkArchitecture(sources), ...checkLengths(everything)]
  for (const fault of faults) {
    process.stderr.write(`${fault}\n`)
  }
  process.stdout.write(`architecture: ${sources.size} files, ${faults.length} faults\n`)
  process.exitCode = faults.length > 0 ? 1 : 0
}
