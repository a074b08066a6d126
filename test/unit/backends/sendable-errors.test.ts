import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { encodeWithErrors } from '../../../src/backends/sendable-errors.ts'
import { EncodeError } from '../../../src/errors.ts'
import { JsonSerializer } from '../../../src/messaging/serialization/json.ts'
import { MsgpackSerializer } from '../../../src/messaging/serialization/msgpack.ts'
import { encodePickle } from '../../../src/messaging/serialization/pickle/pickle.ts'
import { PlainDate } from '../../../src/messaging/serialization/plain-date.ts'

const jsonSerializer = new JsonSerializer()
const msgpackSerializer = new MsgpackSerializer()
const DATE = PlainDate.parse('2024-02-29')

function failed(...args: readonly unknown[]): Record<string, unknown> {
  return { exc_type: 'E', exc_message: args, exc_module: 'm' }
}

function throughJson(value: unknown): unknown {
  return jsonSerializer.decode(encodeWithErrors(value, (each) => jsonSerializer.encode(each)))
}

suite('errors with arguments that the serializer refuses [4-039]', () => {
  test('are stored with texts in their place', () => {
    const result = failed('no', new Map([[1, 2]]), { f: () => 1 }, [new Error('in')])
    const stored = throughJson({ status: 'FAILURE', result, task_id: 'a' })
    const args = ['no', '{1: 2}', "{'f': <function f>}", "[Error('in')]"]
    assert.deepEqual(stored, { status: 'FAILURE', result: failed(...args), task_id: 'a' })
  })

  test('as parts of chords, too', () => {
    assert.deepEqual(throughJson([1, 'a', 'FAILURE', failed(new Set([1]))]), [
      1,
      'a',
      'FAILURE',
      failed('{1}'),
    ])
    assert.deepEqual(throughJson(failed(new Set([1]))), failed('{1}'))
  })

  test('whatever the serializer takes stays', () => {
    assert.deepEqual(throughJson(failed(DATE, new Set([1]))), failed(DATE, '{1}'))
    const packed = msgpackSerializer.decode(
      encodeWithErrors(failed(DATE, 1), (each) => msgpackSerializer.encode(each)),
    )
    assert.deepEqual(packed, failed('datetime.date(2024, 2, 29)', 1))
    assert.ok(
      encodeWithErrors(
        failed(() => 1),
        encodePickle,
      ).length > 0,
    )
  })

  test('values that are no errors are refused as before', () => {
    for (const value of [{ result: new Map() }, new Map(), { result: failed(1), meta: () => 1 }]) {
      assert.throws(() => throughJson(value), EncodeError)
    }
  })
})
