import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Ignore, OperationalError, Reject, Retry } from '../../../src/errors.ts'
import { Tracer } from '../../../src/execution/tracer.ts'
import { currentTask } from '../../../src/task/current-task.ts'
import type { TaskContext } from '../../../src/task/ports.ts'
import { createTaskRequest } from '../../../src/task/request.ts'
import { jobOf, RecordingHost, signature } from './recording-host.ts'
import { listening, run } from './tracing.ts'

const triple = { exc_type: 'Error', exc_message: ['boom'], exc_module: 'javascript' }

suite('a task that succeeds', () => {
  test('everything in its order: what follows is sent before the result is stored [2-160 2-161 2-162 2-165 2-170 2-171 12-005 12-006]', async () => {
    const host = new RecordingHost()
    host.task('add', (x: number, y: number) => x + y, { trackStarted: true }, listening(host))
    const chord = signature('body', { options: { task_id: 'body' } })
    const job = jobOf('add', [2, 3], {
      groupId: 'g',
      groupIndex: 1,
      callbacks: [signature('callback')],
      chain: [signature('last'), signature('next')],
      chord,
    })
    const outcome = await run(host, job)
    assert.deepEqual(host.journal, [
      ['prerun', 'id'],
      ['store', 'id', 'STARTED', { pid: process.pid, hostname: 'worker@host' }],
      ['beforeStart', 'id'],
      ['publish', 'callback', [5]],
      ['publish', 'next', [5]],
      ['store', 'id', 'SUCCESS', 5],
      ['part', 'g', 1, 'SUCCESS'],
      ['onSuccess', 5],
      ['success', 5],
      ['afterReturn', 'SUCCESS', 5, undefined],
      ['postrun', 'SUCCESS', 5],
    ])
    assert.deepEqual(outcome, { kind: 'succeeded', runtime: 0, result: '5' })
    const children = host.backend.metas.get('id')?.children
    assert.deepEqual(
      children,
      host.sent.map(({ id }) => [[id, null], null]),
    )
  })

  test('the request that it sees [2-150 2-151 2-152 2-153 2-154 2-155 2-156 2-157]', async () => {
    const host = new RecordingHost()
    let self: TaskContext | undefined
    const body = (context: TaskContext): void => {
      self = context
    }
    host.task('t', body, { bind: true })
    const job = jobOf(
      't',
      [],
      {
        rootId: 'root',
        parentId: 'parent',
        retries: 2,
        eta: '2030-01-02T03:04:05+00:00',
        timeLimit: 30_000,
        shadow: 'alias',
        headers: { tenant: 'a' },
        replyTo: 'queue',
        stampedHeaders: ['s'],
        stamps: { s: ['v'] },
        replacedTaskNesting: 1,
      },
      { redelivered: true },
    )
    await run(host, job)
    const request = self?.request
    assert.ok(request)
    const { args, kwargs, children, properties, ...rest } = request
    assert.deepEqual({ args, kwargs, children }, { args: [], kwargs: {}, children: [] })
    assert.equal(properties?.['contentType'], 'application/json')
    assert.deepEqual(rest, {
      id: 'id',
      task: 't',
      rootId: 'root',
      parentId: 'parent',
      correlationId: 'id',
      group: undefined,
      groupIndex: undefined,
      retries: 2,
      eta: '2030-01-02T03:04:05+00:00',
      expires: undefined,
      timelimit: [30, null],
      utc: true,
      chord: undefined,
      chain: undefined,
      callbacks: undefined,
      errbacks: undefined,
      deliveryInfo: { exchange: '', routingKey: 'celery', priority: 4, redelivered: true, isEager: false },
      hostname: 'worker@host',
      origin: 'gen1@host',
      replyTo: 'queue',
      isEager: false,
      calledDirectly: false,
      headers: { tenant: 'a' },
      ignoreResult: false,
      shadow: 'alias',
      replacedTaskNesting: 1,
      stampedHeaders: ['s'],
      stamps: { s: ['v'] },
    })
  })

  test('may be async, and is the current task all the while', async () => {
    const host = new RecordingHost()
    const seen: unknown[] = []
    host.task('t', async () => {
      seen.push(currentTask()?.request.id)
      await new Promise(setImmediate)
      seen.push(currentTask()?.request.id)
      return 'late'
    })
    const outcome = await run(host, jobOf('t'))
    assert.deepEqual(seen, ['id', 'id'])
    assert.deepEqual(host.journal, [['store', 'id', 'SUCCESS', 'late']])
    assert.ok(outcome.kind === 'succeeded')
    assert.equal(outcome.result, "'late'")
    assert.equal(currentTask(), undefined)
  })

  test('shows its result only if somebody looks, and not all of it', async () => {
    const host = new RecordingHost()
    host.task('t', () => 'x'.repeat(3000), { resultreprMaxsize: 100 })
    const shown = await run(host, jobOf('t'))
    assert.ok(shown.kind === 'succeeded' && shown.result !== undefined && shown.result.length < 110)
    const silent = await run(host, jobOf('t', [], {}, { wantRepr: false }))
    assert.ok(silent.kind === 'succeeded' && silent.result === undefined)
  })

  test('nothing returned is null; results are stored as their tuples [4-042]', async () => {
    const host = new RecordingHost()
    host.task('nothing', () => undefined)
    host.task('result', () => host.resultContext.fromTuple([['child', null], null]))
    await run(host, jobOf('nothing', [], { id: '1' }))
    await run(host, jobOf('result', [], { id: '2' }))
    assert.equal(host.backend.metas.get('1')?.result, null)
    assert.deepEqual(host.backend.metas.get('2')?.result, [['child', null], null])
  })

  for (const [name, call, options] of [
    ['by the caller', { ignoreResult: true }, {}],
    ['by itself', {}, { ignoreResult: true }],
  ] as const) {
    test(`stores nothing when its result is ignored ${name}`, async () => {
      const host = new RecordingHost()
      host.task('t', () => 1, { trackStarted: true, ...options })
      assert.equal((await run(host, jobOf('t', [], call))).kind, 'succeeded')
      assert.deepEqual(host.journal, [])
    })
  }

  test('with all that `resultExtended` asks for [4-037]', async () => {
    const host = new RecordingHost({ settings: { resultExtended: true } })
    host.task('t', (x: number) => x)
    await run(host, jobOf('t', [7], { retries: 1, stampedHeaders: ['s'], stamps: { s: 'v' } }))
    const meta = host.backend.metas.get('id')
    assert.ok(meta)
    const { name, args, kwargs, worker, retries, queue, s } = meta
    assert.deepEqual(
      { name, args, kwargs, worker, retries, queue, s },
      { name: 't', args: [7], kwargs: {}, worker: 'worker@host', retries: 1, queue: 'celery', s: 'v' },
    )
  })

  test('several callbacks: groups by themselves, the rest as one group [2-163]', async () => {
    const host = new RecordingHost()
    host.task('t', () => 1)
    const group = signature('celery.group', { type: 'group', kwargs: { tasks: [signature('c')] } })
    await run(host, jobOf('t', [], { callbacks: [signature('a'), group, signature('b', { args: [9] })] }))
    const sent = host.sent.map(({ name, args, options }) => [
      name,
      args,
      options['parent_id'],
      options['group_index'],
    ])
    assert.deepEqual(sent, [
      ['c', [1], 'id', 0],
      ['a', [1], 'id', 0],
      ['b', [1, 9], 'id', 1],
    ])
    assert.notEqual(host.sent[0]?.options['group_id'], host.sent[1]?.options['group_id'])
  })

  for (const inherits of [true, false]) {
    test(`its priority is ${inherits ? '' : 'not '}inherited [2-164]`, async () => {
      const host = new RecordingHost({ settings: { taskInheritParentPriority: inherits } })
      host.task('t', () => 1)
      await run(host, jobOf('t', [], { callbacks: [signature('a')], chain: [signature('b')] }))
      assert.deepEqual(
        host.sent.map(({ options }) => options['priority']),
        inherits ? [4, 4] : [undefined, undefined],
      )
    })
  }

  test('the next of the chain gets the rest of it, and who came before [5-019 12-002]', async () => {
    const host = new RecordingHost()
    host.task('t', () => 1)
    const [c, b] = [signature('c'), signature('b', { options: { task_id: 'b', priority: 3 } })]
    await run(host, jobOf('t', [], { rootId: 'root', chain: [c, b] }))
    const [sent] = host.sent
    assert.equal(sent?.id, 'b')
    assert.deepEqual(sent?.options['chain'], [c])
    assert.equal(sent?.options['parent_id'], 'id')
    assert.equal(sent?.options['root_id'], 'root')
    assert.equal(sent?.options['priority'], 3)
  })
})

suite('a task that fails', () => {
  test('everything in its order: the result first [2-166 2-170 12-006]', async () => {
    const host = new RecordingHost()
    const error = new Error('boom')
    const fail = (): never => {
      throw error
    }
    host.task('t', fail, {}, listening(host))
    const outcome = await run(
      host,
      jobOf('t', [], {
        groupId: 'g',
        chord: signature('body'),
        chain: [signature('next', { options: { task_id: 'next' } })],
        callbacks: [signature('callback')],
        errbacks: [signature('errback')],
      }),
    )
    assert.deepEqual(host.journal, [
      ['prerun', 'id'],
      ['beforeStart', 'id'],
      ['store', 'id', 'FAILURE', triple],
      ['part', 'g', Number.MAX_SAFE_INTEGER, 'FAILURE'],
      ['store', 'next', 'FAILURE', triple],
      ['publish', 'errback', ['id']],
      ['onFailure', error, true],
      ['failure', error],
      ['afterReturn', 'FAILURE', error, undefined],
      ['postrun', 'FAILURE', error],
    ])
    assert.ok(outcome.kind === 'failed')
    assert.equal(outcome.severity, 'unexpected')
    assert.equal(outcome.error, "Error('boom')")
    assert.match(outcome.traceback, /^Traceback \(most recent call last\):\n.*Error: boom\n/s)
    assert.equal(host.backend.metas.get('id')?.traceback, outcome.traceback)
  })

  test('as it is known to [10-005]', async () => {
    const host = new RecordingHost()
    host.task('t', () => Promise.reject(new TypeError('known')), { throws: [TypeError] })
    const outcome = await run(host, jobOf('t'))
    assert.ok(outcome.kind === 'failed')
    assert.equal(outcome.severity, 'expected')
  })

  test('because its arguments do not fit', async () => {
    const host = new RecordingHost()
    host.task('t', (x: number) => x, { params: ['x'] })
    const outcome = await run(host, jobOf('t', [1, 2, 3]))
    assert.ok(outcome.kind === 'failed')
    assert.equal(host.backend.metas.get('id')?.status, 'FAILURE')
  })

  test('before its body began [2-161]', async () => {
    const host = new RecordingHost()
    let ran = false
    const beforeStart = (): never => {
      throw new Error('boom')
    }
    const body = (): void => {
      ran = true
    }
    host.task('t', body, {}, { beforeStart })
    const outcome = await run(host, jobOf('t'))
    assert.ok(outcome.kind === 'failed' && outcome.severity === 'unexpected')
    assert.equal(ran, false)
  })

  for (const [name, settings, options, call, stored] of [
    ['the call is ignored', {}, {}, { ignoreResult: true }, true],
    ['the task is ignored', {}, { ignoreResult: true }, {}, false],
    ['errors are stored even so', {}, { ignoreResult: true, storeErrorsEvenIfIgnored: true }, {}, true],
    ['errors are, by setting', { taskStoreErrorsEvenIfIgnored: true }, { ignoreResult: true }, {}, true],
  ] as const) {
    test(`${stored ? 'stores' : 'does not store'} it when ${name}`, async () => {
      const host = new RecordingHost({ settings })
      host.task('t', () => Promise.reject(new Error('boom')), options)
      await run(host, jobOf('t', [], call))
      assert.equal(host.backend.metas.get('id')?.status, stored ? 'FAILURE' : undefined)
    })
  }

  test('with a result that cannot be encoded [2-167]', async () => {
    const host = new RecordingHost()
    host.task('t', () => new Set([1]))
    const outcome = await run(host, jobOf('t', [], { errbacks: [signature('errback')] }))
    assert.ok(outcome.kind === 'failed')
    assert.equal(outcome.severity, 'unexpected')
    const { result } = host.backend.metas.get('id') ?? {}
    assert.ok(typeof result === 'object' && result !== null && 'exc_type' in result)
    assert.equal(result.exc_type, 'EncodeError')
    assert.deepEqual(
      host.sent.map(({ name }) => name),
      ['errback'],
    )
  })

  test('with a value that cannot be sent to its callbacks [2-167]', async () => {
    const host = new RecordingHost()
    host.task('t', () => new Set([1]), { ignoreResult: true })
    const outcome = await run(host, jobOf('t', [], { callbacks: [signature('callback')] }))
    assert.ok(outcome.kind === 'failed')
    assert.match(outcome.error, /^EncodeError\(/)
  })

  test('with something that is no error', async () => {
    const host = new RecordingHost()
    host.task('t', () => Promise.reject('boom'))
    const outcome = await run(host, jobOf('t'))
    assert.ok(outcome.kind === 'failed')
    assert.equal(outcome.error, "Error('boom')")
    assert.equal(host.backend.metas.get('id')?.traceback, null)
  })
})

suite('a task that is tried again', () => {
  test('everything in its order; no afterReturn [2-132 2-168 2-170 4-043]', async () => {
    const host = new RecordingHost()
    const error = new Error('boom')
    const body = async (self: TaskContext): Promise<never> => {
      throw await self.retry({ countdown: 3, error })
    }
    host.task('t', body, { bind: true }, listening(host))
    const outcome = await run(host, jobOf('t', [1], { errbacks: [signature('errback')] }))
    assert.deepEqual(host.journal, [
      ['prerun', 'id'],
      ['beforeStart', 'id'],
      // Before the next attempt can write its own state.
      ['store', 'id', 'RETRY', triple],
      ['publish', 't', [1]],
      ['onRetry', error, true],
      ['retry'],
      host.journal.at(-1),
    ])
    assert.deepEqual(host.journal.at(-1)?.slice(0, 2), ['postrun', 'RETRY'])
    assert.ok(outcome.kind === 'retried')
    assert.match(outcome.reason, /^Retry in 3s: /)
    assert.equal(host.sent[0]?.id, 'id')
    assert.equal(host.sent[0]?.options['retries'], 1)
  })

  test('by itself, after errors that it names [2-141]', async () => {
    const host = new RecordingHost()
    host.task('t', () => Promise.reject(new RangeError('r')), {
      autoretryFor: [Error],
      dontAutoretryFor: [TypeError],
      retryBackoff: 2,
      retryJitter: false,
    })
    const outcome = await run(host, jobOf('t', [], { retries: 1 }))
    assert.equal(outcome.kind, 'retried')
    assert.equal(host.sent[0]?.options['countdown'], 4)
    assert.equal(host.sent[0]?.options['retries'], 2)
  })

  test('until it was often enough: then its own error counts [2-141]', async () => {
    const host = new RecordingHost()
    host.task('t', () => Promise.reject(new RangeError('r')), { autoretryFor: [Error], maxRetries: 2 })
    const outcome = await run(host, jobOf('t', [], { retries: 2 }))
    assert.ok(outcome.kind === 'failed')
    assert.equal(outcome.error, "RangeError('r')")
    assert.deepEqual(host.sent, [])
  })

  for (const thrown of [new TypeError('excluded'), new Ignore('no'), new Reject('no')]) {
    test(`not after ${thrown.name} [2-141]`, async () => {
      const host = new RecordingHost()
      const options = { autoretryFor: [Error], dontAutoretryFor: [TypeError] }
      host.task('t', () => Promise.reject(thrown), options)
      await run(host, jobOf('t'))
      assert.deepEqual(host.sent, [])
    })
  }

  test('also when the body does not wait for it', async () => {
    const host = new RecordingHost()
    const body = async (self: TaskContext): Promise<string> => {
      void self.retry({ countdown: 3 })
      return 'unheard'
    }
    host.task('t', body, { bind: true })
    const outcome = await run(host, jobOf('t'))
    assert.equal(outcome.kind, 'retried')
    assert.equal(host.sent.length, 1)
    assert.equal(host.backend.metas.get('id')?.status, 'RETRY')
  })

  test('unless the body thinks better of it', async () => {
    const host = new RecordingHost()
    const body = async (self: TaskContext): Promise<string> => {
      await self.retry().catch(() => undefined)
      return 'enough'
    }
    host.task('t', body, { bind: true })
    assert.equal((await run(host, jobOf('t'))).kind, 'succeeded')
  })

  test('not when the retry cannot be sent: it is rejected [2-138]', async () => {
    const host = new RecordingHost()
    host.unreachable = new OperationalError('down')
    host.task('t', (self: TaskContext) => self.retry(), { bind: true })
    const outcome = await run(host, jobOf('t'))
    assert.ok(outcome.kind === 'rejected')
    assert.equal(outcome.requeue, false)
  })
})

suite('a task that says something to its worker [2-169]', () => {
  for (const Predicate of [Reject, Retry]) {
    test(`${Predicate.name} with a message that is no text: the outcome can go to another process all the same`, async () => {
      const host = new RecordingHost()
      host.task('t', () => {
        throw Object.assign(new Predicate('odd'), { message: () => 1 })
      })
      const outcome = await run(host, jobOf('t'))
      assert.deepEqual(structuredClone(outcome), outcome)
      assert.ok(outcome.kind === 'rejected' || outcome.kind === 'retried')
      assert.equal(outcome.reason, '<function message>')
    })
  }

  for (const [thrown, expected] of [
    [new Ignore('no'), { kind: 'ignored' }],
    [new Reject('not mine'), { kind: 'rejected', requeue: false, reason: 'not mine' }],
    [new Reject('later', { requeue: true }), { kind: 'rejected', requeue: true, reason: 'later' }],
  ] as const) {
    test(`${thrown.name}: nothing is stored or sent, only taskPostrun is told`, async () => {
      const host = new RecordingHost()
      const handlers = listening(host)
      host.task('t', () => Promise.reject(thrown), {}, handlers)
      const job = jobOf('t', [], { callbacks: [signature('c')], errbacks: [signature('e')] })
      assert.deepEqual(await run(host, job), expected)
      assert.deepEqual(
        host.journal.map(([what]) => what),
        ['prerun', 'beforeStart', 'postrun'],
      )
    })
  }
})

suite('a run in place', () => {
  function eager(host: RecordingHost, fields: object = {}): ReturnType<Tracer['runEagerly']> {
    const task = host.tasks.require('t')
    const request = createTaskRequest({ id: 'id', task: 't', isEager: true, ...fields })
    return new Tracer(host.execution()).runEagerly(task, request)
  }

  test('stores nothing unless it is told to [2-148]', async () => {
    const host = new RecordingHost()
    host.task('t', () => 1, { trackStarted: true })
    assert.deepEqual(await eager(host), { id: 'id', state: 'SUCCESS', value: 1, traceback: undefined })
    assert.deepEqual(host.journal, [])
    const storing = new RecordingHost({ settings: { taskStoreEagerResult: true } })
    storing.task('t', () => 1, { trackStarted: true })
    await eager(storing)
    assert.deepEqual(storing.journal, [['store', 'id', 'SUCCESS', 1]])
  })

  test('gives the error itself, and the retry that is to be followed', async () => {
    const host = new RecordingHost()
    const error = new Error('boom')
    host.task('t', () => Promise.reject(error), { autoretryFor: [RangeError] })
    const failed = await eager(host)
    assert.equal(failed.state, 'FAILURE')
    assert.equal(failed.value, error)
    const retrying = new RecordingHost()
    retrying.task('t', () => Promise.reject(error), { autoretryFor: [Error] })
    const retried = await eager(retrying)
    assert.equal(retried.state, 'RETRY')
    assert.ok(retried.value instanceof Error && retried.value.cause === error)
    assert.deepEqual(retrying.journal, [])
  })
})
