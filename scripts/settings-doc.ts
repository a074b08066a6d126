/**
 * Writes docs/reference/settings.md from the table of settings: names, types and defaults from its values, the prose
 * from the comments above them. With `--check` nothing is written, and a page that is out of date is a fault.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isSettingName, oldNames, settingNames, settingRow, snakeCase } from '../src/config/settings.ts'
import { parseNotes, parseRows } from './compatibility.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PAGE = 'docs/reference/settings.md'
/** Files of the table, in the order of the page. */
const GROUPS: readonly string[] = [
  'general',
  'broker',
  'task',
  'result',
  'worker',
  'beat',
  'control',
  'event',
  'security',
  'celeriac',
  'stores',
]

/** The table's words for types where a reader needs other ones. */
const WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'whole number',
  float: 'number',
  bool: 'true or false',
  texts: 'list of texts',
  options: 'dict',
  class: 'class or its name',
}

const INTRODUCTION = `# Settings

Written by \`node scripts/settings-doc.ts\` from \`src/config/settings/\`.

Every setting has a name in camel case, Celery's name in snake case, and its name of before Celery 4; all three are understood everywhere, but old and new ones may not be mixed in one place. A name that is no setting is an error.

Lengths of time are seconds, or a text with a unit (\`'250ms'\`, \`'5m'\`, \`'1h30m'\`), or parts (\`{ minutes: 5 }\`). \`null\` is Python's \`None\`.

What counts, from the last word to the first: the environment (\`CELERY_BROKER_URL\`, \`CELERY_BROKER_READ_URL\`, \`CELERY_BROKER_WRITE_URL\`, \`CELERY_RESULT_BACKEND\`), changes of \`app.conf\` and what the constructor was given, the configured object or module, \`app.addDefaults\`, the defaults below.

Unlike in Celery, without any broker in the settings and in the environment the embedded one is used, for tasks and results: a file \`celery.sqlite3\` in the working folder.
`

/** Notes on settings that do not do all that Celery's do, by the name in snake case. */
const NOTES = readNotes()

interface Prose {
  readonly name: string
  readonly text: string
}

function readNotes(): Map<string, string> {
  const read = (file: string): string => readFileSync(join(ROOT, 'docs', file), 'utf8')
  const rows = parseRows(read('parity-rows.tsv'))
  const notes = parseNotes(
    read('compatibility-notes.tsv'),
    rows.map(({ id }) => id),
  )
  return new Map(
    rows.flatMap(({ id, text }) => {
      const note = notes.get(id)?.note
      const name = /^`(\w+)`(?! \/)/.exec(text)?.[1]
      return id.startsWith('1-') && note && name ? [[name, note]] : []
    }),
  )
}

/** The comment above each line of the table in a source file. */
function proseOf(source: string): Prose[] {
  return [...source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(?:export const )?(\w+)(?::| =) \{/g)].map(
    ([, comment = '', name = '']) => ({
      name,
      text: comment
        .replaceAll(/^\s*\*? ?/gm, '')
        .replaceAll(/\s+/g, ' ')
        .trim(),
    }),
  )
}

function section(group: string): string {
  const [head, ...rows] = proseOf(readFileSync(join(ROOT, `src/config/settings/${group}.ts`), 'utf8'))
  const title = `## ${head?.text.replace(/\.$/, '')}\n`
  return [title, ...rows.map(entry)].join('\n')
}

function entry({ name, text }: Prose): string {
  if (!isSettingName(name)) throw new Error(`${name} has a comment but is no setting`)
  const row = settingRow(name)
  const types = typeof row.type === 'string' ? [row.type] : row.type
  const facts = [
    snakeCase(name) === name ? [] : [`\`${snakeCase(name)}\``],
    oldNames(name)
      .slice(0, 1)
      .map((old) => `\`${old}\``),
    [
      row.choices
        ? row.choices.map((choice) => `\`${choice}\``).join(' | ')
        : types.map((type) => WORDS[type] ?? type).join(' | '),
    ],
    [
      `default \`${JSON.stringify(row.default) === 'null' ? String(row.default) : JSON.stringify(row.default)}\``,
    ],
  ].flat()
  const note = NOTES.get(snakeCase(name))
  return `### ${name}\n\n${facts.join(' · ')}\n\n${text}\n${note === undefined ? '' : `\n*${note[0]?.toUpperCase()}${note.slice(1)}.*\n`}`
}

const page = [INTRODUCTION, ...GROUPS.map(section)].join('\n')
const documented: readonly string[] = page.match(/^### \w+$/gm) ?? []
const missing = settingNames.filter((name) => !documented.includes(`### ${name}`))
if (missing.length > 0) {
  process.stderr.write(`Settings without a comment: ${missing.join(', ')}\n`)
  process.exitCode = 1
}
const path = join(ROOT, PAGE)
if (!process.argv.includes('--check')) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, page)
} else if (readFileSync(path, 'utf8') !== page) {
  process.stderr.write(`${PAGE} is out of date. Run: node scripts/settings-doc.ts\n`)
  process.exitCode = 1
}
