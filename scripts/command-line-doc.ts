/**
 * Writes into docs/guide/command-line.md what the commands say with `--help`. With `--check` nothing is written, and a
 * page that is out of date is a fault.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runProgram } from '../src/cli/program.ts'

const PAGE = join(fileURLToPath(new URL('..', import.meta.url)), 'docs/guide/command-line.md')
const HEADING = '## What each command takes'

/** What a command line prints. */
async function helpOf(...argv: readonly string[]): Promise<string> {
  let text = ''
  const write = (part: string): void => {
    text += part
  }
  const environment = {}
  const ask = async (): Promise<undefined> => undefined
  const io = { out: write, err: write, environment, outIsTerminal: false, errIsTerminal: false, ask }
  await runProgram([...argv, '--help'], io)
  return text.trim()
}

function block(words: readonly string[], help: string): string {
  const command = ['celery', ...words].join(' ')
  return `\n### ${command}\n\n\`\`\`console\n$ ${command} --help\n${help}\n\`\`\`\n`
}

const program = await helpOf()
const [, list = ''] = program.split(/^Commands:$/m)
const commands = [...list.matchAll(/^ {2}([a-z]+)/gm)].flatMap(([, name]) => name ?? [])
const blocks = [block([], program)]
for (const command of commands) blocks.push(block([command], await helpOf(command)))
blocks.push(block(['upgrade', 'settings'], await helpOf('upgrade', 'settings')))
blocks.push(block(['graph', 'workers'], await helpOf('graph', 'workers')))

const before = readFileSync(PAGE, 'utf8')
const after = `${before.slice(0, before.indexOf(HEADING))}${HEADING}\n${blocks.join('')}`
if (!process.argv.includes('--check')) {
  writeFileSync(PAGE, after)
} else if (before !== after) {
  process.stderr.write('docs/guide/command-line.md is out of date. Run: node scripts/command-line-doc.ts\n')
  process.exitCode = 1
}
