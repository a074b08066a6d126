/** Python's client calls tasks that run in a worker of ours: what it sends, and what it gets back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import {
  BROKERS,
  needsPartners,
  notes,
  openGate,
  readBook,
  startNodeWorker,
  startPartners,
} from './partners.ts'

for (const broker of BROKERS) {
  test(`Python calls our worker: ${broker}`, needsPartners(broker), async (t) => {
    const partners = await startPartners(t, broker)
    const { python, app, redis } = partners
    const worker = await startNodeWorker(t, partners)

    await t.test('arguments by position and by name [5-001, 5-004, 5-006, 5-018, 3-001]', async () => {
      const answers = await python.run(`
        return [
          get('node.add', 2, 3), get('node.add', 2), get('node.add', 2, kwargs={'y': 5}),
          get('node.add', kwargs={'x': 2, 'y': 3}), sig('node.add').delay(4, 4).get(timeout=60),
          get('node.echo'), get('node.echo', 1, kwargs={'a': [1]}), get('node.echo', kwargs={'a': 1}),
        ]`)
      assert.deepEqual(answers, [5, 3, 7, 5, 8, null, [1, { a: [1] }], { a: 1 }])
    })

    await t.test('arguments that do not fit are a TypeError, as in Python', async () => {
      const answers = await python.run(`
        return [outcome(send('node.add', **call)) for call in
                ({'kwargs': {'z': 1}}, {'kwargs': {}}, {'kwargs': {'x': 1, 'wrong': 2}})]`)
      for (const answer of assertRecords(answers)) {
        assert.equal(answer['type'], 'TypeError')
        assert.equal(answer['module'], 'builtins')
      }
    })

    await t.test('all that the headers say arrives [5-002..5-017, 3-010, 3-014, 3-019, 3-020]', async () => {
      const answer = assertRecord(
        await python.run(`
          result = send('node.request', 1, 'two', kwargs={'k': None}, priority=3, shadow='alias', headers={'custom': 'yes', 'n': 5},
                        time_limit=30, soft_time_limit=20, countdown=-1, expires=60)
          return {**result.get(timeout=60), 'sent_id': result.id, 'oid': app.thread_oid}`),
      )
      assert.deepEqual(
        { ...answer, eta: null, expires: null, origin: null, headers: null },
        {
          id: answer['sent_id'],
          sent_id: answer['sent_id'],
          root_id: answer['sent_id'],
          correlation_id: answer['sent_id'],
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
          routing_key: 'node',
          headers: null,
          shadow: 'alias',
          origin: null,
          reply_to: answer['oid'],
          oid: answer['oid'],
          ignore_result: false,
          stamped_headers: null,
          stamps: {},
        },
      )
      assert.match(String(answer['origin']), /^gen\d+@/)
      const until = Date.parse(String(answer['expires'])) - Date.now()
      assert.ok(until > 30_000 && until < 61_000, `expires in ${until} ms`)
      assert.deepEqual(answer['headers'], { custom: 'yes', n: 5 })
    })

    // Python makes up a class in its own module for what it does not know.
    await t.test('errors come back by name, message and module [4-031..4-033, 4-039, 2-195]', async () => {
      const answers = assertRecord(
        await python.run(`
          kinds = ['TypeError', 'SyntaxError', 'RangeError', 'Error', 'StockError', 'text', 'Unicode', 'cause', 'renamed']
          return {kind: outcome(send('node.fail', kind)) for kind in kinds}`),
      )
      const seen = Object.entries(answers).map(([kind, answer]) => {
        const { state, type, module, args } = assertRecord(answer)
        return [kind, state, type, module, args]
      })
      assert.deepEqual(seen, [
        ['TypeError', 'FAILURE', 'TypeError', 'builtins', ['wrong kind']],
        ['SyntaxError', 'FAILURE', 'SyntaxError', 'builtins', ['cannot read']],
        ['RangeError', 'FAILURE', 'RangeError', 'celery.exceptions', ['too much']],
        ['Error', 'FAILURE', 'Error', 'celery.exceptions', ['just wrong']],
        ['StockError', 'FAILURE', 'StockError', 'celery.exceptions', ['sold out']],
        ['text', 'FAILURE', 'Error', 'celery.exceptions', ['a text is no error']],
        ['Unicode', 'FAILURE', 'Error', 'celery.exceptions', ['Größe ≠ 大小 🎉']],
        ['cause', 'FAILURE', 'Error', 'celery.exceptions', ['outside']],
        ['renamed', 'FAILURE', 'Conflict', 'celery.exceptions', ['taken']],
      ])
    })

    await t.test('an error that both know keeps its class and arguments [4-039, 4-040]', async () => {
      const answer = assertRecord(await python.run(`return outcome(send('node.fail', 'PaymentError'))`))
      assert.deepEqual(
        [answer['type'], answer['module'], answer['args']],
        ['PaymentError', 'pyapp', [12, 'EUR']],
      )
    })

    await t.test('arguments that cannot be sent hide no error [4-039]', async () => {
      const answer = assertRecord(await python.run(`return outcome(send('node.fail', 'unsendable'))`))
      assert.deepEqual(
        [answer['state'], answer['type'], answer['module'], answer['args']],
        ['FAILURE', 'PaymentError', 'pyapp', ["{'EUR': 12}", 2 ** 60]],
      )
    })

    await t.test('tracebacks are ours, with file and line [4-033]', async () => {
      const answers = assertRecord(
        await python.run(
          `return {kind: outcome(send('node.fail', kind)) for kind in ('RangeError', 'cause')}`,
        ),
      )
      const [range, cause] = Object.values(answers).map((answer) => String(assertRecord(answer)['traceback']))
      assert.match(range ?? '', /RangeError: too much[\s\S]*node-app\.ts/)
      assert.match(cause ?? '', /inside[\s\S]*outside|outside[\s\S]*inside/)
    })

    await t.test('a result that cannot be sent is a failure [2-167]', async () => {
      const answer = assertRecord(await python.run(`return outcome(send('node.unserializable'))`))
      assert.deepEqual(
        [answer['state'], answer['type'], answer['module']],
        ['FAILURE', 'EncodeError', 'kombu.exceptions'],
      )
    })

    await t.test('retries keep the id and count up; the last error wins [2-132, 2-136, 2-141]', async () => {
      const answers = await python.run(`
        result = send('node.retry', 2)
        given_up = outcome(send('node.retry', 9))
        return [
          {**result.get(timeout=60), 'same': result.get()['id'] == result.id}['same'], result.get()['retries'],
          get('node.autoretry', 2), outcome(send('node.autoretry', 9))['type'],
          given_up['type'], given_up['args'], outcome(send('node.give_up'))['type'],
        ]`)
      assert.deepEqual(answers, [
        true,
        2,
        2,
        'RangeError',
        'RangeError',
        ['attempt 5'],
        'MaxRetriesExceededError',
      ])
    })

    await t.test('a task that waits for its retry says so [4-043, 2-168, 2-180]', async () => {
      const answer = await python.run(`
        result = send('node.waits_in_retry')
        until(lambda: result.state in ('RETRY', 'SUCCESS'))
        seen = result.state, type(result.result).__name__, str(result.result), bool(result.traceback)
        return [*seen, result.get(timeout=60)]`)
      assert.deepEqual(answer, ['RETRY', 'RangeError', 'not yet', true, 'done'])
    })

    await t.test('countdown and eta are kept [3-003, 3-004, 5-009]', async () => {
      const answers = await python.run(`
        eta = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=5))) + datetime.timedelta(seconds=1)
        due = eta.timestamp()
        later, counted = send('node.when', eta=eta), send('node.when', countdown=1)
        return [0 <= result.get(timeout=60) - due < 600 for result in (later, counted)]`)
      assert.deepEqual(answers, [true, true])
    })

    await t.test('what has expired is revoked [3-005, 4-044, 2-178]', async () => {
      const answer = assertRecord(
        await python.run(`return outcome(send('node.note', 'expired', 'ran', countdown=3, expires=2))`),
      )
      assert.deepEqual(
        [answer['state'], answer['type'], answer['module'], answer['args']],
        ['REVOKED', 'TaskRevokedError', 'celery.exceptions', ['expired']],
      )
      assert.deepEqual(readBook(partners, 'expired'), [])
    })

    await t.test('urgent tasks run first [3-010, 5-101]', async (t) => {
      await python.run(`
        # Declares the queue with its priorities before anything is in it.
        for label, priority in [('a', 3), ('b', 9), ('c', 0), ('d', 6), ('e', 9), ('f', 0)]:
          send('node.note', 'order', label, priority=priority, queue='urgent', ignore_result=True)`)
      await startNodeWorker(t, partners, { queues: ['urgent'], concurrency: 1 })
      await eventually(() => readBook(partners, 'order').length === 6)
      // Redis: 0 is the most urgent. RabbitMQ: 9 is.
      const expected = broker === 'redis' ? ['c', 'f', 'a', 'd', 'b', 'e'] : ['b', 'e', 'd', 'a', 'c', 'f']
      assert.deepEqual(readBook(partners, 'order'), expected)
    })

    await t.test('results that nobody wants are not kept [3-021, 5-014]', async () => {
      const answer = await python.run(`
        result = send('node.note', 'ignored', '1', 'value', ignore_result=True)
        return [result.id, result.ignored]`)
      assert.ok(Array.isArray(answer))
      const [id, ignored]: readonly unknown[] = answer
      assert.equal(ignored, true)
      await notes(partners, 'ignored')
      await worker.state.whenIdle()
      assert.deepEqual(await redis.command(`EXISTS celery-task-meta-${String(id)}`), ['0'])
    })

    await t.test('states of a task’s own are seen while it runs [4-031, 4-032, 2-183]', async () => {
      const id = await python.run(`
        result = send('node.progress', 'py-sees-progress')
        until(lambda: result.state != 'PENDING')
        assert (result.state, result.info) == ('PROGRESS', {'current': 1, 'total': 2}), (result.state, result.info)
        return result.id`)
      openGate(partners, 'py-sees-progress')
      assert.equal(await python.run(`return AsyncResult(id, app=app).get(timeout=60)`, { id }), 'finished')
    })

    await t.test('STARTED tells where it runs [2-160, 2-176, 4-032]', async () => {
      const seen = await python.run(`
        result = send('node.tracked', 'py-sees-started')
        until(lambda: result.state != 'PENDING')
        return [result.state, result.info]`)
      openGate(partners, 'py-sees-started')
      assert.deepEqual(seen, ['STARTED', { pid: process.pid, hostname: worker.hostname }])
    })

    await t.test(
      'extended results have name, arguments, worker, retries and queue [4-008, 4-037]',
      async (t) => {
        app.conf.resultExtended = true
        t.after(() => {
          app.conf.resultExtended = false
        })
        const answer = await python.run(`
        r = send('node.retry', 1)
        r.get(timeout=60)
        f = send('node.echo', 1, kwargs={'a': 2})
        f.get(timeout=60)
        return [[x.name, x.args, x.kwargs, x.worker, x.retries, x.queue] for x in (r, f)]`)
        assert.deepEqual(answer, [
          ['node.retry', [1], {}, worker.hostname, 1, 'node'],
          ['node.echo', [1], { a: 2 }, worker.hostname, 0, 'node'],
        ])
      },
    )

    await t.test(
      'results have a date, and no children unless there are some [4-034..4-036, 4-038]',
      async () => {
        const answer = await python.run(`
        r = send('node.add', 1, 1)
        r.get(timeout=60)
        meta = json.loads(app.backend.get(app.backend.get_key_for_task(r.id)))
        age = datetime.datetime.now(datetime.timezone.utc) - r.date_done.replace(tzinfo=r.date_done.tzinfo or datetime.timezone.utc)
        return [list(meta), r.children, abs(age.total_seconds()) < 600]`)
        assert.deepEqual(answer, [
          ['status', 'result', 'traceback', 'children', 'date_done', 'task_id'],
          [],
          true,
        ])
      },
    )

    await t.test('calls that a task makes are its children [3-133, 4-034, 4-013]', async () => {
      const answer = await python.run(`
        r = send('node.spawn', 'node.request')
        child = AsyncResult(r.get(timeout=60), app=app)
        request = child.get(timeout=60)
        return [
          [c.id for c in r.children] == [child.id], request['parent_id'] == r.id, request['root_id'] == r.id,
          [value['id'] if isinstance(value, dict) else value for _, value in r.collect()] == [child.id, child.id],
        ]`)
      assert.deepEqual(answer, [true, true, true, true])
    })

    await t.test('results can be forgotten, and unknown ones are pending [4-010, 4-019]', async () => {
      const answer = await python.run(`
        r = send('node.add', 1, 1)
        r.get(timeout=60)
        before = AsyncResult(r.id, app=app).state
        r.forget()
        return [before, AsyncResult(r.id, app=app).state]`)
      assert.deepEqual(answer, ['SUCCESS', 'PENDING'])
    })

    await t.test(
      'callbacks and errbacks of either side are called [3-018, 3-099, 3-101, 3-104]',
      async () => {
        const ids = await python.run(`
        a = send('node.add', 2, 3, link=sig('node.note_result', 'linked'))
        b = send('node.add', 2, 4, link=[sig('node.note_result', 'linked-many'), sig('node.mul', 10, link=sig('node.note_result', 'linked-many'))])
        failing = [
          send('node.fail', 'RangeError', link_error=sig('node.errback', 'errback')),
          send('node.fail', 'RangeError', link_error=sig('node.old_errback', 'old-errback')),
          send('node.retry', 9, link_error=[sig('node.old_errback', 'retried-errback')]),
        ]
        b.get(timeout=60)
        return [r.id for r in failing]`)
        assert.ok(Array.isArray(ids))
        assert.deepEqual(await notes(partners, 'linked'), [5])
        assert.deepEqual((await notes(partners, 'linked-many', 2)).toSorted(), [6, 60])
        assert.deepEqual(await notes(partners, 'errback'), [[ids[0], 'RangeError', 'too much', true]])
        assert.deepEqual(await notes(partners, 'old-errback'), [ids[1]])
        assert.deepEqual(await notes(partners, 'retried-errback'), [ids[2]])
      },
    )

    await t.test('stamps arrive [3-183, 3-189, 5-015]', async () => {
      const answer = await python.run(`
        signature = sig('node.request')
        signature.stamp(customer='c1', tags=['a', 'b'])
        request = signature.delay().get(timeout=60)
        return [sorted(request['stamped_headers']), request['stamps']]`)
      assert.deepEqual(answer, [['customer', 'tags'], { customer: 'c1', tags: ['a', 'b'] }])
    })

    await t.test('task protocol 1 [5-022, 5-023, 5-026, 3-065, 2-151]', async () => {
      const answer = await python.run(`
        with settings(task_protocol=1):
          r = send('node.request', 1, kwargs={'k': 2}, time_limit=30, soft_time_limit=20, expires=60)
          request = r.get(timeout=60)
          late = send('node.when', countdown=1)
          due = datetime.datetime.now().timestamp() + 0.9
          return [
            request['id'] == r.id, request['args'], request['kwargs'], request['timelimit'], bool(request['expires']),
            get('node.add', 2, kwargs={'y': 3}), outcome(send('node.fail', 'TypeError'))['type'], get('node.autoretry', 2),
            chain(sig('node.add', 2, 2), sig('node.mul', 10), sig('node.add', 1)).delay().get(timeout=60),
            value(chord([sig('node.add', n, n) for n in range(4)], sig('node.xsum')).delay()),
            outcome(send('node.add', 1, 1, countdown=3, expires=2))['state'], late.get(timeout=60) >= due,
          ]`)
      assert.deepEqual(answer, [
        true,
        [1],
        { k: 2 },
        [30, 20],
        true,
        5,
        'TypeError',
        2,
        41,
        12,
        'REVOKED',
        true,
      ])
    })

    await t.test(
      'a pickle is kept, with the reason, where Python can look at it [5-032, 5-037]',
      async () => {
        const answer = await python.run(`
        result = send('node.add', 1, 1, serializer='pickle')
        message = until(dead_letter)
        death = message.headers['celeriac_death']
        return [message.headers['id'] == result.id, message.content_type, death['reason'], death['queue'],
                  pickle.loads(message.body)[0] == (1, 1)]`)
        assert.deepEqual(answer, [true, 'application/x-python-serialize', 'disallowed', 'node', true])
      },
    )

    await t.test('Ignore and Reject leave no result [2-169]', async () => {
      const answer = await python.run(`
        results = [send('node.ignore'), send('node.reject')]
        get('node.add', 1, 1)
        return [r.id for r in results]`)
      assert.ok(Array.isArray(answer))
      await eventually(() => (worker.state.totals.get('node.reject') ?? 0) > 0)
      await worker.state.whenIdle()
      for (const id of answer) {
        assert.deepEqual(await redis.command(`EXISTS celery-task-meta-${String(id)}`), ['0'])
      }
    })

    await t.test('a task that is not registered fails for its caller', async () => {
      const answer = assertRecord(await python.run(`return outcome(send('node.nobody', 1))`))
      assert.deepEqual(
        [answer['state'], answer['type'], answer['module']],
        ['FAILURE', 'NotRegistered', 'celery.exceptions'],
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

function assertRecords(value: unknown): Record<string, unknown>[] {
  assert.ok(Array.isArray(value))
  return value.map(assertRecord)
}
