import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  BackendNotConfigured,
  IncompleteStream,
  TaskError,
  TaskRevokedError,
  TimeoutError,
} from '../../../src/errors.ts'
import { AsyncResult } from '../../../src/result/async-result.ts'
import { EagerResult } from '../../../src/result/eager-result.ts'
import { GroupResult } from '../../../src/result/group-result.ts'
import { ResultPromise } from '../../../src/result/result-promise.ts'
import { createTestResults, settle } from './test-results.ts'

suite('a result', () => {
  test('needs an id, and shows it [4-001 4-002]', () => {
    const { context } = createTestResults()
    assert.throws(() => new AsyncResult('', context), /needs the id of a task/)
    const result = new AsyncResult('a', context)
    assert.equal(result.id, 'a')
    assert.equal(result.taskId, 'a')
    assert.equal(String(result), 'a')
    assert.ok(!('then' in result))
  })

  test('of an unknown task is pending and no error [2-174 4-019]', async () => {
    const { context } = createTestResults()
    const result = new AsyncResult('a', context)
    assert.equal(await result.state(), 'PENDING')
    assert.equal(await result.ready(), false)
    assert.equal(await result.result(), null)
    assert.equal(await result.dateDone(), undefined)
    assert.equal(await result.exists(), false)
  })

  test('tells what is stored [4-006 4-007 4-014 2-177 2-178]', async () => {
    const { context, put } = createTestResults()
    await put('ok', 'SUCCESS', 5, { children: [[['child', null], null]] })
    await put('bad', 'FAILURE', new RangeError('no'), { traceback: 'Traceback…' })
    await put('gone', 'REVOKED', new TaskRevokedError('revoked'))
    const ok = new AsyncResult('ok', context)
    assert.deepEqual([await ok.ready(), await ok.successful(), await ok.failed()], [true, true, false])
    assert.equal(await ok.result(), 5)
    assert.equal((await ok.dateDone())?.toISOString(), '2030-01-02T03:04:05.678Z')
    assert.deepEqual((await ok.children())?.map(String), ['child'])
    assert.equal(await ok.exists(), true)
    const bad = new AsyncResult('bad', context)
    assert.deepEqual([await bad.ready(), await bad.successful(), await bad.failed()], [true, false, true])
    assert.ok((await bad.result()) instanceof RangeError)
    assert.equal(await bad.result(), await bad.result())
    assert.equal(await bad.traceback(), 'Traceback…')
    const gone = new AsyncResult('gone', context)
    assert.deepEqual([await gone.ready(), await gone.failed()], [true, false])
  })

  test('tells more with resultExtended [4-008]', async () => {
    const { context, put } = createTestResults()
    await put('plain', 'SUCCESS', 1)
    const plain = new AsyncResult('plain', context)
    assert.deepEqual(
      [await plain.name(), await plain.args(), await plain.worker()],
      [undefined, undefined, undefined],
    )
    await put('more', 'SUCCESS', 1, {
      name: 't.add',
      args: [1],
      kwargs: { y: 2 },
      worker: 'w@h',
      retries: 2,
      queue: 'q',
    })
    const more = new AsyncResult('more', context)
    assert.deepEqual(
      [
        await more.name(),
        await more.args(),
        await more.kwargs(),
        await more.worker(),
        await more.retries(),
        await more.queue(),
      ],
      ['t.add', [1], { y: 2 }, 'w@h', 2, 'q'],
    )
  })

  test('asks once for what does not change any more [4-018]', async () => {
    const { context, backend, put } = createTestResults()
    const result = new AsyncResult('a', context)
    await put('a', 'STARTED', { pid: 1 })
    await result.state()
    await result.state()
    assert.equal(backend.loads.length, 2)
    await put('a', 'SUCCESS', 1)
    await result.state()
    await result.state()
    assert.equal(backend.loads.length, 3)
  })

  test('is forgotten together with its parents [4-010 12-064]', async () => {
    const { context, backend, put } = createTestResults()
    await put('a', 'SUCCESS', 1)
    await put('b', 'SUCCESS', 2)
    const parent = new AsyncResult('a', context)
    const result = new AsyncResult('b', context, { parent })
    assert.equal(await result.get(), 2)
    await result.forget()
    assert.deepEqual([...backend.metas], [])
    assert.equal(await result.state(), 'PENDING')
  })

  test('is plain data, with all before it [4-015 4-016]', () => {
    const { context } = createTestResults()
    const parent = new AsyncResult('a', context)
    const result = new AsyncResult('b', context, { parent })
    assert.deepEqual(result.asTuple(), [['b', [['a', null], null]], null])
    assert.deepEqual(result.asList(), ['b', 'a'])
    assert.equal(JSON.stringify(result), '[["b",[["a",null],null]],null]')
  })
})

suite('get', () => {
  test('gives a value that is there, and one that comes [4-003]', async () => {
    const { context, put } = createTestResults()
    await put('a', 'SUCCESS', 5)
    assert.equal(await new AsyncResult('a', context).get(), 5)
    const later = new AsyncResult('b', context).get()
    await settle()
    await put('b', 'STARTED')
    await put('b', 'SUCCESS', 6)
    assert.equal(await later, 6)
  })

  test('throws the error of the task, or gives it back [4-003 4-009]', async () => {
    const { context, put } = createTestResults()
    await put('a', 'FAILURE', new RangeError('no'))
    const result = new AsyncResult('a', context)
    await assert.rejects(result.get(), RangeError)
    const error: unknown = await result.get({ propagate: false })
    assert.ok(error instanceof RangeError)
    await assert.rejects(result.maybeThrow(), RangeError)
    assert.equal(await result.maybeThrow({ propagate: false }), error)
    await put('r', 'RETRY', new RangeError('again'))
    assert.ok((await new AsyncResult('r', context).maybeThrow()) instanceof RangeError)
  })

  test('gives up after the time limit, and asks for nothing any more [2-188 4-003]', async () => {
    const { context, clock, backend } = createTestResults()
    const waiting = assert.rejects(new AsyncResult('a', context).get({ timeout: 10 }), (error) => {
      return (
        error instanceof TimeoutError &&
        /Waited 10000 ms for the result of task a in vain/.test(error.message)
      )
    })
    await settle()
    await clock.advance(10_000)
    await waiting
    await clock.advance(100)
    assert.deepEqual(backend.subscriptions, ['+a', '-a'])
    assert.equal(clock.pending, 0)
  })

  test('that fails before the first look has ended leaves nothing behind [4-003]', async () => {
    const { context, backend, clock, put } = createTestResults()
    const look = Promise.withResolvers<void>()
    backend.gate = look.promise
    const told: string[] = []
    const waiting = new AsyncResult('a', context).get({ onMessage: ({ status }) => told.push(status) })
    const failed = assert.rejects(waiting, RangeError)
    await settle()
    assert.deepEqual(backend.loads, [['a']])
    await put('a', 'FAILURE', new RangeError('no'))
    await failed
    look.resolve()
    await settle()
    await clock.advance(100)
    assert.deepEqual(backend.subscriptions, ['+a', '-a'])
    assert.deepEqual(told, ['FAILURE'])
    assert.equal(clock.pending, 0)
  })

  test('gives up with a signal', async () => {
    const { context } = createTestResults()
    const stop = new AbortController()
    const waiting = new AsyncResult('a', context).get({ signal: stop.signal })
    await settle()
    stop.abort(new RangeError('enough'))
    await assert.rejects(waiting, /enough/)
  })

  test('does not wait for what is not stored [2-088 4-003]', async () => {
    const { context, backend } = createTestResults()
    assert.equal(await new AsyncResult('a', context, { ignored: true }).get(), undefined)
    assert.deepEqual(backend.loads, [])
  })

  test('tells of every state it sees, and of the value [4-003 4-005]', async () => {
    const { context, put } = createTestResults()
    const states: string[] = []
    const values: unknown[] = []
    const waiting = new AsyncResult('a', context).get({
      onMessage: (meta) => states.push(meta.status),
      callback: (id, value) => values.push(id, value),
    })
    await settle()
    await put('a', 'PROGRESS', { done: 1 })
    await put('a', 'SUCCESS', 2)
    assert.equal(await waiting, 2)
    assert.deepEqual(states, ['PROGRESS', 'SUCCESS'])
    assert.deepEqual(values, ['a', 2])
  })

  test('throws the error of an earlier task of the chain, unless told not to [4-003]', async () => {
    const { context, put, clock } = createTestResults()
    const parent = new AsyncResult('a', context)
    const waiting = assert.rejects(new AsyncResult('b', context, { parent }).get(), RangeError)
    await settle()
    await put('a', 'FAILURE', new RangeError('no'))
    await waiting
    const patient = assert.rejects(
      new AsyncResult('b', context, { parent }).get({ followParents: false, timeout: 1 }),
      TimeoutError,
    )
    await settle()
    await clock.advance(1000)
    await patient
  })

  test('inside a task is refused [4-004]', async () => {
    const { context } = createTestResults({ joinDenied: true })
    await assert.rejects(new AsyncResult('a', context).get(), TaskError)
  })

  test('without a backend says what to do [4-058]', async () => {
    const { context } = createTestResults({ open: undefined })
    await assert.rejects(new AsyncResult('a', context).get(), (error) => {
      return error instanceof BackendNotConfigured && /set resultBackend/.test(error.message)
    })
  })
})

suite('the tree of results', () => {
  test('is walked breadth first [4-013]', async () => {
    const { context, put } = createTestResults()
    await put('root', 'SUCCESS', 0, {
      children: [
        [['a', null], null],
        [['b', null], null],
      ],
    })
    await put('a', 'SUCCESS', 1, { children: [[['c', null], null]] })
    await put('b', 'SUCCESS', 2)
    await put('c', 'SUCCESS', 3)
    const result = new AsyncResult('root', context)
    const values: unknown[] = []
    for await (const [node, value] of result.collect({ intermediate: true, timeout: 5 }))
      values.push([node.id, value])
    assert.deepEqual(values, [
      ['root', 0],
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ])
    assert.equal(await result.getLeaf(), 3)
  })

  test('that is not complete says so, unless that is all right [4-013]', async () => {
    const { context } = createTestResults()
    const result = new AsyncResult('root', context)
    const walk = async (intermediate: boolean): Promise<number> => {
      let nodes = 0
      for await (const _ of result.iterdeps({ intermediate })) nodes += 1
      return nodes
    }
    await assert.rejects(walk(false), IncompleteStream)
    assert.equal(await walk(true), 1)
  })
})

test('an eager result is there from the start [4-028]', async () => {
  const { context, backend } = createTestResults()
  const ok = new EagerResult({ id: 'a', state: 'SUCCESS', value: 5, name: 't.add' }, context)
  assert.equal(await ok.get(), 5)
  assert.deepEqual([await ok.ready(), await ok.successful(), await ok.name()], [true, true, 't.add'])
  await ok.forget()
  assert.equal(await ok.get(), 5)
  const error = new RangeError('no')
  const bad = new EagerResult({ id: 'b', state: 'FAILURE', value: error, traceback: 'T' }, context)
  await assert.rejects(bad.get(), error)
  assert.equal(await bad.get({ propagate: false }), error)
  assert.equal(await bad.traceback(), 'T')
  assert.deepEqual(backend.loads, [])
})

suite('the promise of a result', () => {
  test('is one of the object, with the value within reach [2-111]', async () => {
    const { context, put } = createTestResults()
    await put('a', 'SUCCESS', 5)
    const promise = new ResultPromise('a', Promise.resolve(new AsyncResult<number>('a', context)))
    assert.equal(promise.id, 'a')
    assert.ok((await promise) instanceof AsyncResult)
    assert.equal(await promise.get(), 5)
    assert.equal(await promise.finally(() => undefined).then((result) => result.id), 'a')
  })

  test('that fails, fails in every way', async () => {
    const promise = new ResultPromise<number>('a', Promise.reject(new RangeError('no')))
    await assert.rejects(promise.get(), RangeError)
    assert.equal(await promise.catch((error) => String(error)), 'RangeError: no')
    assert.ok(!(promise instanceof GroupResult))
  })
})
