/** Python controls our workers, and our workers mingle with Python's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  BROKERS,
  needsPartners,
  openGate,
  startNodeCelery,
  startNodeWorker,
  startPartners,
  startPython,
} from './partners.ts'

/** What each snippet begins with: `inspect` asks our prefork worker alone, and waits no longer than needed. */
const HEAD = `
ours = ['prefork@test']
inspect = app.control.inspect(destination=ours, timeout=60)
def ask(name, *args, **kwargs):
    return getattr(inspect, name)(*args, **kwargs)['prefork@test']
def tell(name, *args, to='prefork@test', **kwargs):
    return getattr(app.control, name)(*args, reply=True, destination=[to], timeout=60, **kwargs)[0][to]
`

for (const broker of BROKERS) {
  test(`Python controls our workers: ${broker}`, needsPartners(broker), async (t) => {
    const partners = await startPartners(t, broker)
    const { python } = partners
    const run = (snippet: string): Promise<unknown> => python.run(HEAD + snippet)
    const words = [
      '-P',
      'prefork',
      '-c',
      '1',
      '-Q',
      'node',
      '-n',
      'prefork@test',
      '--prefetch-multiplier',
      '4',
    ]
    const worker = await startNodeCelery(t, partners, words)

    await t.test('inspect: ping, clock, report, conf, stats [6-102 6-104 6-106 6-107 6-108]', async () => {
      const answers = await run(`
stats = ask('stats')
return [
  ask('ping'), isinstance(ask('clock')['clock'], int), 'celeriac' in ask('report')['ok'],
  ask('conf')['worker_prefetch_multiplier'], 'task_serializer' in ask('conf'), ask('conf', with_defaults=True)['task_serializer'],
  list(stats), stats['pool']['max-concurrency'], len(stats['pool']['processes']), stats['pid'] in stats['pool']['processes'],
  stats['broker']['transport'] in ('redis', 'amqp'), isinstance(stats['clock'], str), isinstance(stats['rusage']['utime'], float),
]`)
      assert.deepEqual(answers, [
        ...[{ ok: 'pong' }, true, true, 1, false, 'json'],
        ['total', 'pid', 'clock', 'uptime', 'pool', 'broker', 'prefetch_count', 'rusage'],
        ...[1, 1, false, true, true, true],
      ])
    })

    await t.test(
      'inspect: active, reserved, scheduled, query_task, registered, active_queues [6-097 6-098 6-099 6-100 6-103 6-105 6-126]',
      async () => {
        const answers = await run(`
running, waiting = send('node.gate', 'inspected', 1), send('node.add', 2, 3)
later = send('node.add', 4, 5, countdown=300)
until(lambda: ask('active') and ask('reserved') and ask('scheduled'))
active, reserved, scheduled = ask('active'), ask('reserved'), ask('scheduled')
states = {id: state for id, (state, info) in ask('query_task', running.id, waiting.id, 'nobody').items()}
return [
  [task['id'] == running.id for task in active], active[0]['args'], active[0]['name'], active[0]['hostname'],
  abs(active[0]['time_start'] - time.time()) < 60, active[0]['worker_pid'] in ask('stats')['pool']['processes'],
  active[0]['delivery_info']['routing_key'], ask('active', safe=True)[0]['args'],
  [(task['id'] == waiting.id, task['args'], task['time_start']) for task in reserved],
  [(task['request']['id'] == later.id, task['priority']) for task in scheduled],
  datetime.datetime.fromisoformat(scheduled[0]['eta']).tzinfo is not None,
  states == {running.id: 'active', waiting.id: 'reserved'},
  'node.add' in ask('registered'), 'node.retry [max_retries=5]' in ask('registered', 'max_retries'),
  [(queue['name'], queue['exchange']['name'], queue['routing_key']) for queue in ask('active_queues')],
]`)
        openGate(partners, 'inspected')
        assert.deepEqual(answers, [
          ...[[true], ['inspected', 1], 'node.gate', 'prefork@test', true, true, 'node', "('inspected', 1)"],
          ...[[[true, [2, 3], null]], [[true, 6]], true, true, true, true, [['node', 'node', 'node']]],
        ])
      },
    )

    await t.test(
      'revoke: waiting, scheduled, and running by a signal [6-111 7-063 7-065 7-066]',
      async () => {
        const answers = await run(`
running = send('node.spin')
waiting, later = send('node.gate', 'never'), send('node.add', 1, 1, countdown=300)
until(lambda: len(ask('active')) == 1 and len(ask('reserved')) == 1 and any(one['request']['id'] == later.id for one in ask('scheduled')))
told = [tell('revoke', [waiting.id]), tell('revoke', [later.id]), tell('revoke', running.id, terminate=True, signal='SIGKILL')]
return [
  told == [
    {'ok': f"tasks {{'{waiting.id}'}} flagged as revoked"}, {'ok': f"tasks {{'{later.id}'}} flagged as revoked"},
    {'ok': f'terminate: {running.id}'},
  ],
  [outcome(one)['type'] for one in (running, waiting, later)], [one.state for one in (running, waiting, later)],
  get('node.add', 1, 1), set(ask('revoked')) == {running.id, waiting.id, later.id},
  tell('revoke', 'nobody', terminate=True), until(lambda: AsyncResult('nobody', app=app).state == 'REVOKED'),
]`)
        assert.deepEqual(answers, [
          true,
          ['TaskRevokedError', 'TaskRevokedError', 'TaskRevokedError'],
          ['REVOKED', 'REVOKED', 'REVOKED'],
          ...[2, true, { ok: 'terminate: tasks unknown' }, true],
        ])
      },
    )

    await t.test('revoke terminates in the async pool, too [6-111 7-065]', async (t) => {
      await startNodeWorker(t, partners, { hostname: 'async@test', queues: ['shared'] })
      const answers = await run(`
running = send('node.gate', 'never', queue='shared')
there = app.control.inspect(destination=['async@test'], timeout=60)
until(lambda: there.active()['async@test'])
told = tell('revoke', running.id, terminate=True, to='async@test')
return [told == {'ok': f'terminate: {running.id}'}, outcome(running)['type'], until(lambda: not there.active()['async@test'])]`)
      assert.deepEqual(answers, [true, 'TaskRevokedError', true])
    })

    await t.test(
      'rate_limit, time_limit, add_consumer, cancel_consumer [6-114 6-115 6-116 6-117]',
      async () => {
        const answers = await run(`
names = lambda: [queue['name'] for queue in ask('active_queues')]
answers = [
  tell('rate_limit', 'node.add', '100/s'), [name for name in ask('registered') if name.startswith('node.add')],
  tell('rate_limit', 'node.add', 0), tell('rate_limit', 'nobody', '1/s'),
  tell('time_limit', 'node.spin', soft=0.2, hard=0.5), outcome(send('node.spin'))['type'], tell('time_limit', 'node.spin'),
  tell('add_consumer', 'extra', exchange='extra-ex', exchange_type='topic', routing_key='extra.#'),
]
until(lambda: names() == ['node', 'extra'])
answers.append(get('node.add', 3, 4, queue='extra'))
answers.append(tell('cancel_consumer', 'extra'))
until(lambda: names() == ['node'])
return answers`)
        assert.deepEqual(answers, [
          { ok: 'new rate limit set successfully' },
          ['node.add [rate_limit=100/s]'],
          { ok: 'rate limit disabled successfully' },
          { error: 'unknown task' },
          { ok: 'time limits set successfully' },
          'TimeLimitExceeded',
          { ok: 'time limits set successfully' },
          ...[{ ok: 'add consumer extra' }, 7, { ok: 'no longer consuming from extra' }],
        ])
      },
    )

    await t.test('pool_grow, pool_shrink, and what is refused [6-120 6-121 6-122 5-083 5-084]', async () => {
      const answers = await run(`
size = lambda: ask('stats')['pool']['max-concurrency']
answers = [tell('pool_grow', 1)]
until(lambda: size() == 2 and len(ask('stats')['pool']['processes']) == 2)
answers.append(tell('pool_shrink', 1))
until(lambda: size() == 1 and len(ask('stats')['pool']['processes']) == 1)
return answers + [tell('autoscale', 3, 1), tell('pool_restart'), tell('broadcast', 'no_such_command')]`)
      assert.deepEqual(answers, [
        { ok: 'pool will grow' },
        { ok: 'pool will shrink' },
        { error: "ValueError('Autoscale not enabled')" },
        { error: "ValueError('Pool restarts not enabled')" },
        { error: "KeyError('no_such_command')" },
      ])
    })

    await t.test('workers of both sides tell each other what is revoked [5-089 5-090 6-110]', async (t) => {
      const answers = await run(`
import time
from celery.utils.collections import LimitedSet
reply = ask('hello', 'py@test', {'x': time.monotonic()})
known = LimitedSet(maxlen=10, expires=3600)
known.update(reply['revoked'])
known.purge()
return ['x' in known, all(isinstance(stamp, float) for stamp, id in reply['revoked'].values()), 'x' in ask('revoked')]`)
      assert.deepEqual(answers, [true, true, true])
      await startPython(t, partners)
      await run(`
def python():
  return [name for name in app.control.inspect(timeout=1).ping() or {} if name.startswith('python@')]
app.control.revoke(['known to Python'], destination=until(python), reply=True)`)
      const fresh = await startNodeCelery(t, partners, ['-P', 'solo', '-Q', 'held', '-n', 'fresh@test'])
      await fresh.waitForOutput(/mingle: sync with 2 nodes/)
      const revoked = await run(
        `return app.control.inspect(destination=['fresh@test'], timeout=60).revoked()['fresh@test']`,
      )
      assert.ok(Array.isArray(revoked) && revoked.includes('known to Python') && revoked.includes('x'))
    })

    await t.test('shutdown ends the worker with exit code 0 [6-093 6-123]', async () => {
      await run('app.control.shutdown(destination=ours)')
      assert.equal(await worker.wait(), 0)
    })
  })
}
