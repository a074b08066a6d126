/** The code of README.md and of the guides compiles as it stands, with what the text around it takes for granted. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { tempDir } from '../support/temp-dir.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const GUIDES = readdirSync(join(ROOT, 'docs/guide')).map((name) => `docs/guide/${name}`)

/** What pages speak of before or without showing it; `./tasks.ts` of their imports. */
const KNOWN = `
import { Celery, chain, chord, group } from 'celeriac'
import { crontab } from 'celeriac/schedules'
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
export { Celery, chain, chord, crontab, group, randomUUID, z }
export class NetworkError extends Error {}
export const app = new Celery('tasks')
export const add = app.task('tasks.add', (x: number, y: number) => x + y)
export const mul = app.task('tasks.mul', (x: number, y: number) => x * y)
export const xsum = app.task('tasks.xsum', (numbers: readonly number[]) => numbers.length)
export const crawl = app.task('tasks.crawl', async (url: string) => url)
export const pairs: readonly (readonly [number, number])[] = []
export const workflow = chain(add.s(1, 1), add.s(2))
export declare function send(to: string, text: string): void
export declare function setUp(template: unknown, colour: unknown): void
`
const NAMES = 'Celery chain chord crontab group randomUUID z NetworkError app add mul xsum crawl'
const MORE_NAMES = 'pairs workflow send setUp'

const OPTIONS = {
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  module: 'nodenext',
  target: 'esnext',
  types: ['node'],
  noEmit: true,
  allowImportingTsExtensions: true,
  paths: { celeriac: [join(ROOT, 'src/index.ts')], 'celeriac/*': [join(ROOT, 'src/*.ts')] },
}

test('the code of the documents compiles', async (t) => {
  const folder = tempDir(t)
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: OPTIONS, include: ['*.ts'] }),
  )
  writeFileSync(join(folder, 'tasks.ts'), KNOWN)
  for (const page of ['README.md', ...GUIDES]) {
    for (const [index, code] of blocksOf(page).entries()) {
      const name = page.replaceAll('/', '-').replace(/\.md$/, '')
      writeFileSync(join(folder, `${name}-${index + 1}.ts`), withImports(code))
    }
  }
  const files = readdirSync(folder).length
  assert.ok(files > 25, `only ${files} files were written`)
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  await promisify(execFile)(tsc, ['-p', folder]).catch(({ stdout }: { stdout?: string }) =>
    assert.fail(stdout),
  )
})

/** Those of a page that are one program count as one. */
function blocksOf(page: string): readonly string[] {
  const text = readFileSync(join(ROOT, page), 'utf8')
  const blocks = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code)
  return page.endsWith('/testing.md') ? [blocks.join('\n')] : blocks
}

/** A module of a block: names that it neither declares nor imports come from `./tasks.ts`. */
function withImports(code: string): string {
  const own = (name: string): RegExp =>
    new RegExp(`(?:const|class|function) ${name}\\b|import (?:type )?\\{[^}]*\\b${name}\\b[^}]*\\}`)
  const wanted = `${NAMES} ${MORE_NAMES}`
    .split(' ')
    .filter((name) => new RegExp(`\\b${name}\\b`).test(code) && !own(name).test(code))
  return `import { ${wanted.join(', ')} } from './tasks.ts'\n${code}`
}
