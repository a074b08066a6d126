/** What `celery multi` makes of its words, compared with what Python's makes of them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { runProgram } from '../../src/cli/program.ts'
import { joinWords } from '../../src/cli/shell-words.ts'
import { testIo } from '../unit/cli/fake-app.ts'

interface Vector {
  readonly argv: readonly string[]
  readonly code: number
  readonly output: string
}

const VECTORS: readonly Vector[] = JSON.parse(
  readFileSync(new URL('vectors/multi.json', import.meta.url), 'utf8'),
)

/** The way this program is started is another than Python's. */
function withoutProgram(text: string): string {
  const command = joinWords([...process.execArgv, process.argv[1] ?? ''])
  return text
    .trim()
    .replaceAll(`${process.execPath} ${command}`, 'EXECUTABLE COMMAND')
    .replaceAll(process.execPath, 'EXECUTABLE')
    .replaceAll(command, 'COMMAND')
}

test('nodes, their options and their command lines are those of Python [6-051 6-053 6-054 6-055 6-056 6-057 6-058 6-059 6-063 12-052]', async () => {
  assert.ok(VECTORS.length > 20)
  for (const { argv, code, output } of VECTORS) {
    const io = testIo()
    assert.equal(await runProgram(['multi', ...argv], io), code, argv.join(' '))
    // Python leaves two blanks where nothing is passed through.
    assert.equal(withoutProgram(io.output()), output.replaceAll('  ', ' '), argv.join(' '))
    assert.equal(io.errors(), '')
  }
})
