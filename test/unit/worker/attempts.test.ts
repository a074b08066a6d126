import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Attempts } from '../../../src/worker/attempts.ts'
import type { ObservedTask } from '../../../src/worker/task-observer.ts'

function setUp() {
  const attempts = new Attempts()
  const told: string[] = []
  /** An attempt of one and the same task. */
  const attempt = (): ObservedTask & { running: boolean } => {
    const subject: ObservedTask['subject'] = Object.create(null)
    return { id: 'id', name: 't', subject, running: true }
  }
  const tell = (task: ObservedTask, what: string): void => attempts.tell(task, () => void told.push(what))
  return { attempts, told, attempt, tell }
}

test('the next attempt is told of when the one before has ended, however quick it is [5-066]', () => {
  const { attempts, told, attempt, tell } = setUp()
  const [first, second, third] = [attempt(), attempt(), attempt()]
  attempts.began(first)
  tell(first, 'started 1')
  tell(second, 'received 2')
  attempts.began(second)
  tell(second, 'started 2')
  assert.deepEqual(told, ['started 1'])
  tell(first, 'retried 1')
  attempts.ended(first)
  assert.deepEqual(told, ['started 1', 'retried 1', 'received 2', 'started 2'])
  tell(third, 'received 3')
  attempts.began(third)
  tell(third, 'succeeded 3')
  attempts.ended(third)
  assert.equal(told.length, 4)
  tell(second, 'retried 2')
  attempts.ended(second)
  assert.deepEqual(told.slice(4), ['retried 2', 'received 3', 'succeeded 3'])
})

test('an attempt that ended without a word holds nobody up [5-066]', () => {
  const { attempts, told, attempt, tell } = setUp()
  const [first, second] = [attempt(), attempt()]
  attempts.began(first)
  tell(second, 'received 2')
  first.running = false
  tell(second, 'started 2')
  assert.deepEqual(told, ['received 2', 'started 2'])
})
