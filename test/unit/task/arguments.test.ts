import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { z } from 'zod'
import { InvalidArguments } from '../../../src/errors.ts'
import { bindArguments, checkArguments, readParameters, validateInput } from '../../../src/task/arguments.ts'

const add = readParameters('t.add', ['x', 'y?'], 2)
const unknown = readParameters('t.any', undefined, 2)

suite('arguments by name', () => {
  test('take the places of the declared parameters', () => {
    assert.deepEqual(bindArguments(add, [], { y: 2, x: 1 }), [1, 2])
    assert.deepEqual(bindArguments(add, [1], { y: 2 }), [1, 2])
    assert.deepEqual(bindArguments(add, [1, 2], {}), [1, 2])
  })

  test('are one object at the end when nothing is declared', () => {
    assert.deepEqual(bindArguments(unknown, [1], { y: 2 }), [1, { y: 2 }])
  })

  test('that are unknown or given twice are type errors that say so [2-075]', () => {
    assert.throws(() => bindArguments(add, [], { x: 1, yy: 2 }), {
      name: 'TypeError',
      message: /t\.add\(\) got an unexpected named argument 'yy' \(did you mean "y"\?\)/,
    })
    assert.throws(() => bindArguments(add, [1], { x: 1 }), /more than one value for argument 'x'/)
  })
})

suite('the number of arguments [2-075 3-034]', () => {
  test('is checked when the parameters are declared', () => {
    checkArguments(add, [1], {})
    checkArguments(add, [], { x: 1 })
    assert.throws(() => checkArguments(add, [], {}), /t\.add\(\) is missing the argument 'x'/)
    assert.throws(() => checkArguments(add, [], { y: 1 }), /is missing the argument 'x'/)
    assert.throws(() => checkArguments(add, [1, 2, 3], {}), /takes from 1 to 2 arguments but 3 were given/)
    const two = readParameters('t.two', ['a', 'b'], 2)
    assert.throws(() => checkArguments(two, [], {}), /is missing the arguments 'a', 'b'/)
    assert.throws(() => checkArguments(two, [1, 2, 3], {}), /takes 2 arguments but 3 were given/)
  })

  test('counts what JavaScript gives a default as optional', () => {
    checkArguments(readParameters('t.default', ['x', 'y'], 1), [1], {})
  })

  test('is nobody’s business when nothing is declared', () => {
    checkArguments(unknown, [], {})
    checkArguments(unknown, [1, 2, 3], { z: 4 })
  })
})

suite('schemas [2-076 2-078]', () => {
  const schema = z.tuple([z.email(), z.coerce.number().int()])

  test('convert arguments', async () => {
    assert.deepEqual(await validateInput('t.mail', schema, ['a@example.org', '3']), ['a@example.org', 3])
  })

  test('tell all that is wrong and where', () => {
    assert.throws(
      () => validateInput('t.mail', schema, ['nobody', 1.5]),
      (error) => {
        assert.ok(error instanceof InvalidArguments)
        assert.match(error.message, /^t\.mail\(\) got invalid arguments: arguments\[0\]: .* \(and 1 more\)$/)
        assert.deepEqual(
          error.issues.map(({ path }) => path),
          ['arguments[0]', 'arguments[1]'],
        )
        return true
      },
    )
  })

  test('must describe the list of arguments', () => {
    const wrong = z.array(z.number()).transform((list) => list.length)
    assert.throws(() => validateInput('t.x', wrong, [1]), /must describe the list of its arguments/)
  })
})
