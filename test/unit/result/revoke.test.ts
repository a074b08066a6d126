import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { AsyncResult } from '../../../src/result/async-result.ts'
import { EagerResult } from '../../../src/result/eager-result.ts'
import { GroupResult } from '../../../src/result/group-result.ts'
import type { ResultContext } from '../../../src/result/ports.ts'
import { createTestResults } from './test-results.ts'

function create(): { readonly context: ResultContext; readonly told: unknown[][] } {
  const told: unknown[][] = []
  const control = {
    revoke: async (...call: unknown[]) => void told.push(['revoke', ...call]),
    revokeByStampedHeaders: async (...call: unknown[]) => void told.push(['stamps', ...call]),
  }
  return { context: { ...createTestResults().context, control }, told }
}

suite('revoking results', () => {
  test('nobody waits, and the command never expires, unless asked [4-011]', async () => {
    const { context, told } = create()
    const result = new AsyncResult('a', context)
    await result.revoke()
    await result.revoke({ terminate: true, signal: 'SIGKILL', wait: true, timeout: 3 })
    await result.revokeByStampedHeaders({ tenant: ['x'] }, { terminate: true })
    const quiet = { terminate: false, signal: null, reply: false, timeout: null }
    assert.deepEqual(told, [
      ['revoke', 'a', quiet],
      ['revoke', 'a', { terminate: true, signal: 'SIGKILL', reply: true, timeout: 3 }],
      ['stamps', { tenant: ['x'] }, { ...quiet, terminate: true }],
    ])
  })

  test('a group sends one command with the ids of all [4-025]', async () => {
    const { context, told } = create()
    const inner = new GroupResult('inner', [new AsyncResult('b', context)], context)
    await new GroupResult('g', [new AsyncResult('a', context), inner], context).revoke()
    await new GroupResult('empty', [], context).revoke()
    assert.deepEqual(told, [
      ['revoke', ['a', 'b'], { terminate: false, signal: null, reply: false, timeout: null }],
    ])
  })

  test('a call that ran in place becomes REVOKED [4-028]', async () => {
    const { context, told } = create()
    const result = new EagerResult({ id: 'a', state: 'SUCCESS', value: 1 }, context)
    await result.revoke()
    assert.equal(await result.state(), 'REVOKED')
    await assert.rejects(result.get(), { name: 'TaskRevokedError', message: 'revoked' })
    assert.deepEqual(told, [])
  })

  test('without an app there is nobody to tell', async () => {
    await assert.rejects(new AsyncResult('a', createTestResults().context).revoke(), /belongs to no app/)
  })
})
