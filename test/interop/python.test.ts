import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findPython, needsPython, runPython } from '../support/python.ts'

test('Python Celery is at hand', needsPython(), async () => {
  assert.match(findPython()?.celery ?? '', /^5\.\d+\.\d+/)
  assert.equal(await runPython('import sys; print(sys.argv[1])', ['hello']), 'hello\n')
  await assert.rejects(runPython('raise SystemExit(3)'), /ended with 3/)
})
