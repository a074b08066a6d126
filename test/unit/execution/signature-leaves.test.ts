import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  errbacksOf,
  leavesOf,
  requestOfSignature,
  resultIdOf,
} from '../../../src/execution/signature-leaves.ts'
import type { SignatureData } from '../../../src/protocol/signature.ts'

function task(id: string | undefined, options: Record<string, unknown> = {}): SignatureData {
  return of(null, {}, id === undefined ? options : { task_id: id, ...options })
}

function of(
  type: string | null,
  kwargs: Record<string, unknown>,
  options: Record<string, unknown> = {},
): SignatureData {
  return { task: type ?? 't', args: [], kwargs, options, subtask_type: type, immutable: false }
}

function ids(signature: SignatureData): unknown[] {
  return leavesOf(signature).map(({ options }) => options['task_id'])
}

suite('results that somebody may wait for', () => {
  test('of a task its own, if it has an id', () => {
    assert.deepEqual(ids(task('a')), ['a'])
    assert.deepEqual(ids(task(undefined)), [])
    assert.deepEqual(ids(task(undefined, { task_id: null })), [])
  })

  test('of a chain those of its tasks; of two with one id the one in a chord', () => {
    const chord = task('body')
    const last = task('b', { chord })
    const chain = of('chain', { tasks: [task('a'), last] }, { task_id: 'b' })
    assert.deepEqual(ids(chain), ['b', 'a'])
    assert.deepEqual(leavesOf(chain)[0], last)
    const outer = of('chain', { tasks: [task('a'), task('b')] }, { task_id: 'b', chord })
    assert.equal(leavesOf(outer)[0], outer)
  })

  test('of a group those of its tasks and its own', () => {
    const inner = of('group', { tasks: [task('c')] })
    assert.deepEqual(ids(of('group', { tasks: [task('a'), task('b'), inner] }, { task_id: 'g' })), [
      'g',
      'a',
      'b',
      'c',
    ])
  })

  test('of a chord those of its body alone', () => {
    const header = of('group', { tasks: [task('a')] })
    assert.deepEqual(ids(of('chord', { header, body: task('body') })), ['body'])
    assert.deepEqual(ids(of('chord', { header })), [])
  })

  test('however deep they lie', () => {
    let chain = of('chain', { tasks: [task('0')] })
    for (let depth = 1; depth < 20_000; depth += 1) chain = of('chain', { tasks: [chain] })
    assert.deepEqual(ids(chain), ['0'])
  })
})

test('the id of the result', () => {
  assert.equal(resultIdOf(task('a')), 'a')
  assert.equal(resultIdOf(of('chain', { tasks: [task('a'), task('b')] })), 'b')
  assert.equal(resultIdOf(of('chord', { header: task('a'), body: task('b') })), 'b')
  assert.equal(resultIdOf(of('group', { tasks: [task('a')] })), undefined)
  assert.equal(resultIdOf(of('group', { tasks: [task('a')] }, { task_id: 'g' })), 'g')
})

test('errbacks of a chain: its own and those of the task that would run first', () => {
  const [one, two, three] = [task('1'), task('2'), task('3')]
  const chain = of(
    'chain',
    { tasks: [task('a', { link_error: [one] }), task('b', { link_error: [two] })] },
    { link_error: three },
  )
  assert.deepEqual(
    errbacksOf(chain).map(({ options }) => options['task_id']),
    ['3', '1'],
  )
  assert.deepEqual(errbacksOf(of('group', { tasks: [task('a', { link_error: [one] })] })), [])
})

test('a request of a signature knows what results and chords need', () => {
  const chord = task('body')
  const request = requestOfSignature(
    task('a', { group_id: 'g', group_index: 2, parent_id: 'p', root_id: null, chord, reply_to: 'q' }),
  )
  const { id, group, groupIndex, parentId, rootId, replyTo } = request
  assert.deepEqual(
    { id, group, groupIndex, parentId, rootId, replyTo },
    { id: 'a', group: 'g', groupIndex: 2, parentId: 'p', rootId: 'a', replyTo: 'q' },
  )
  assert.deepEqual(request.chord, chord)
})
