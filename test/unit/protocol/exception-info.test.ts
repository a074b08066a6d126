import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { runInNewContext } from 'node:vm'
import * as errors from '../../../src/errors.ts'
import { ErrorClasses } from '../../../src/protocol/error-classes.ts'
import { describeException, exceptionRepr, readException } from '../../../src/protocol/exception-info.ts'

class PaymentError extends Error {
  readonly amount: number
  constructor(amount: number, message = '') {
    super(message)
    this.amount = amount
  }
}

class PaymentErrorOfText extends Error {}

function named(error: Error, name: string): Error {
  error.name = name
  return error
}

suite('an error is stored as name, arguments and module of its class [4-039 2-190]', () => {
  class Named extends Error {
    override readonly name = 'app.Named'
  }
  const rows: readonly (readonly [string, unknown, string, unknown, string])[] = [
    ['Error', new Error('boom'), 'Error', ['boom'], 'javascript'],
    ['no message', new Error(), 'Error', [], 'javascript'],
    ['RangeError', new RangeError('far'), 'RangeError', ['far'], 'javascript'],
    ['TypeError is also Python’s', new TypeError('t'), 'TypeError', ['t'], 'builtins'],
    ['of another realm', runInNewContext("new TypeError('t')"), 'TypeError', ['t'], 'builtins'],
    ['a class of the user', new PaymentError(3, 'no'), 'PaymentError', ['no'], 'javascript'],
    ['one that names itself', new Named('n'), 'app.Named', ['n'], 'javascript'],
    ['one that was given a name', named(new Error('n'), 'Conflict'), 'Conflict', ['n'], 'javascript'],
    [
      'one that was given one of Python’s',
      named(new Error('n'), 'TypeError'),
      'TypeError',
      ['n'],
      'builtins',
    ],
    ['one of Celery', new errors.NotRegistered('t'), 'NotRegistered', ['t'], 'celery.exceptions'],
    [
      'one of billiard',
      new errors.SoftTimeLimitExceeded(),
      'SoftTimeLimitExceeded',
      [],
      'billiard.exceptions',
    ],
    ['one of kombu', new errors.EncodeError('e'), 'EncodeError', ['e'], 'kombu.exceptions'],
    [
      'one of the platform',
      AbortSignal.abort().reason,
      'AbortError',
      ['This operation was aborted'],
      'javascript',
    ],
    ['one from elsewhere', new errors.RemoteError('A.B', 'app', ['x', 1]), 'A.B', ['x', 1], 'app'],
    ['a text', 'boom', 'Error', ['boom'], 'javascript'],
    ['an object', { code: 1 }, 'Error', ["{'code': 1}"], 'javascript'],
    ['undefined', undefined, 'Error', ['None'], 'javascript'],
  ]
  for (const [name, thrown, type, message, module] of rows) {
    test(name, () => {
      const triple = describeException(thrown)
      assert.deepEqual(triple, { exc_type: type, exc_message: message, exc_module: module })
    })
  }
})

suite('an error comes back [2-195 4-040]', () => {
  for (const error of [
    new Error('boom'),
    new Error(),
    new RangeError('far'),
    new TypeError('t'),
    new errors.ChordError('Dependency 1 raised'),
    new errors.MaxRetriesExceededError("Can't retry"),
    new errors.WorkerLostError('gone'),
    new errors.ContentDisallowed('no pickle'),
    new errors.OperationalError('down'),
    new errors.InvalidArguments('x'),
    new errors.RemoteError('ValidationError', 'app.errors', ['a', 1, null]),
  ]) {
    test(`as the class it was: ${error.name}`, () => {
      const back = readException(structuredClone(describeException(error)))
      assert.equal(back.constructor, error.constructor)
      assert.equal(back.name, error.name)
      assert.equal(back.message, error.message)
    })
  }

  test('unknown classes under their own name, their text cut into no code', () => {
    const back = readException({ exc_type: 'ValueError', exc_message: ['bad', 42], exc_module: 'builtins' })
    assert.ok(back instanceof errors.RemoteError)
    assert.equal(back.name, 'ValueError')
    assert.equal(back.module, 'builtins')
    assert.deepEqual(back.args, ['bad', 42])
    assert.equal(back.message, 'bad, 42')
  })

  test('names that lead to no class of errors lead nowhere', () => {
    for (const [type, module] of [
      ['system', 'os'],
      ['constructor', '__proto__'],
      ['exec', 'child_process'],
      ['Function', 'javascript'],
    ] as const) {
      const back = readException({ exc_type: type, exc_message: ['rm'], exc_module: module })
      assert.ok(back instanceof errors.RemoteError, type)
      assert.equal(back.name, type)
    }
  })

  test('the message may be a text, a number, or missing [12-027]', () => {
    assert.equal(readException({ exc_type: 'E', exc_message: 'text', exc_module: 'm' }).message, 'text')
    assert.equal(readException({ exc_type: 'E', exc_module: 'm' }).message, '')
    const limit = readException({
      exc_type: 'TimeLimitExceeded',
      exc_message: [0.7],
      exc_module: 'billiard.exceptions',
    })
    assert.ok(limit instanceof errors.TimeLimitExceeded)
    assert.equal(limit.message, 'TimeLimitExceeded(0.7)')
    assert.equal(limit.limit, 0.7)
    assert.deepEqual(describeException(limit).exc_message, [0.7])
  })

  test('what pickle could not take', () => {
    const back = readException({
      exc_type: 'UnpickleableExceptionWrapper',
      exc_message: ['app', 'OddError', ['cannot carry it', '<Odd>'], "OddError('cannot carry it', <Odd>)"],
      exc_module: 'celery.utils.serialization',
    })
    assert.equal(back.name, 'OddError')
    assert.equal(back.message, 'cannot carry it, <Odd>')
  })

  for (const value of [undefined, null, 'boom', 7, [], {}, { exc_type: 3 }]) {
    test(`out of rubbish: ${JSON.stringify(value)}`, () => {
      const back = readException(value)
      assert.ok(back instanceof errors.RemoteError)
      assert.equal(back.name, 'Exception')
    })
  }

  test('errors in memory stay what they are', () => {
    const error = new PaymentError(1)
    assert.equal(readException(error), error)
  })
})

suite('registered classes', () => {
  const classes = new ErrorClasses()
  classes.register(PaymentErrorOfText)
  classes.register(errors.InvalidArguments, { type: 'ValidationError', module: 'app.errors' })

  test('come back as what they were', () => {
    const triple = describeException(new PaymentErrorOfText('no money'), classes)
    assert.deepEqual(triple, {
      exc_type: 'PaymentErrorOfText',
      exc_message: ['no money'],
      exc_module: 'javascript',
    })
    const back = readException(triple, classes)
    assert.ok(back instanceof PaymentErrorOfText)
    assert.equal(back.message, 'no money')
  })

  test('may have a name in Python', () => {
    const triple = describeException(new errors.InvalidArguments('x'), classes)
    assert.equal(triple.exc_module, 'app.errors')
    assert.ok(readException(triple, classes) instanceof errors.InvalidArguments)
  })

  test('may have arguments of their own', () => {
    const own = new ErrorClasses()
    own.register(PaymentErrorOfText, {
      toArgs: (error) => [error.message, 3],
      fromArgs: ([message, amount]) => new PaymentError(Number(amount), String(message)),
    })
    const triple = describeException(new PaymentErrorOfText('no'), own)
    assert.deepEqual(triple.exc_message, ['no', 3])
    const back = readException(triple, own)
    assert.ok(back instanceof PaymentError)
    assert.equal(back.amount, 3)
  })

  test('send whole numbers of any size, and nothing as null', () => {
    const own = new ErrorClasses()
    own.register(PaymentErrorOfText, { toArgs: () => [2n ** 70n, { of: 2n ** 60n }, undefined] })
    const { exc_message: args } = describeException(new PaymentErrorOfText('no'), own)
    assert.deepEqual(args, [2n ** 70n, { of: 2n ** 60n }, null])
  })

  test('whose own code fails, do no harm', () => {
    const broken = new ErrorClasses()
    const fail = (): never => {
      throw new Error('in the user’s code')
    }
    broken.register(PaymentErrorOfText, { toArgs: fail, fromArgs: fail })
    const triple = describeException(new PaymentErrorOfText('no'), broken)
    assert.deepEqual(triple.exc_message, ['no'])
    assert.ok(readException(triple, broken) instanceof errors.RemoteError)
  })
})

suite('hostile errors', () => {
  const trap = new Proxy(new Error('x'), {
    get: () => {
      throw new Error('get')
    },
    getPrototypeOf: () => {
      throw new Error('prototype')
    },
  })
  const getters = Object.defineProperties(new Error('x'), {
    name: {
      get: () => {
        throw new Error('name')
      },
    },
    message: {
      get: () => {
        throw new Error('message')
      },
    },
  })
  const circular: unknown[] = []
  circular.push(circular)
  for (const [name, thrown] of [
    ['a proxy that throws', trap],
    ['getters that throw', getters],
    ['a function', () => undefined],
    ['a symbol', Symbol('s')],
    ['a circle', circular],
    ['no prototype', Object.create(null)],
    ['arguments that no serializer takes', new errors.RemoteError('E', 'm', ['x', Symbol.iterator])],
  ] as const) {
    test(name, () => {
      const triple = describeException(thrown)
      assert.equal(typeof triple.exc_type, 'string')
      assert.doesNotThrow(() => JSON.stringify(triple))
      assert.ok(exceptionRepr(thrown).endsWith(')'))
      assert.ok(readException(triple) instanceof Error)
    })
  }

  test('huge and broken texts', () => {
    const [message] = [describeException(new Error(`${'x'.repeat(300_000)}`)).exc_message].flat()
    assert.ok(typeof message === 'string' && message.length < 101_000)
    assert.deepEqual(describeException(new Error('a\ud800')).exc_message, ['a\ufffd'])
    assert.ok(readException({ exc_type: 'E'.repeat(10_000), exc_module: 'm' }).name.length < 300)
  })
})

test('errors look as in Python [10-005]', () => {
  assert.equal(
    exceptionRepr(new errors.RemoteError('GoldenError', 'm', ['it broke', 42])),
    "GoldenError('it broke', 42)",
  )
  assert.equal(exceptionRepr(new RangeError("it's")), 'RangeError("it\'s")')
  assert.equal(exceptionRepr(new Error()), 'Error()')
})
