import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ChordPart } from '../../../src/backends/backend.ts'
import { ChordError, RemoteError } from '../../../src/errors.ts'
import { chordErrorOf, shapeResults } from '../../../src/execution/chord-results.ts'
import { readResultTuple, resultTuple } from '../../../src/protocol/result-tuple.ts'

function part(id: string, result: unknown, state = 'SUCCESS'): ChordPart {
  return { index: 0, id, state, result }
}

suite('the error of a header', () => {
  const triple = { exc_type: 'GoldenError', exc_message: ['it broke', 42], exc_module: 'golden_app' }

  test('names the first part that failed and has its error as cause [3-107]', () => {
    const error = chordErrorOf(
      [part('a', 1), part('b', triple, 'FAILURE'), part('c', triple, 'REVOKED')],
      undefined,
    )
    assert.ok(error instanceof ChordError)
    assert.equal(error.message, "Dependency b raised GoldenError('it broke', 42)")
    assert.ok(error.cause instanceof RemoteError)
    assert.equal(error.cause.name, 'GoldenError')
  })

  test('is none when all succeeded', () => {
    assert.equal(chordErrorOf([part('a', 1), part('b', null)], undefined), undefined)
  })
})

suite('the results of a header', () => {
  const parts = [part('a', 1), part('b', 2), part('c', 3)]

  test('are a list in order of the parts', () => {
    assert.deepEqual(shapeResults(parts, undefined), [1, 2, 3])
    const flat = readResultTuple(resultTuple('g', null, [resultTuple('c'), resultTuple('a')]))
    assert.deepEqual(shapeResults(parts, flat), [1, 2, 3])
  })

  test('keep the groups within it', () => {
    const nested = resultTuple('inner', null, [resultTuple('b'), resultTuple('c')])
    const saved = readResultTuple(resultTuple('g', null, [resultTuple('a'), nested]))
    assert.deepEqual(shapeResults(parts, saved), [1, [2, 3]])
  })

  test('cannot be shaped when one is missing', () => {
    const nested = resultTuple('inner', null, [resultTuple('x')])
    const saved = readResultTuple(resultTuple('g', null, [nested]))
    assert.throws(() => shapeResults(parts, saved), /Join error: the result of x is missing/)
  })
})
