/** `celery shell` with what is typed coming from a pipe. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { cliPlace } from './cli-process.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const TASKS = fileURLToPath(new URL('fixtures/cli/tasks.ts', import.meta.url))

async function shell(
  folder: string,
  lines: readonly string[],
  ...options: readonly string[]
): Promise<{ readonly code: unknown; readonly output: string }> {
  const argv = [CLI, '-A', TASKS, 'shell', ...options]
  const child = spawn(process.execPath, argv, { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(`${lines.join('\n')}\n`)
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  return { code, output }
}

test('the shell has the app, its tasks and the canvas at hand, and runs line after line [6-039]', async (t) => {
  const place = cliPlace(t)
  const worker = await place.worker('-P', 'solo')
  const { code, output } = await shell(place.folder, [
    'const result = await add.delay(1, 2)',
    'await result.get()',
    'await chain(add.s(1, 1), add.s(3)).delay().get()',
    '[app === celery, add === tasks.get("cli.add"), typeof subtask("x").freeze, ...[group, chord, chunks, xmap, xstarmap, signature].map((each) => typeof each)]',
  ])
  assert.equal(
    output,
    `3\n5\n[\n  true,       true,\n  'function', 'function',\n  'function', 'function',\n  'function', 'function',\n  'function'\n]\n`,
  )
  assert.equal(code, 0)
  assert.equal(await worker.stop(), 0)
})

test('what fails in the shell is shown, and in its exit code; tasks can be left out [6-039]', async (t) => {
  const place = cliPlace(t)
  const { code, output } = await shell(place.folder, ['typeof add', 'missing', '1 + 1'], '--without-tasks')
  assert.match(output, /^'undefined'\nUncaught ReferenceError: missing is not defined\n2\n$/)
  assert.equal(code, 1)
})

test('a statement that the input does not end fails, since it did not run [6-039]', async (t) => {
  const place = cliPlace(t)
  assert.equal((await shell(place.folder, ['add.delay(1,', '2'])).code, 1)
  assert.equal((await shell(place.folder, ['[1,', '2]'])).code, 0)
})
