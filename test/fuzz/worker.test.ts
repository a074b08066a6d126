/** The short form of `npm run fuzz`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bombs } from './bombs.ts'
import { fuzzWorker } from './fuzz-worker.ts'
import { hostileMessages } from './hostile-messages.ts'

const COUNT = 2000

test('a worker survives every message, and every message is accounted for [5-021, 5-026..5-028]', async () => {
  const { lost, twice, faults, buried, executed, expired, returned } = await fuzzWorker({
    messages: hostileMessages(1, COUNT),
  })
  assert.deepEqual(faults, [])
  assert.deepEqual(lost, [])
  assert.deepEqual(twice, [])
  assert.equal(executed + buried + expired + returned, COUNT)
  assert.ok(executed > COUNT / 10 && buried > COUNT / 10, `${executed} executed, ${buried} buried`)
  assert.equal(Reflect.get({}, 'polluted'), undefined)
})

test('bodies that grow without bounds are refused and kept', async () => {
  const messages = [...bombs()]
  const { buried, executed, lost, faults } = await fuzzWorker({ messages })
  assert.deepEqual([lost, faults, executed, buried], [[], [], 0, messages.length])
})
