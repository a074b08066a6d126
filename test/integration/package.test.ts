import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { pack, packFolder } from '../../scripts/pack.ts'
import type { CleanupContext } from '../support/cleanup.ts'
import type { RunningProcess } from '../support/spawn.ts'
import { startProcess } from '../support/spawn.ts'
import { tempDir } from '../support/temp-dir.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PROGRAMS = ['tasks.ts', 'send.ts']
/** As on a user's machine: what is installed in this repository is out of reach, but for its Node. */
const ENV = {
  PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
  CELERY_BROKER_URL: undefined,
  CELERY_RESULT_BACKEND: undefined,
  // Node's runner sets it in a terminal, and numbers have colours then.
  FORCE_COLOR: undefined,
}

const folder = tempDir(undefined, 'celeriac-package')
/** A project of a user in which the packed package and its only dependency are installed, without any network. */
const project = join(folder, 'project')

before(async () => {
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  for (const name of PROGRAMS) writeFileSync(join(project, name), programOfReadme(name))
  const tarballs = await Promise.all([pack(folder), packFolder(join(ROOT, 'node_modules/commander'), folder)])
  await finished('npm', 'install', '--offline', '--no-audit', '--no-fund', ...tarballs)
})

test('the first task of the README runs as it is written', async (t) => {
  const worker = start('npx', ['celery', '-A', 'tasks', 'worker', '-l', 'INFO', '-P', 'prefork'], t)
  await worker.waitForOutput(/ready\./)
  assert.equal(await finished('node', 'send.ts'), '8\n')
  await worker.waitForOutput(/Task tasks\.add\[[-\w]+\] succeeded/)
  // As Ctrl-C in a terminal does: everybody who was started there gets it.
  await worker.stop({ ask: () => void process.kill(-worker.pid, 'SIGINT') })
  assert.match(worker.output(), /Warm shutdown/)
  assert.ok(readdirSync(project).includes('celery.sqlite3'))
})

test('the command line is installed', async () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  assert.ok((await finished('npx', 'celery', '--version')).startsWith(`${version} (celeriac)`))
  assert.match(await finished('npx', 'celery', '--help'), /^Usage: celery [\s\S]*\bworker\b/)
  assert.match(await finished('npx', 'celery', 'report'), /software -> celeriac:/)
})

test('every entry can be imported with nothing else installed', async () => {
  const manifest: { exports: Record<string, unknown> } = JSON.parse(
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  )
  const entries = Object.keys(manifest.exports)
    .filter((entry) => entry !== './package.json')
    .map((entry) => entry.replace('.', 'celeriac'))
  const program = entries.map(
    (entry) => `if (!Object.keys(await import('${entry}')).length) throw '${entry}'`,
  )
  await finished('node', '--input-type=module', '--eval', program.join('\n'))
})

test('a program of a user compiles, declarations included', async () => {
  const types = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types')]
  const options = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--allowImportingTsExtensions']
  const target = ['--module', 'nodenext', '--target', 'es2024', '--ignoreConfig']
  await finished(join(ROOT, 'node_modules/.bin/tsc'), ...options, ...target, ...types, ...PROGRAMS)
})

/** The code of a file that the README shows: its first line is a comment with the name. */
function programOfReadme(name: string): string {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const start = readme.indexOf(`\`\`\`ts\n// ${name}\n`)
  assert.notEqual(start, -1, `README.md shows no ${name}`)
  return readme.slice(start + 6, readme.indexOf('```', start + 6))
}

function start(command: string, args: readonly string[], t?: CleanupContext): RunningProcess {
  return startProcess(command, args, { t, cwd: project, env: ENV })
}

/** Runs a command in the project to its end, which must be a good one; answers what it has written. */
async function finished(command: string, ...args: readonly string[]): Promise<string> {
  const child = start(command, args)
  const code = await child.wait()
  assert.equal(code, 0, `${command} ${args.join(' ')} ended with ${code}:\n${child.output()}`)
  return child.stdout()
}
