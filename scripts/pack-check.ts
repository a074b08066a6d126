/**
 * `npm run pack:check`: packs the package once and looks at the tarball with publint and attw.
 * Fails when one of them finds a fault.
 */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pack } from './pack.ts'

const BIN = fileURLToPath(new URL('../node_modules/.bin', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'celeriac-pack-check-'))
try {
  const tarball = await pack(folder)
  const results = [
    check('publint', ['run', tarball, '--strict']),
    check('attw', [tarball, '--profile', 'esm-only', '--no-emoji', '--no-definitely-typed']),
  ]
  process.exitCode = results.every(Boolean) ? 0 : 1
} finally {
  await rm(folder, { recursive: true, force: true })
}

function check(tool: string, args: readonly string[]): boolean {
  const { status } = spawnSync(process.execPath, [join(BIN, tool), ...args], { stdio: 'inherit' })
  process.stdout.write(`${status === 0 ? '✔' : '✖'} ${tool}\n`)
  return status === 0
}
