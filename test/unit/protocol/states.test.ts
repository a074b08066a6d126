import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ABORTED,
  ALL_STATES,
  compareStates,
  EXCEPTION_STATES,
  PROPAGATE_STATES,
  precedence,
  READY_STATES,
  UNREADY_STATES,
} from '../../../src/protocol/states.ts'

test('states from the highest to the lowest [2-174 2-175 2-176 2-177 2-178 2-179 2-180 2-182 2-183 2-185]', () => {
  const states = [
    'PENDING',
    'RETRY',
    'REJECTED',
    'RECEIVED',
    'STARTED',
    'REVOKED',
    'PROGRESS',
    'FAILURE',
    'SUCCESS',
  ]
  assert.deepEqual(states.toReversed().toSorted(compareStates), states)
  assert.ok(compareStates('PROGRESS', 'STARTED') > 0)
  assert.ok(compareStates('PROGRESS', 'SUCCESS') < 0)
  assert.equal(compareStates('PROGRESS', ABORTED), 0)
  assert.equal(precedence('toString'), precedence('PROGRESS'))
})

test('sets of states [2-184]', () => {
  assert.deepEqual([...READY_STATES], ['SUCCESS', 'FAILURE', 'REVOKED'])
  assert.deepEqual([...UNREADY_STATES].sort(), ['PENDING', 'RECEIVED', 'REJECTED', 'RETRY', 'STARTED'])
  assert.deepEqual([...EXCEPTION_STATES].sort(), ['FAILURE', 'RETRY', 'REVOKED'])
  assert.deepEqual([...PROPAGATE_STATES].sort(), ['FAILURE', 'REVOKED'])
  assert.ok(!ALL_STATES.has('REJECTED'))
  assert.equal(ALL_STATES.size, 7)
})
