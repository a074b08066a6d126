import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileGlob, isGlob, matchesGlob } from '../../../src/util/glob.ts'

// Every row was checked against Python's fnmatch.fnmatchcase.
const rows: [pattern: string, text: string, matches: boolean][] = [
  ['proj.tasks.*', 'proj.tasks.add', true],
  ['proj.tasks.*', 'proj.other.add', false],
  ['*', '', true],
  ['', '', true],
  ['', 'a', false],
  ['a?c', 'abc', true],
  ['a?c', 'ac', false],
  ['a*b*c', 'aXbYbZc', true],
  ['a*b*c', 'aXbYbZ', false],
  ['[abc]x', 'bx', true],
  ['[!abc]x', 'bx', false],
  ['[!abc]x', 'dx', true],
  ['[a-c0-9]', '7', true],
  ['[a-c0-9]', 'd', false],
  ['[]a]', ']', true],
  ['[!]a]', ']', false],
  ['[a-]', '-', true],
  ['[', '[', true],
  ['a[b', 'a[b', true],
  ['a.c', 'abc', false],
  ['line*', 'line\nbreak', true],
  ['W*', 'worker', false],
  ['?', '😀', true],
]

for (const [pattern, text, expected] of rows) {
  test(`${JSON.stringify(pattern)} ${expected ? 'matches' : 'does not match'} ${JSON.stringify(text)}`, () => {
    assert.equal(matchesGlob(text, pattern), expected)
    assert.equal(compileGlob(pattern)(text), expected)
  })
}

test('isGlob knows what is special', () => {
  assert.equal(isGlob('proj.tasks.add'), false)
  for (const pattern of ['*', 'a?', 'x[1]']) assert.equal(isGlob(pattern), true)
})

test('many stars do not make it slow', () => {
  assert.equal(matchesGlob('a'.repeat(3000), `${'*a'.repeat(30)}b`), false)
})
