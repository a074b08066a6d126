import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidTaskError } from '../../../src/errors.ts'
import { isSignatureData, readSignature, readSignatures } from '../../../src/protocol/signature.ts'

test('what is missing gets its default, what is unknown stays', () => {
  assert.deepEqual(readSignature({ task: 't', chord_size: 3, kwargs: null }, 'x'), {
    task: 't',
    args: [],
    kwargs: {},
    options: {},
    subtask_type: null,
    immutable: false,
    chord_size: 3,
  })
})

test('one signature stands for a list of it, none for the empty list', () => {
  assert.deepEqual(readSignatures(undefined, 'x'), [])
  assert.deepEqual(readSignatures(null, 'x'), [])
  assert.deepEqual(
    readSignatures({ task: 't' }, 'x').map(({ task }) => task),
    ['t'],
  )
})

for (const [name, value, message] of [
  ['text', 'add', /^callbacks\[0\]: a signature must be an object/],
  ['a list', [], /^callbacks\[0\]: a signature must be/],
  ['without task', { args: [] }, /^callbacks\[0\]: a signature must be/],
  ['args no list', { task: 't', args: {} }, /'args' of the signature of t must be a list/],
  ['kwargs no object', { task: 't', kwargs: [] }, /'kwargs' of the signature of t must be an object/],
  ['options no object', { task: 't', options: 3 }, /'options' of the signature of t must be an object/],
  ['type no text', { task: 't', subtask_type: 3 }, /'subtask_type' of the signature of t must be text/],
] as const) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => readSignatures([value], 'callbacks'),
      (error) => error instanceof InvalidTaskError && message.test(error.message),
    )
  })
}

test('what looks like a signature', () => {
  assert.ok(isSignatureData({ task: 't', args: [] }))
  assert.ok(!isSignatureData({ task: 't' }))
  assert.ok(!isSignatureData({ args: [] }))
  assert.ok(!isSignatureData(null))
})
