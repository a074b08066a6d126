/** Our client calls tasks that run in a Python worker: what it sends, and what it gets back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AsyncResult, chain, chord, RemoteError, TaskRevokedError } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { PaymentError } from './fixtures/node-app.ts'
import {
  BROKERS,
  needsPartners,
  notes,
  openGate,
  readBook,
  startNodeApp,
  startPlace,
  startPython,
} from './partners.ts'

for (const broker of BROKERS) {
  test(`we call a Python worker: ${broker}`, needsPartners(broker), async (t) => {
    const place = await startPlace(t, broker)
    const { app } = startNodeApp(t, place)
    const worker = await startPython(t, place)
    const call = (name: string, args: readonly unknown[] = [], options = {}) =>
      app.signature(`py.${name}`, { args }).applyAsync(options)
    const get = (name: string, ...args: unknown[]) => call(name, args).get({ timeout: 60 })
    const failure = async (name: string, ...args: unknown[]): Promise<Error> => {
      const error = await call(name, args).get({ timeout: 60, propagate: false })
      assert.ok(error instanceof Error, `${name} gave ${String(error)}`)
      return error
    }

    await t.test('arguments by position and by name [5-001, 5-004, 5-006, 5-018, 3-001]', async () => {
      assert.equal(await get('add', 2, 3), 5)
      assert.equal(await get('add', 2), 3)
      assert.equal(await call('add', [], { kwargs: { x: 2, y: 3 } }).get({ timeout: 60 }), 5)
      assert.equal(await call('add', [2], { kwargs: { y: 5 } }).get({ timeout: 60 }), 7)
      assert.equal(await get('echo'), null)
      assert.deepEqual(await call('echo', [1], { kwargs: { a: [1] } }).get({ timeout: 60 }), [1, { a: [1] }])
    })

    await t.test('all that our headers say arrives [5-002..5-017, 3-010, 3-014, 3-019, 3-020]', async () => {
      const result = await call('request', [1, 'two'], {
        kwargs: { k: null },
        priority: 3,
        shadow: 'alias',
        headers: { custom: 'yes', n: 5 },
        timeLimit: 30,
        softTimeLimit: '20s',
        expires: 60,
      })
      const answer = assertRecord(await result.get({ timeout: 60 }))
      assert.deepEqual(
        { ...answer, expires: null, origin: null, reply_to: null },
        {
          id: result.id,
          root_id: result.id,
          correlation_id: result.id,
          parent_id: null,
          args: [1, 'two'],
          kwargs: { k: null },
          retries: 0,
          timelimit: [30, 20],
          eta: null,
          expires: null,
          group: null,
          group_index: null,
          priority: 3,
          exchange: '',
          routing_key: 'py',
          headers: { custom: 'yes', n: 5 },
          shadow: 'alias',
          origin: null,
          reply_to: null,
          ignore_result: false,
          stamped_headers: null,
          stamps: {},
          argsrepr: "(1, 'two')",
          kwargsrepr: "{'k': None}",
        },
      )
      assert.match(String(answer['origin']), /^gen\d+@/)
      const until = Date.parse(String(answer['expires'])) - Date.now()
      assert.ok(until > 30_000 && until < 61_000, `expires in ${until} ms`)
    })

    await t.test(
      'errors come back by name, module and arguments [4-031, 4-032, 4-039, 4-040, 2-195]',
      async () => {
        const expected: Readonly<Record<string, readonly [string, string, unknown[]]>> = {
          ValueError: ['ValueError', 'builtins', ['no good']],
          KeyError: ['KeyError', 'builtins', ['missing']],
          ZeroDivisionError: ['ZeroDivisionError', 'builtins', ['division by zero']],
          InnerError: ['Outer.InnerError', 'pyapp', ['inside']],
          Unserializable: ['ValueError', 'builtins', ['holds', '<Plain>']],
          NoArguments: ['RuntimeError', 'builtins', []],
          Unicode: ['ValueError', 'builtins', ['Größe ≠ 大小 🎉']],
        }
        for (const [kind, [name, module, args]] of Object.entries(expected)) {
          const error = await failure('fail', kind)
          assert.ok(error instanceof RemoteError, `${kind}: ${error.name}`)
          assert.deepEqual([error.name, error.module, error.args], [name, module, args])
        }
        const [type, payment, known] = [
          await failure('fail', 'TypeError'),
          await failure('fail', 'PaymentError'),
          await failure('give_up'),
        ]
        assert.ok(type instanceof TypeError)
        assert.equal(type.message, 'wrong kind')
        assert.ok(payment instanceof PaymentError)
        assert.deepEqual(payment.args, [12, 'EUR'])
        assert.equal(known.name, 'MaxRetriesExceededError')
      },
    )

    await t.test('Python’s traceback can be read [4-033]', async () => {
      const result = await call('fail', ['ZeroDivisionError'])
      await assert.rejects(result.get({ timeout: 60 }), {
        name: 'ZeroDivisionError',
        message: 'division by zero',
      })
      assert.match(
        (await result.traceback()) ?? '',
        /pyapp\.py", line \d+[\s\S]*ZeroDivisionError: division by zero/,
      )
      assert.equal(await result.failed(), true)
    })

    await t.test('a wrong call fails with what Python says', async () => {
      const error = await failure('add')
      assert.ok(error instanceof TypeError)
      assert.match(error.message, /missing 1 required positional argument/)
    })

    await t.test('retries keep the id and count up [2-132, 2-136, 2-141]', async () => {
      const result = await call('retry', [2])
      assert.deepEqual(await result.get({ timeout: 60 }), { id: result.id, retries: 2 })
      assert.equal(await get('autoretry', 2), 2)
      assert.deepEqual((await failure('retry', 9)).message, 'attempt 5')
      assert.equal((await failure('autoretry', 9)).name, 'KeyError')
    })

    await t.test('a task that waits for its retry says so [4-043, 2-180]', async () => {
      const result = await call('waits_in_retry')
      await eventually(async () => (await result.state()) === 'RETRY')
      const reason = await result.result()
      assert.ok(reason instanceof Error)
      assert.deepEqual([reason.name, reason.message], ['ValueError', 'not yet'])
      assert.match((await result.traceback()) ?? '', /ValueError\('not yet'\)/)
      assert.equal(await result.get({ timeout: 60 }), 'done')
    })

    await t.test('countdown and eta are kept [3-003, 3-004, 5-009]', async () => {
      const due = new Date(Date.now() + 1000)
      const results = [call('when', [], { eta: due }), call('when', [], { countdown: 1 })]
      for (const result of results) {
        const ran = Number(await result.get({ timeout: 60 }))
        assert.ok(ran * 1000 >= due.getTime() - 1 && ran * 1000 < due.getTime() + 600_000, `${ran}`)
      }
    })

    await t.test('what has expired is revoked [3-005, 4-044, 2-178]', async () => {
      const result = await call('note', ['expired', 'ran'], { countdown: 3, expires: 2 })
      const error = await result.get({ timeout: 60, propagate: false })
      assert.ok(error instanceof TaskRevokedError)
      assert.equal(error.message, 'expired')
      assert.equal(await result.state(), 'REVOKED')
      assert.deepEqual(readBook(place, 'expired'), [])
    })

    await t.test('urgent tasks run first [3-010, 5-101, 5-102]', async (t) => {
      for (const [label, priority] of [
        ['a', 3],
        ['b', 9],
        ['c', 0],
        ['d', 6],
        ['e', 9],
        ['f', 0],
      ] as const) {
        await call('note', ['order', label], { priority, queue: 'urgent', ignoreResult: true })
      }
      await startPython(t, place, ['-c', '1', '-Q', 'urgent', '-n', 'urgent@%h'])
      await eventually(() => readBook(place, 'order').length === 6)
      // Redis: 0 is the most urgent. RabbitMQ: 9 is.
      const expected = broker === 'redis' ? ['c', 'f', 'a', 'd', 'b', 'e'] : ['b', 'e', 'd', 'a', 'c', 'f']
      assert.deepEqual(readBook(place, 'order'), expected)
    })

    await t.test('results that nobody wants are not kept [3-021, 5-014, 4-003]', async () => {
      const result = await call('note', ['ignored', '1', 'value'], { ignoreResult: true })
      assert.equal(result.ignored, true)
      assert.equal(await result.get(), undefined)
      await worker.waitForOutput(new RegExp(`py\\.note\\[${result.id}\\] succeeded`))
      assert.equal(await new AsyncResult(result.id, app.resultContext).exists(), false)
    })

    await t.test('progress is seen while it runs [4-003, 4-031, 4-032, 2-183]', async () => {
      const seen = new Map<string, unknown>()
      const result = await call('progress', ['node-sees-progress'])
      await eventually(async () => (await result.state()) === 'PROGRESS')
      assert.deepEqual(await result.result(), { current: 1, total: 2 })
      openGate(place, 'node-sees-progress')
      assert.equal(await result.get({ timeout: 60 }), 'finished')
      const other = await call('progress', ['node-hears-progress'])
      const value = other.get({
        timeout: 60,
        onMessage: ({ status, result: meta }) => {
          seen.set(status, meta)
          if (status === 'PROGRESS') openGate(place, 'node-hears-progress')
        },
      })
      assert.equal(await value, 'finished')
      assert.deepEqual(
        [...seen],
        [
          ['PROGRESS', { current: 1, total: 2 }],
          ['SUCCESS', 'finished'],
        ],
      )
    })

    await t.test('STARTED tells where it runs [2-176, 4-032]', async () => {
      const result = await call('tracked', ['node-sees-started'])
      await eventually(async () => (await result.state()) === 'STARTED')
      const info = assertRecord(await result.result())
      assert.ok(Number(info['pid']) > 0)
      assert.match(String(info['hostname']), /^python@/)
      openGate(place, 'node-sees-started')
      assert.equal(await result.get({ timeout: 60 }), null)
    })

    await t.test(
      'extended results have name, arguments, worker, retries and queue [4-008, 4-037]',
      async () => {
        const before = await get('configure', { result_extended: true })
        const result = await call('echo', [1], { kwargs: { a: 2 } })
        await result.get({ timeout: 60 })
        await get('configure', before)
        assert.deepEqual(
          [
            await result.name(),
            await result.args(),
            await result.kwargs(),
            await result.retries(),
            await result.queue(),
          ],
          ['py.echo', [1], { a: 2 }, 0, 'py'],
        )
        assert.match((await result.worker()) ?? '', /^python@/)
      },
    )

    await t.test('date and children of a result [4-007, 4-034, 4-035, 4-013]', async () => {
      const result = await call('spawn', ['py.request'])
      const id = await result.get({ timeout: 60 })
      const date = await result.dateDone()
      assert.ok(date !== undefined && Math.abs(date.getTime() - Date.now()) < 600_000)
      const children = await result.children()
      assert.deepEqual(
        children?.map((child) => child.id),
        [id],
      )
      const request = assertRecord(await children?.[0]?.get({ timeout: 60 }))
      assert.deepEqual([request['parent_id'], request['root_id']], [result.id, result.id])
      assert.deepEqual(assertRecord(await result.getLeaf({ timeout: 60 }))['id'], id)
    })

    await t.test('results can be forgotten, and unknown ones are pending [4-010, 4-019]', async () => {
      const result = await call('add', [1, 1])
      await result.get({ timeout: 60 })
      const again = new AsyncResult(result.id, app.resultContext)
      assert.equal(await again.state(), 'SUCCESS')
      await result.forget()
      assert.equal(await new AsyncResult(result.id, app.resultContext).state(), 'PENDING')
    })

    await t.test(
      'callbacks and errbacks are called by Python [3-018, 3-099, 3-100, 3-101, 3-104]',
      async () => {
        const py = (name: string, ...args: unknown[]) => app.signature(`py.${name}`, { args })
        await call('add', [2, 3], { link: py('note_result', 'linked') })
        await call('add', [2, 4], {
          link: [py('note_result', 'linked-many'), py('mul', 10).link(py('note_result', 'linked-many'))],
        })
        const failing = [
          await call('fail', [], { linkError: py('errback', 'errback') }),
          await call('fail', [], { linkError: py('old_errback', 'old-errback') }),
          await call('retry', [9], { linkError: [py('old_errback', 'retried-errback')] }),
        ]
        const ids = failing.map(({ id }) => id)
        assert.deepEqual(await notes(place, 'linked'), [5])
        assert.deepEqual((await notes(place, 'linked-many', 2)).toSorted(), [6, 60])
        assert.deepEqual(await notes(place, 'errback'), [[ids[0], 'ValueError', 'no good', true]])
        assert.deepEqual(await notes(place, 'old-errback'), [ids[1]])
        assert.deepEqual(await notes(place, 'retried-errback'), [ids[2]])
      },
    )

    await t.test('task protocol 1 [5-022..5-024, 5-026, 3-065]', async (t) => {
      app.conf.taskProtocol = 1
      t.after(() => {
        app.conf.taskProtocol = 2
      })
      const result = await call('request', [1], {
        kwargs: { k: 2 },
        timeLimit: 30,
        softTimeLimit: 20,
        expires: 60,
      })
      const request = assertRecord(await result.get({ timeout: 60 }))
      assert.deepEqual(
        [
          request['id'],
          request['args'],
          request['kwargs'],
          request['timelimit'],
          Boolean(request['expires']),
        ],
        [result.id, [1], { k: 2 }, [30, 20], true],
      )
      assert.equal(await call('add', [2], { kwargs: { y: 3 } }).get({ timeout: 60 }), 5)
      assert.equal(await get('autoretry', 2), 2)
      const late = Date.now() + 1000
      assert.ok(Number(await call('when', [], { countdown: 1 }).get({ timeout: 60 })) * 1000 >= late - 1)
      const linked = app.signature('py.mul', { args: [10] })
      linked.link(app.signature('py.note_result', { args: ['v1'] }))
      await call('add', [2, 2], { link: linked })
      assert.deepEqual(await notes(place, 'v1'), [40])
      const py = (name: string, ...args: unknown[]) => app.signature(`py.${name}`, { args })
      const linear = chain([py('add', 2, 2), py('mul', 10), py('add', 1)])
      assert.equal(await linear.send([]).get({ timeout: 60 }), 41)
      const header = [1, 2, 3].map((n) => py('add', n, n))
      assert.equal(await chord(header, py('xsum')).send([]).get({ timeout: 60 }), 12)
    })

    await t.test('many calls at once', async () => {
      const results = await Promise.all(Array.from({ length: 200 }, (_, n) => call('add', [n, n])))
      const values = await Promise.all(results.map((result) => result.get({ timeout: 60 })))
      assert.deepEqual(
        values,
        Array.from({ length: 200 }, (_, n) => 2 * n),
      )
    })
  })
}

function assertRecord(value: unknown): Record<string, unknown> {
  assert.ok(
    typeof value === 'object' && value !== null && !Array.isArray(value),
    `no object: ${String(value)}`,
  )
  return Object.fromEntries(Object.entries(value))
}
