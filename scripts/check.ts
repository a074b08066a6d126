/**
 * `npm run check`: types, lint and format, architecture, dead code, the generated pages. All of them run at the
 * same time and all faults are shown, each tool's under its name.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BIN = join(ROOT, 'node_modules/.bin')
const CHECKS: Readonly<Record<string, readonly string[]>> = {
  types: [join(BIN, 'tsc'), '--noEmit'],
  declarations: [join(BIN, 'tsc'), '--noEmit', '-p', 'tsconfig.build.json'],
  lint: [join(BIN, 'biome'), 'check', '--error-on-warnings'],
  architecture: ['scripts/check-architecture.ts'],
  'dead code': [join(BIN, 'knip'), '--no-config-hints'],
  compatibility: ['scripts/compatibility.ts', '--check'],
  settings: ['scripts/settings-doc.ts', '--check'],
}

/** Runs one tool on this Node; answers whether it found no fault. */
function check(name: string, command: readonly string[]): Promise<boolean> {
  const started = performance.now()
  return new Promise((resolve) => {
    const child = spawn(process.execPath, command, {
      cwd: ROOT,
      env: { ...process.env, ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}) },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    const collect = (chunk: string): void => {
      output += chunk
    }
    child.stdout.setEncoding('utf8').on('data', collect)
    child.stderr.setEncoding('utf8').on('data', collect)
    child.once('close', (code) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      process.stdout.write(`${code === 0 ? '✔' : '✖'} ${name} (${seconds} s)\n${code === 0 ? '' : output}`)
      resolve(code === 0)
    })
  })
}

const wanted = process.argv.slice(2)
const chosen = Object.entries(CHECKS).filter(([name]) => wanted.length === 0 || wanted.includes(name))
const results = await Promise.all(chosen.map(([name, command]) => check(name, command)))
process.exitCode = results.every(Boolean) ? 0 : 1
