import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { attachTraceback, formatTraceback, remoteTraceback } from '../../../src/protocol/traceback.ts'

function errorWith(stack: string | undefined, error: Error = new Error('boom')): Error {
  return Object.defineProperty(error, 'stack', { value: stack })
}

suite('formatTraceback', () => {
  test("begins as Python's do, with the innermost frame, and has the whole stack", () => {
    const stack = 'Error: boom\n    at work (file:///app/tasks.ts:12:3)\n    at async file:///app/run.ts:3:1'
    assert.equal(
      formatTraceback(errorWith(stack)),
      'Traceback (most recent call last):\n' +
        '  File "file:///app/tasks.ts", line 12, in work\n' +
        'Error: boom\n' +
        '    at work (file:///app/tasks.ts:12:3)\n' +
        '    at async file:///app/run.ts:3:1\n',
    )
  })

  test('a frame without a function', () => {
    const text = formatTraceback(errorWith('Error: boom\n    at file:///app/run.ts:3:1'))
    assert.match(text, /^ {2}File "file:\/\/\/app\/run\.ts", line 3, in <anonymous>$/m)
  })

  test('there is always a frame: Python clients need one', () => {
    for (const stack of [undefined, '', 'Error: boom']) {
      assert.equal(
        formatTraceback(errorWith(stack)),
        'Traceback (most recent call last):\n  File "<javascript>", line 1, in <anonymous>\nError: boom\n',
      )
    }
  })

  test('frames within the message are none', () => {
    const message = 'odd\n    at money (x:1:2)'
    const text = formatTraceback(errorWith(`Error: ${message}\n    at work (y:3:4)`, new Error(message)))
    assert.match(text, /^ {2}File "y", line 3, in work$/m)
  })

  test('the name is that of the class', () => {
    class PaymentError extends Error {}
    assert.match(formatTraceback(new PaymentError('no')), /^PaymentError: no$/m)
  })

  test('causes follow, and circles end', () => {
    const inner = new TypeError('inner')
    const outer = new Error('outer', { cause: inner })
    inner.cause = outer
    const text = formatTraceback(outer)
    assert.match(text, /^Error: outer$/m)
    assert.match(text, /^Caused by: TypeError: inner$/m)
    assert.match(text, /^Caused by: Error: \(shown already, or too many\)$/m)
  })

  test('so do the errors of an AggregateError, but not thousands', () => {
    const many = new AggregateError(
      Array.from({ length: 5000 }, (_, index) => new Error(`part ${index}`)),
      'all failed',
    )
    const text = formatTraceback(many)
    assert.match(text, /^AggregateError: all failed$/m)
    assert.match(text, /^One of several: Error: part 0$/m)
    assert.ok(text.length < 200_000)
  })

  test('what is no error has none', () => {
    assert.equal(formatTraceback('boom'), '')
    assert.equal(formatTraceback(undefined), '')
  })

  test('a stack that throws', () => {
    const error = Object.defineProperty(new Error('boom'), 'stack', {
      get: () => {
        throw new Error('stack')
      },
    })
    assert.match(formatTraceback(error), /^Error: boom$/m)
  })
})

suite('attachTraceback', () => {
  test('tells where it was thrown', () => {
    const error = attachTraceback(new Error('boom'), 'Traceback …\nValueError: boom\n')
    assert.equal(remoteTraceback(error), 'Traceback …\nValueError: boom\n')
    assert.match(error.stack ?? '', /^Error: boom\n.*\n--- remote traceback ---\nTraceback …\n/s)
    assert.deepEqual(error, new Error('boom'))
  })

  test('nothing to tell', () => {
    const error = new Error('boom')
    assert.equal(attachTraceback(error, null), error)
    assert.ok(!error.stack?.includes('remote'))
    assert.equal(remoteTraceback(error), undefined)
    assert.equal(remoteTraceback('boom'), undefined)
  })

  test('frozen errors stay without', () => {
    const error = Object.freeze(new Error('boom'))
    assert.equal(attachTraceback(error, 'Traceback'), error)
  })
})
