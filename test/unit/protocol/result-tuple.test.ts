import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ResultTuple } from '../../../src/protocol/result-meta.ts'
import { readResultTuple, resultTuple, tupleOfNode } from '../../../src/protocol/result-tuple.ts'

suite('result tuples [4-042]', () => {
  test('a task, with and without parent', () => {
    assert.deepEqual(resultTuple('a'), [['a', null], null])
    assert.deepEqual(resultTuple('a', resultTuple('p')), [['a', [['p', null], null]], null])
  })

  test('groups within groups, there and back', () => {
    const tuple = resultTuple('g', resultTuple('p'), [
      resultTuple('a'),
      resultTuple('inner', null, [resultTuple('b', resultTuple('q'))]),
      resultTuple('empty', null, []),
    ])
    const node = readResultTuple(tuple)
    assert.ok(node)
    assert.equal(node.children?.[1]?.children?.[0]?.parent?.id, 'q')
    assert.deepEqual(tupleOfNode(node), tuple)
  })

  test('the inner pair may be a bare id', () => {
    assert.deepEqual(readResultTuple(['a', null]), { id: 'a', parent: undefined, children: undefined })
  })

  for (const value of [
    null,
    'a',
    [],
    ['a'],
    [[1, null], null],
    [['a', 'p'], null],
    [['a', null], 'children'],
    [['a', null], [[['b']]]],
  ]) {
    test(`no tuple: ${JSON.stringify(value)}`, () => {
      assert.equal(readResultTuple(value), undefined)
    })
  }

  test('endless chains of parents are refused', () => {
    let tuple: ResultTuple = resultTuple('0')
    for (let depth = 1; depth < 5000; depth += 1) tuple = resultTuple(String(depth), tuple)
    assert.equal(readResultTuple(tuple), undefined)
  })
})
