import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { readCallFields, readProperties } from '../../../src/routing/call-fields.ts'
import { intervalPolicy } from '../../../src/routing/publish-retry.ts'
import { createTestApp } from '../app/test-app.ts'

const NOW = Date.UTC(2030, 0, 2, 3, 4, 5, 678)

suite('the options of a call', () => {
  test('say when it may run: countdown before eta, zero says nothing [3-003 3-004 11-009]', () => {
    const eta = new Date('2031-01-01T00:00:00Z')
    assert.deepEqual(readCallFields({ countdown: 10, eta }, NOW).eta, new Date(NOW + 10_000))
    assert.equal(readCallFields({ countdown: 0, eta }, NOW).eta, eta)
    assert.equal(readCallFields({ eta: '2030-01-02T04:00:00' }, NOW).eta, '2030-01-02T04:00:00')
    assert.equal(readCallFields({ eta: null, countdown: null }, NOW).eta, undefined)
    assert.throws(() => readCallFields({ countdown: -2147483649 }, NOW), /countdown is out of range/)
    assert.throws(() => readCallFields({ eta: 'tomorrow' }, NOW), RangeError)
    assert.throws(() => readCallFields({ eta: new Date('nonsense') }, NOW), /eta is an invalid Date/)
    assert.throws(() => readCallFields({ eta: 5 }, NOW), /eta must be a Date or an ISO 8601 text/)
  })

  test('say until when it is of use [3-005]', () => {
    assert.deepEqual(readCallFields({ expires: 1.5 }, NOW).expires, new Date(NOW + 1500))
    assert.deepEqual(readCallFields({ expires: 0 }, NOW).expires, new Date(NOW))
    assert.equal(
      readCallFields({ expires: '2030-01-02T03:05:00+00:00' }, NOW).expires,
      '2030-01-02T03:05:00+00:00',
    )
    assert.equal(readCallFields({}, NOW).expires, undefined)
  })

  test('place it in a workflow, in signatures or their data [3-018 3-023]', () => {
    const add = createTestApp().task('t.add', (x: number) => x)
    const data = add.s(1).toJSON()
    const fields = readCallFields(
      { link: add.s(1), link_error: [data, add.s(1)], chain: [], chord: data },
      NOW,
    )
    assert.deepEqual(fields.callbacks, [data])
    assert.deepEqual(fields.errbacks, [data, data])
    assert.deepEqual(fields.chain, [])
    assert.deepEqual(fields.chord, data)
    assert.throws(() => readCallFields({ link: 'add' }, NOW), /link must be a signature/)
  })

  test('carry stamps [3-023]', () => {
    const fields = readCallFields({ stamped_headers: ['a', 'b'], a: 1, b: ['x'] }, NOW)
    assert.deepEqual(fields.stamps, { a: 1, b: ['x'] })
    assert.deepEqual(readProperties({ stamped_headers: ['a'], a: 1 }), {})
  })

  test('of the wrong type name themselves', () => {
    assert.throws(() => readCallFields({ shadow: 5 }, NOW), /shadow must be a text, not number/)
    assert.throws(() => readCallFields({ headers: [] }, NOW), /headers must be an object/)
  })
})

suite('properties of the message', () => {
  test('are AMQP’s and any others [3-027]', () => {
    assert.deepEqual(
      readProperties({ message_id: 'm', app_id: 'a', MessageGroupId: 'g', queue: 'q', countdown: 1 }),
      {
        messageId: 'm',
        appId: 'a',
        extra: { MessageGroupId: 'g' },
      },
    )
  })

  test('a priority is a whole number from 0 to 255 [3-010]', () => {
    assert.deepEqual(readProperties({ priority: 0 }), { priority: 0 })
    assert.deepEqual(readProperties({ priority: 255 }), { priority: 255 })
    for (const priority of [-1, 256, 1.5, Number.NaN]) {
      assert.throws(() => readProperties({ priority }), /priority must be a whole number from 0 to 255/)
    }
  })
})

test('the retry policy is kombu’s, in either spelling [3-007]', () => {
  assert.deepEqual(intervalPolicy({}), { start: 0, step: 200, max: 1000, maxRetries: 3 })
  assert.deepEqual(
    intervalPolicy({ max_retries: 5, interval_start: 1, interval_step: 0.5, interval_max: 3 }),
    { start: 1000, step: 500, max: 3000, maxRetries: 5 },
  )
  assert.deepEqual(intervalPolicy({ maxRetries: null, intervalMax: 2 }), {
    start: 0,
    step: 200,
    max: 2000,
    maxRetries: undefined,
  })
})
