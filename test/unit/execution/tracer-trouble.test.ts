import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  BackendStoreError,
  ContentDisallowed,
  DecodeError,
  EncodeError,
  OperationalError,
  SecurityError,
} from '../../../src/errors.ts'
import type { TaskJob } from '../../../src/execution/job.ts'
import { Tracer } from '../../../src/execution/tracer.ts'
import { JobContext } from '../../../src/pool/job-context.ts'
import type { TaskContext } from '../../../src/task/ports.ts'
import { jobOf, RecordingHost, signature } from './recording-host.ts'
import { listening, never, run } from './tracing.ts'

const triple = { exc_type: 'Error', exc_message: ['boom'], exc_module: 'javascript' }

suite('a task whose time is over', () => {
  function until(signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  }

  for (const [reason, error] of [
    ['soft', 'SoftTimeLimitExceeded()'],
    ['timeout', undefined],
    ['terminate', undefined],
    ['shutdown', undefined],
  ] as const) {
    test(`${reason}: ${error === undefined ? 'nothing is stored' : 'it fails'}`, async () => {
      const host = new RecordingHost()
      host.task('t', (self: TaskContext) => until(self.signal), { bind: true })
      const controller = new JobContext()
      const running = run(host, jobOf('t', [], { errbacks: [signature('e')] }), {}, controller)
      setImmediate(() => controller.abort(reason))
      const outcome = await running
      if (error === undefined) {
        assert.deepEqual(outcome, { kind: 'abandoned' })
        assert.deepEqual(host.journal, [])
      } else {
        assert.ok(outcome.kind === 'failed')
        assert.equal(outcome.error, error)
        assert.equal(host.backend.metas.get('id')?.status, 'FAILURE')
      }
    })
  }

  test('an AbortError of some library is the soft limit', async () => {
    const host = new RecordingHost()
    host.task('t', () => Promise.reject(new DOMException('aborted', 'AbortError')))
    const aborted = new JobContext()
    aborted.abort('soft')
    const outcome = await run(host, jobOf('t'), {}, aborted)
    assert.ok(outcome.kind === 'failed')
    assert.equal(outcome.error, 'SoftTimeLimitExceeded()')
  })

  test('may still return something after the soft limit', async () => {
    const host = new RecordingHost()
    const body = (self: TaskContext): Promise<string> => until(self.signal).catch(() => 'partial')
    host.task('t', body, { bind: true })
    const controller = new JobContext()
    const running = run(host, jobOf('t'), {}, controller)
    setImmediate(() => controller.abort('soft'))
    assert.equal((await running).kind, 'succeeded')
    assert.equal(host.backend.metas.get('id')?.result, 'partial')
  })

  test('terminated, it stores nothing late, and sends and stores nothing in its own name', async () => {
    const host = new RecordingHost()
    const refused: unknown[] = []
    const body = async (self: TaskContext): Promise<string> => {
      await until(self.signal).catch(() => undefined)
      for (const deed of [() => self.retry(), () => self.updateState('PROGRESS')]) {
        await deed().catch((error: Error) => refused.push(error.name))
      }
      return 'late'
    }
    host.task('t', body, { bind: true, autoretryFor: [Error] })
    const controller = new JobContext()
    const running = run(host, jobOf('t'), {}, controller)
    setImmediate(() => controller.abort('terminate'))
    assert.deepEqual(await running, { kind: 'abandoned' })
    assert.deepEqual(refused, ['Terminated', 'Terminated'])
    assert.deepEqual(host.journal, [])
  })

  test('terminated, it is not tried again by itself', async () => {
    const host = new RecordingHost()
    host.task('t', (self: TaskContext) => until(self.signal), { bind: true, autoretryFor: [Error] })
    const controller = new JobContext()
    const running = run(host, jobOf('t'), {}, controller)
    setImmediate(() => controller.abort('terminate'))
    assert.deepEqual(await running, { kind: 'abandoned' })
    assert.deepEqual(host.sent, [])
  })

  for (const reason of ['timeout', 'terminate', 'shutdown'] as const) {
    test(`given up (${reason}) after its soft limit, which it has heard of, it is not tried again by itself`, async () => {
      const host = new RecordingHost()
      const { promise: late, resolve } = Promise.withResolvers<void>()
      const body = async (self: TaskContext): Promise<void> => {
        await until(self.signal).catch(() => late)
        throw new Error('late')
      }
      host.task('t', body, { bind: true, autoretryFor: [Error] })
      const controller = new JobContext()
      const running = run(host, jobOf('t'), {}, controller)
      setImmediate(() => {
        controller.abort('soft')
        controller.abort(reason)
        resolve()
      })
      assert.deepEqual(await running, { kind: 'abandoned' })
      assert.deepEqual(host.journal, [])
    })
  }

  test('given up while it stores that it tries again, it does not', async (t) => {
    const host = new RecordingHost()
    host.task('t', () => Promise.reject(new Error('boom')), { autoretryFor: [Error] })
    const controller = new JobContext()
    t.mock.method(host.backend, 'save', async () => controller.abort('timeout'))
    assert.deepEqual(await run(host, jobOf('t'), {}, controller), { kind: 'abandoned' })
    assert.deepEqual(host.sent, [])
  })
})

suite('what goes wrong outside of the body [2-172]', () => {
  test('a handler after a success: the result stays, the error is told', async () => {
    const host = new RecordingHost()
    const error = new Error('in the handler')
    const onSuccess = (): never => {
      throw error
    }
    host.task('t', () => 1, {}, { ...listening(host), onSuccess })
    const outcome = await run(host, jobOf('t', [], { errbacks: [signature('errback')] }))
    assert.ok(outcome.kind === 'failed')
    assert.equal(outcome.severity, 'internal')
    assert.deepEqual(host.journal.slice(2), [
      ['store', 'id', 'SUCCESS', 1],
      ['internal error', error],
      ['postrun', 'FAILURE', error],
    ])
  })

  test('a handler after a failure: errbacks are called once', async () => {
    const host = new RecordingHost()
    const onFailure = (): never => {
      throw new Error('in the handler')
    }
    host.task('t', () => Promise.reject(new Error('boom')), {}, { onFailure })
    const outcome = await run(host, jobOf('t', [], { errbacks: [signature('errback')] }))
    assert.ok(outcome.kind === 'failed' && outcome.severity === 'internal')
    assert.deepEqual(host.backend.metas.get('id')?.result, triple)
    assert.equal(host.sent.length, 1)
  })

  test('the broker: the task has failed, and what waits for it is told', async () => {
    const host = new RecordingHost()
    host.unreachable = new OperationalError('down')
    host.task('t', () => 1)
    const next = signature('next', { options: { task_id: 'next' } })
    const outcome = await run(host, jobOf('t', [], { chain: [next] }))
    assert.ok(outcome.kind === 'failed' && outcome.severity === 'internal')
    assert.equal(host.backend.metas.get('id')?.status, 'FAILURE')
    assert.equal(host.backend.metas.get('next')?.status, 'FAILURE')
  })

  test('the backend: the outcome says so, and what was sent is not failed', async () => {
    const host = new RecordingHost()
    host.backend.broken = new BackendStoreError('down')
    host.task('t', () => 1)
    const outcome = await run(
      host,
      jobOf('t', [], { chain: [signature('next', { options: { task_id: 'next' } })] }),
    )
    assert.ok(outcome.kind === 'failed' && outcome.severity === 'internal')
    assert.equal(outcome.error, "BackendStoreError('down')")
    assert.equal(host.sent.length, 1)
    assert.equal(host.errors.length, 1)
  })

  test('the backend, when the value is not to its liking: the rest of the chain runs and is not failed', async () => {
    const host = new RecordingHost()
    host.backend.broken = new EncodeError('too odd')
    host.backend.brokenFor = 'SUCCESS'
    host.task('t', () => 1)
    const errbacks = [signature('errback')]
    const chain = [signature('last', { options: { task_id: 'last' } }), signature('next')]
    const outcome = await run(host, jobOf('t', [], { chain, errbacks }))
    assert.ok(outcome.kind === 'failed' && outcome.severity === 'unexpected')
    assert.equal(host.backend.metas.get('id')?.status, 'FAILURE')
    assert.equal(host.backend.metas.get('last'), undefined)
    assert.deepEqual(
      host.sent.map(({ name }) => name),
      ['next', 'errback'],
    )
  })
})

suite('a job that cannot be run', () => {
  const rows: readonly (readonly [string, Error, string])[] = [
    ['not accepted [7-069]', new ContentDisallowed('pickle'), 'disallowed'],
    ['not trusted', new SecurityError('signature'), 'disallowed'],
    ['not readable [7-070]', new DecodeError('no JSON'), 'undecodable'],
    ['a serializer that throws anything', new RangeError('oops'), 'undecodable'],
  ]
  for (const [name, error, reason] of rows) {
    test(name, async () => {
      const host = new RecordingHost()
      host.task('t', () => 1)
      const decodeBody = (): never => {
        throw error
      }
      const outcome = await run(host, jobOf('t'), { decodeBody })
      assert.deepEqual(outcome, { kind: 'invalid', reason, detail: error.message })
      assert.deepEqual(host.journal, [])
    })
  }

  test('no body of a task [2-173]', async () => {
    const host = new RecordingHost()
    host.task('t', () => 1)
    const outcome = await run(host, jobOf('t'), { decodeBody: () => [[], [], {}] })
    const detail = 'Task keyword arguments is not a mapping'
    assert.deepEqual(outcome, { kind: 'invalid', reason: 'invalid', detail })
  })

  test('a task that this process does not know: its result says so [7-067]', async () => {
    const host = new RecordingHost()
    const outcome = await run(host, jobOf('gone', [], { errbacks: [signature('errback')] }))
    assert.ok(outcome.kind === 'invalid')
    assert.equal(outcome.reason, 'unknown-task')
    assert.deepEqual(host.backend.metas.get('id')?.result, {
      exc_type: 'NotRegistered',
      exc_message: ['gone'],
      exc_module: 'celery.exceptions',
    })
    assert.equal(host.sent.length, 1)
  })

  test('nor can its result be stored: the message is told of all the same', async () => {
    const host = new RecordingHost()
    host.backend.broken = new BackendStoreError('down')
    const outcome = await run(host, jobOf('gone'))
    assert.ok(outcome.kind === 'invalid')
    assert.equal(outcome.reason, 'unknown-task')
    assert.equal(host.errors.length, 1)
  })
})

suite('a task that has succeeded already [2-159 7-075]', () => {
  const deduplicate = { max: 10, expires: 1000 }
  const again = (call: Parameters<typeof jobOf>[2] = {}): TaskJob =>
    jobOf('t', [], call, { redelivered: true })

  function prepare(options: { readonly acksLate: boolean }): { host: RecordingHost; runs: () => number } {
    const host = new RecordingHost()
    let runs = 0
    host.task('t', () => (runs += 1), options)
    return { host, runs: () => runs }
  }

  test('here: its message comes again', async () => {
    const { host, runs } = prepare({ acksLate: true })
    const tracer = new Tracer(host.execution({ deduplicate }))
    await tracer.run(jobOf('t', [], { ignoreResult: true }), never)
    assert.deepEqual(await tracer.run(again(), never), { kind: 'ignored' })
    assert.equal(runs(), 1)
  })

  test('elsewhere: the backend knows', async () => {
    const { host, runs } = prepare({ acksLate: true })
    await run(host, again())
    assert.deepEqual(await run(host, again(), { deduplicate }), { kind: 'ignored' })
    assert.equal(runs(), 1)
  })

  test('what follows was lost: it is sent now', async () => {
    const { host, runs } = prepare({ acksLate: true })
    await run(host, again())
    const outcome = await run(host, again({ chain: [signature('next')] }), { deduplicate })
    assert.deepEqual(outcome, { kind: 'ignored' })
    assert.deepEqual(
      host.sent.map(({ name, args }) => [name, args]),
      [['next', [1]]],
    )
    assert.equal(runs(), 1)
  })

  test('its chord was not told: it is told now, and not twice', async () => {
    const { host, runs } = prepare({ acksLate: true })
    await host.backend.chords.setSize('g', 1, { expires: undefined })
    await run(host, again())
    const member = { groupId: 'g', groupIndex: 0, chord: signature('body') }
    assert.deepEqual(await run(host, again(member), { deduplicate }), { kind: 'ignored' })
    assert.deepEqual(await run(host, again(member), { deduplicate }), { kind: 'ignored' })
    assert.deepEqual(
      host.sent.map(({ name, args }) => [name, args]),
      [['body', [[1]]]],
    )
    assert.equal(runs(), 1)
  })

  test('what follows cannot be sent: the message goes back', async () => {
    const { host } = prepare({ acksLate: true })
    await run(host, again())
    host.unreachable = new OperationalError('down')
    const outcome = await run(host, again({ chain: [signature('next')] }), { deduplicate })
    assert.ok(outcome.kind === 'rejected' && outcome.requeue)
  })

  for (const [name, options, job, parts] of [
    ['delivered for the first time', { acksLate: true }, jobOf('t'), { deduplicate }],
    ['acknowledged early', { acksLate: false }, again(), { deduplicate }],
    ['without the setting', { acksLate: true }, again(), {}],
  ] as const) {
    test(`it runs when ${name}`, async () => {
      const { host, runs } = prepare(options)
      await run(host, jobOf('t'))
      await run(host, job, parts)
      assert.equal(runs(), 2)
    })
  }

  test('it runs when it had failed', async () => {
    const host = new RecordingHost()
    let runs = 0
    const body = (): void => {
      runs += 1
      throw new Error('boom')
    }
    host.task('t', body, { acksLate: true })
    await run(host, again(), { deduplicate })
    await run(host, again(), { deduplicate })
    assert.equal(runs, 2)
  })
})
