import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { TimeoutError } from '../../../src/errors.ts'
import { AsyncResult } from '../../../src/result/async-result.ts'
import { GroupResult } from '../../../src/result/group-result.ts'
import { resultFromTuple } from '../../../src/result/result-from-tuple.ts'
import { ResultSet } from '../../../src/result/result-set.ts'
import type { TestResults } from './test-results.ts'
import { createTestResults, settle } from './test-results.ts'

function members({ context }: TestResults, ...ids: readonly string[]): AsyncResult[] {
  return ids.map((id) => new AsyncResult(id, context))
}

suite('a set of results', () => {
  test('holds each id once, in order [4-020 4-025]', () => {
    const results = createTestResults()
    const set = new ResultSet(members(results, 'a', 'b', 'a'), results.context)
    assert.deepEqual([...set].map(String), ['a', 'b'])
    set.add(new AsyncResult('b', results.context))
    set.update(members(results, 'c', 'a'))
    assert.equal(set.length, 3)
    set.remove('b')
    assert.throws(() => set.remove('b'), /holds no result "b"/)
    assert.equal(set.discard('b'), false)
    assert.equal(set.discard(new AsyncResult('c', results.context)), true)
    assert.deepEqual(set.results.map(String), ['a'])
    set.clear()
    assert.equal(set.length, 0)
  })

  test('tells how far it is; failures do not count as completed [4-021 12-063]', async () => {
    const results = createTestResults()
    const set = new ResultSet(members(results, 'a', 'b', 'c'), results.context)
    await results.put('a', 'SUCCESS', 1)
    await results.put('b', 'FAILURE', new RangeError('no'))
    const state = async (): Promise<unknown[]> => [
      await set.ready(),
      await set.waiting(),
      await set.successful(),
      await set.failed(),
      await set.completedCount(),
    ]
    assert.deepEqual(await state(), [false, true, false, true, 1])
    await results.put('c', 'SUCCESS', 3)
    assert.deepEqual(await state(), [true, false, false, true, 2])
  })

  test('is read in one trip [4-017 4-053]', async () => {
    const results = createTestResults()
    const set = new ResultSet(members(results, 'a', 'b', 'c'), results.context)
    await set.ready()
    assert.deepEqual(results.backend.loads, [['a', 'b', 'c']])
  })
})

suite('waiting for a set', () => {
  test('gives the values in order, with one subscription [4-022 4-024]', async () => {
    const results = createTestResults()
    const set = new ResultSet<number[]>(members(results, 'a', 'b', 'c'), results.context)
    await results.put('c', 'SUCCESS', 3)
    const waiting = set.get()
    await settle()
    await results.put('b', 'SUCCESS', 2)
    await results.put('a', 'SUCCESS', 1)
    assert.deepEqual(await waiting, [1, 2, 3])
    assert.equal(results.backend.subscriptions[0], '+a,b,c')
    assert.deepEqual(results.backend.loads, [['a', 'b', 'c']])
    assert.deepEqual(await new ResultSet([], results.context).get(), [])
  })

  test('ends with the first failure, or collects errors [4-023]', async () => {
    const results = createTestResults()
    const set = new ResultSet(members(results, 'a', 'b'), results.context)
    const waiting = assert.rejects(set.get(), RangeError)
    await settle()
    await results.put('b', 'FAILURE', new RangeError('no'))
    await waiting
    await results.put('a', 'SUCCESS', 1)
    const [first, second] = await set.get({ propagate: false })
    assert.equal(first, 1)
    assert.ok(second instanceof RangeError)
    await assert.rejects(set.maybeThrow(), RangeError)
  })

  test('shares one time limit [4-023]', async () => {
    const results = createTestResults()
    const set = new ResultSet(members(results, 'a', 'b'), results.context)
    const waiting = assert.rejects(set.join({ timeout: 2 }), TimeoutError)
    await settle()
    await results.clock.advance(1500)
    await results.put('a', 'SUCCESS', 1)
    await results.clock.advance(500)
    await waiting
  })

  test('tells of each as it comes [4-023 4-024]', async () => {
    const results = createTestResults()
    const set = new ResultSet(members(results, 'a', 'b'), results.context)
    const told: unknown[] = []
    const waiting = set.get({ callback: (id, value) => told.push([id, value]) })
    const iterated: unknown[] = []
    const iterating = (async () => {
      for await (const [leaf, value] of set.iterate()) iterated.push([leaf.id, value])
    })()
    await settle()
    await results.put('b', 'SUCCESS', 2)
    await results.put('a', 'SUCCESS', 1)
    await Promise.all([waiting, iterating])
    const asItCame = [
      ['b', 2],
      ['a', 1],
    ]
    assert.deepEqual(told, asItCame)
    assert.deepEqual(iterated, asItCame)
  })

  test('an iteration that is left early leaves nothing behind', async () => {
    const results = createTestResults()
    const set = new ResultSet(members(results, 'a', 'b'), results.context)
    await results.put('a', 'SUCCESS', 1)
    for await (const [leaf] of set.iterate({ timeout: 60 })) {
      assert.equal(leaf.id, 'a')
      break
    }
    await results.clock.advance(100)
    assert.equal(results.clock.pending, 0)
    assert.deepEqual(results.backend.subscriptions, ['+a,b', '-a,b'])
  })
})

suite('a group of results', () => {
  test('is saved, restored and deleted by its id [4-026 4-051]', async () => {
    const results = createTestResults()
    const group = new GroupResult('g', members(results, 'a', 'b'), results.context)
    await group.save()
    const restored = await GroupResult.restore('g', results.context)
    assert.ok(restored instanceof GroupResult)
    assert.deepEqual(restored.results.map(String), ['a', 'b'])
    await group.delete()
    assert.equal(await GroupResult.restore('g', results.context), undefined)
  })

  test('that is empty has succeeded [3-151]', async () => {
    const results = createTestResults()
    const group = new GroupResult('g', [], results.context)
    assert.equal(await group.successful(), true)
    assert.deepEqual(await group.get(), [])
    await group.save()
    assert.ok((await GroupResult.restore('g', results.context)) instanceof GroupResult)
  })

  test('keeps the shape of groups within it [3-153]', async () => {
    const results = createTestResults()
    const inner = new GroupResult('i', members(results, 'b', 'c'), results.context)
    const group = new GroupResult('g', [...members(results, 'a'), inner], results.context)
    for (const [index, id] of ['a', 'b', 'c'].entries()) await results.put(id, 'SUCCESS', index)
    assert.deepEqual(await group.get(), [0, [1, 2]])
    assert.deepEqual((await group.children()).map(String), ['a', 'i'])
  })
})

suite('tuples', () => {
  test('name results and come back as what they were [4-015 4-027 4-029 3-136]', () => {
    const { context } = createTestResults()
    const parent = new AsyncResult('p', context)
    const group = new GroupResult(
      'g',
      [new AsyncResult('a', context), new AsyncResult('b', context)],
      context,
      {
        parent,
      },
    )
    const tuple = group.asTuple()
    assert.deepEqual(tuple, [
      ['g', [['p', null], null]],
      [
        [['a', null], null],
        [['b', null], null],
      ],
    ])
    const back = resultFromTuple(JSON.parse(JSON.stringify(tuple)), context)
    assert.ok(back instanceof GroupResult)
    assert.deepEqual(back.asTuple(), tuple)
    assert.ok(resultFromTuple([['a', null], null], context) instanceof AsyncResult)
    assert.ok(resultFromTuple(['a', null], context) instanceof AsyncResult)
  })

  test('that are none are refused', () => {
    const { context } = createTestResults()
    for (const wrong of [null, {}, [], [[1, null], null], 'a']) {
      assert.throws(() => resultFromTuple(wrong, context), /names no result/)
    }
  })
})
