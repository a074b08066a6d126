import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DecodeError } from '../../src/errors.ts'
import { decodePickle, encodePickle } from '../../src/messaging/serialization/pickle/pickle.ts'
import { sameEveryRun } from '../support/seed.ts'

sameEveryRun()

const key = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', 'constructor', ''))
const { value: anything } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.maxSafeInteger(),
    fc.bigInt().filter((big) => !Number.isSafeInteger(Number(big))),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
    fc.date({
      min: new Date('0001-01-01T00:00:00Z'),
      max: new Date('9999-12-31T00:00:00Z'),
      noInvalidDate: true,
    }),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 6 }).map((pairs) => Object.fromEntries(pairs)),
  ),
}))

test('pickle: every value comes back as it was [4-071]', () => {
  fc.assert(
    fc.property(anything, (value) => {
      assert.deepStrictEqual(decodePickle(encodePickle(value)), value)
    }),
    { numRuns: 300 },
  )
})

/** Instructions by themselves, so that programs get further than random bytes would. */
const instruction = fc.oneof(
  fc.constantFrom(...'N(]}).etusabRQq01c2\x81\x85\x86\x87\x88\x8f\x90\x91\x93\x94'),
  fc.constantFrom('K\x07', 'h\x00', 'h\x01', 'q\x00', '\x8c\x04uuid', '\x8c\x04UUID', '\x8c\x08builtins'),
  fc.constantFrom('\x8c\x07getattr', '\x8c\x03int', '\x8c\x08datetime', '\x8c\x08timezone', 'C\x04abcd'),
  fc.constantFrom('\x8c\x0bconstructor', '\x8c\x09__proto__', 'cos\nsystem\n', '\x8a\x02\xff\x7f'),
)

test('pickle: programs and random bytes give a plain value or a DecodeError [4-071]', () => {
  const program = fc
    .array(instruction, { maxLength: 30 })
    .map((parts) => Buffer.from(`\x80\x04${parts.join('')}.`, 'latin1'))
  const mutated = fc.tuple(anything, fc.nat(), fc.nat(255)).map(([value, at, byte]) => {
    const bytes = Buffer.from(encodePickle(value))
    bytes[at % bytes.length] = byte
    return bytes
  })
  fc.assert(
    fc.property(fc.oneof(program, mutated, fc.uint8Array({ maxLength: 64 })), (bytes) => {
      let value: unknown
      try {
        value = decodePickle(bytes)
      } catch (error) {
        assert.ok(error instanceof DecodeError, String(error))
        return
      }
      assert.notEqual(typeof value, 'function')
      assert.equal(({} as { polluted?: unknown }).polluted, undefined)
    }),
    { numRuns: 3000 },
  )
})
