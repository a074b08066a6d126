import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as errors from '../../src/errors.ts'
import { ErrorClasses } from '../../src/protocol/error-classes.ts'
import { describeException, readException } from '../../src/protocol/exception-info.ts'

suite('errors', () => {
  test('form one tree, as in Celery [2-186 2-187 2-188 2-189 2-194]', () => {
    const tree: readonly (readonly [child: unknown, parent: unknown])[] = [
      [errors.TaskPredicate, errors.CeleryError],
      [errors.Retry, errors.TaskPredicate],
      [errors.Ignore, errors.TaskPredicate],
      [errors.Reject, errors.TaskPredicate],
      [errors.ImproperlyConfigured, errors.CeleryError],
      [errors.SecurityError, errors.CeleryError],
      [errors.TimeoutError, errors.TaskError],
      [errors.BackendGetMetaError, errors.BackendError],
      [errors.BackendStoreError, errors.BackendError],
      [errors.OperationalError, errors.KombuError],
      [errors.EncodeError, errors.SerializationError],
      [errors.DecodeError, errors.SerializationError],
      [errors.ContentDisallowed, errors.SerializationError],
      [errors.SerializerNotInstalled, errors.SerializationError],
    ]
    for (const [child, parent] of tree) assert.equal(Object.getPrototypeOf(child), parent)
  })

  test('have codes of their own, which never change', () => {
    const codes = new Map<string, string>()
    for (const [name, errorClass] of Object.entries(errors)) {
      const error =
        name === 'RemoteError' ? new errors.RemoteError('X', 'm') : Reflect.construct(errorClass, [''])
      assert.ok(error instanceof errors.CeleryError, name)
      assert.match(error.code, /^[A-Z_]+$/)
      assert.equal(codes.get(error.code), undefined, `${name} and ${codes.get(error.code)}`)
      codes.set(error.code, name)
    }
  })

  test('that tasks throw to say something carry it [2-186]', () => {
    const cause = new RangeError('busy')
    const when = new Date(Date.UTC(2030, 0, 2))
    const signature = { task: 't.add' }
    const retry = new errors.Retry(undefined, { cause, when, isEager: true, signature })
    assert.equal(retry.message, 'Retry at 2030-01-02T00:00:00.000Z: RangeError: busy')
    assert.deepEqual(
      [retry.when, retry.isEager, retry.signature, retry.cause],
      [when, true, signature, cause],
    )
    const reject = new errors.Reject('not mine', { requeue: true })
    assert.deepEqual([reject.message, reject.requeue, new errors.Reject().requeue], ['not mine', true, false])
  })

  test('of the backend name the task and its state [2-189]', () => {
    const cause = new Error('disk full')
    const store = new errors.BackendStoreError('no', { taskId: 'one', state: 'SUCCESS', cause })
    assert.deepEqual([store.taskId, store.state, store.cause], ['one', 'SUCCESS', cause])
    assert.equal(new errors.BackendGetMetaError('no', { taskId: 'one' }).taskId, 'one')
  })

  test('have the names of Celery, kombu and billiard on the wire, both ways [2-186 2-187 2-189 2-194]', () => {
    const classes = new ErrorClasses()
    const byName = new Map(Object.entries<new (...args: never[]) => Error>(errors))
    const travelling: Readonly<Record<string, readonly (keyof typeof errors)[]>> = {
      'celery.exceptions': [
        'CeleryError',
        'ImproperlyConfigured',
        'SecurityError',
        'TaskPredicate',
        'Ignore',
        'BackendGetMetaError',
        'BackendStoreError',
      ],
      'kombu.exceptions': [
        'KombuError',
        'SerializationError',
        'EncodeError',
        'DecodeError',
        'ContentDisallowed',
      ],
    }
    for (const [module, names] of Object.entries(travelling)) {
      for (const name of names) {
        const errorClass = byName.get(name) ?? errors.CeleryError
        const error: unknown = Reflect.construct(errorClass, ['oops'])
        const triple = describeException(error, classes)
        assert.equal(triple.exc_type, name)
        assert.equal(triple.exc_module, module)
        const back = readException(triple, classes)
        assert.ok(back instanceof errorClass, name)
        assert.equal(back.message, 'oops')
      }
    }
  })
})

test('the message of an error from elsewhere shows its arguments whatever they are', () => {
  const args = ['a', 1, 2n ** 70n, Number.NaN, [1, 2n], null]
  assert.equal(
    new errors.RemoteError('ValueError', 'builtins', args).message,
    'a, 1, 1180591620717411303424, NaN, [1,"2"], null',
  )
})
