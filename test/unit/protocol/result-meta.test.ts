import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { BackendGetMetaError } from '../../../src/errors.ts'
import type { ResultParts } from '../../../src/protocol/result-meta.ts'
import { buildResultMeta, pendingMeta, readResultMeta } from '../../../src/protocol/result-meta.ts'

const now = Date.parse('2030-01-02T03:04:05.678Z')
const base: ResultParts = { id: 'i', state: 'SUCCESS', result: 5, now }
const extended = { name: 't', args: [1], kwargs: {}, worker: 'w@h', retries: 0, queue: 'celery' }

suite('buildResultMeta', () => {
  test('children are null without a request, date_done only in final states [4-034 4-035 12-029]', () => {
    assert.equal(buildResultMeta(base).children, null)
    assert.deepEqual(buildResultMeta({ ...base, request: { children: [] } }).children, [])
    assert.equal(buildResultMeta(base).date_done, '2030-01-02T03:04:05.678000+00:00')
    for (const state of ['STARTED', 'RETRY', 'PROGRESS']) {
      assert.equal(buildResultMeta({ ...base, state }).date_done, null)
    }
  })

  test('group and parent are there only when there are any [4-036]', () => {
    const meta = buildResultMeta({ ...base, request: { groupId: 'g', children: [] } })
    assert.equal(meta.group_id, 'g')
    assert.ok(!('parent_id' in meta))
    assert.ok(!('group_id' in buildResultMeta({ ...base, request: { children: [] } })))
  })

  test('stamps never pass for the document itself [4-037]', () => {
    const meta = buildResultMeta({
      ...base,
      request: {
        children: [],
        extended: { ...extended, stampedHeaders: ['status', 's'], stamps: { status: 'FAILURE', s: ['v'] } },
      },
    })
    assert.equal(meta.status, 'SUCCESS')
    assert.deepEqual(meta['s'], ['v'])
    assert.deepEqual(meta.stamped_headers, ['status', 's'])
  })
})

suite('readResultMeta', () => {
  test('what it built', () => {
    const meta = buildResultMeta({
      ...base,
      request: { groupId: 'g', parentId: 'p', children: [], extended },
    })
    assert.deepEqual(readResultMeta(structuredClone(meta)), meta)
  })

  test('a scarce document', () => {
    assert.deepEqual(readResultMeta({ status: 'PROGRESS' }, 'i'), { ...pendingMeta('i'), status: 'PROGRESS' })
    assert.equal(pendingMeta('i').status, 'PENDING')
  })

  test('dates may come as dates', () => {
    const meta = readResultMeta({ status: 'SUCCESS', task_id: 'i', date_done: new Date(now) })
    assert.equal(meta.date_done, '2030-01-02T03:04:05.678000+00:00')
  })

  test('fields of the wrong type are dropped', () => {
    const meta = readResultMeta({
      status: 'SUCCESS',
      task_id: 'i',
      group_id: 5,
      retries: 'x',
      stamped_headers: 3,
      traceback: {},
      children: 'none',
      queue: null,
    })
    assert.deepEqual(meta, { ...pendingMeta('i'), status: 'SUCCESS' })
  })

  for (const value of [undefined, null, 'text', [], {}, { status: 3, task_id: 'i' }, { status: 'SUCCESS' }]) {
    test(`unreadable: ${JSON.stringify(value)}`, () => {
      assert.throws(() => readResultMeta(value), BackendGetMetaError)
    })
  }
})
