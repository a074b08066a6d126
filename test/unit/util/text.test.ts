import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closest, dedent, didYouMean, pluralise } from '../../../src/util/text.ts'

test('closest finds what was meant, or nothing', () => {
  const names = ['taskSerializer', 'resultSerializer', 'brokerUrl', 'beatSchedule']
  assert.equal(closest('taskSerialiser', names), 'taskSerializer')
  assert.equal(closest('brokerurl', names), 'brokerUrl')
  assert.equal(closest('borkerUrl', names), 'brokerUrl')
  assert.equal(closest('workerPool', names), undefined)
  assert.equal(closest('ab', ['ba', 'xyz']), 'ba')
})

test('didYouMean is a suffix for messages', () => {
  assert.equal(didYouMean('brokerUlr', ['brokerUrl']), ' (did you mean "brokerUrl"?)')
  assert.equal(didYouMean('x', ['brokerUrl']), '')
})

test('pluralise', () => {
  assert.equal(pluralise(1, 'task'), '1 task')
  assert.equal(pluralise(0, 'task'), '0 tasks')
  assert.equal(pluralise(2, 'query', 'queries'), '2 queries')
})

test('dedent takes off what all lines share', () => {
  const text = `
    first
      second

    third
  `
  assert.equal(dedent(text), 'first\n  second\n\nthird')
})
