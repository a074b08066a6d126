/** Events between Python and us: either side watches the other's worker, and both live in one fleet. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CeleryEvent } from '../../src/protocol/events.ts'
import { StreamLogger } from '../../src/util/logger.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { startPythonCelery, startPythonWorker } from '../support/python.ts'
import { startProcess } from '../support/spawn.ts'
import {
  BROKERS,
  CLI,
  needsPartners,
  PYTHON_APP,
  startNodeApp,
  startNodeWorker,
  startPartners,
  startPlace,
} from './partners.ts'
import { startPythonClient } from './python-client.ts'

/** Lets a thread of the Python client watch, as a monitor does. */
const WATCH = `
  import threading
  app.seen, app.ready = [], threading.Event()
  app.watched = app.events.State()
  def take(event):
    app.watched.event(dict(event))
    app.seen.append(event)
  def watch():
    with app.connection_for_read() as connection:
      receiver = app.events.Receiver(connection, handlers={'*': take})
      receiver.on_consume_ready = lambda *_, **__: app.ready.set()
      receiver.capture()
  threading.Thread(target=watch, daemon=True).start()
  return app.ready.wait(60)`

/** What Python's state knows of a task once it has come to an end. */
const KNOWN = `
  import time
  deadline = time.monotonic() + 60
  while time.monotonic() < deadline:
    task = app.watched.tasks.get(id)
    if task is not None and task.state in until and task.sent: break
    time.sleep(0.02)
  return {**task.as_dict(), 'worker': task.worker and task.worker.hostname, 'types': [e['type'] for e in app.seen if e.get('uuid') == id]}`

for (const broker of BROKERS) {
  test(`Python watches our worker, with ${broker} [5-054 5-056 9-019]`, needsPartners(broker), async (t) => {
    const { app, python, ...rest } = await startPartners(t, broker)
    app.conf.taskSendSentEvent = true
    app.task('node.tell', { bind: true }, async (self) => {
      await self.sendEvent('task-progress', { percent: 50 })
      return 'told'
    })
    assert.equal(await python.run(WATCH), true)
    const worker = await startNodeWorker(
      t,
      { ...rest, app },
      {
        taskEvents: true,
        hostname: 'node@test',
        heartbeatInterval: 1,
      },
    )
    const know = async (id: string, ...until: string[]): Promise<Record<string, unknown>> => {
      const known = await python.run(KNOWN, { id, until })
      assert.ok(typeof known === 'object' && known !== null)
      return { ...known }
    }

    await t.test(
      'a task from its sending to its end [5-050 5-051 5-055 5-059 5-060 5-061 5-062]',
      async () => {
        const { id } = await app.signature('node.add', { args: [2, 3] }).delay()
        const task = await know(id, 'SUCCESS')
        const types = typesOf(task)
        // Clients wait for the broker first, so a worker may be faster.
        assert.deepEqual(types.toSorted(), ['task-received', 'task-sent', 'task-started', 'task-succeeded'])
        assert.deepEqual(
          types.filter((type) => type !== 'task-sent'),
          ['task-received', 'task-started', 'task-succeeded'],
        )
        const {
          name,
          args,
          kwargs,
          state,
          result,
          retries,
          worker: by,
          root_id: root,
          parent_id: parent,
        } = task
        assert.deepEqual(
          { name, args, kwargs, state, result, retries, by, root, parent },
          {
            name: 'node.add',
            args: '(2, 3)',
            kwargs: '{}',
            state: 'SUCCESS',
            result: '5',
            retries: 0,
            by: 'node@test',
            root: id,
            parent: null,
          },
        )
        assert.equal(task['routing_key'], 'node')
        assert.match(String(task['client']), /^gen\d+@/)
        for (const time of ['sent', 'received', 'started', 'succeeded', 'runtime']) {
          assert.equal(typeof task[time], 'number', time)
        }
      },
    )

    await t.test(
      'failures, retries and what tasks tell themselves [5-063 5-066 5-068 2-120 11-008]',
      async () => {
        const failed = await app.signature('node.fail', { args: ['TypeError'] }).delay()
        const failure = await know(failed.id, 'FAILURE')
        assert.equal(failure['exception'], "TypeError('wrong kind')")
        assert.match(String(failure['traceback']), /TypeError: wrong kind/)
        const retried = await app.signature('node.retry', { args: [1] }).delay()
        const retry = await know(retried.id, 'SUCCESS')
        assert.equal(typesOf(retry).filter((type) => type === 'task-retried').length, 1)
        assert.equal(retry['retries'], 1)
        assert.match(String(retry['exception']), /attempt 0/)
        const told = await app.signature('node.tell').delay()
        const tell = await know(told.id, 'SUCCESS')
        assert.deepEqual(
          typesOf(tell).filter((type) => type !== 'task-sent'),
          ['task-received', 'task-started', 'task-progress', 'task-succeeded'],
        )
      },
    )

    await t.test('tasks that are expired or unknown [5-065 5-063]', async () => {
      const expired = await app.signature('node.add').applyAsync({ args: [1, 1], countdown: 3, expires: 2 })
      const revoked = await know(expired.id, 'REVOKED')
      assert.deepEqual(typesOf(revoked).toSorted(), ['task-received', 'task-revoked', 'task-sent'])
      const unknown = await app.sendTask('node.nobody_knows', [], {}, { queue: 'node' })
      const failure = await know(unknown.id, 'FAILURE')
      assert.equal(failure['exception'], "NotRegistered('node.nobody_knows')")
    })

    await t.test('the worker itself, until it leaves [5-069 5-070 5-071 9-008]', async () => {
      const beating = await python.run(`
        import time
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not any(e['type'] == 'worker-heartbeat' and e['hostname'] == 'node@test' for e in app.seen): time.sleep(0.02)
        w = app.watched.workers['node@test']
        return [w.alive, w.freq, w.sw_ident, w.sw_sys, w.active, w.processed, len(w.loadavg), w.pid, app.seen[0]['type'], type(w.freq).__name__]`)
      assert.deepEqual(beating, [
        true,
        1,
        'celeriac',
        process.platform === 'linux' ? 'Linux' : process.platform,
        0,
        5,
        3,
        process.pid,
        'worker-online',
        'float',
      ])
      await worker.stop()
      const left = await python.run(`
        import time
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and app.seen[-1]['type'] != 'worker-offline': time.sleep(0.02)
        return [app.seen[-1]['type'], app.watched.workers['node@test'].alive]`)
      assert.deepEqual(left, ['worker-offline', false])
    })
  })

  test(`we watch a Python worker, with ${broker} [9-003 9-004 9-009]`, needsPartners(broker), async (t) => {
    const place = await startPlace(t, broker, { settings: { task_send_sent_event: true } })
    const { app } = startNodeApp(t, place)
    const state = app.events.state()
    const seen: CeleryEvent[] = []
    const stop = new AbortController()
    const ready = Promise.withResolvers<void>()
    const receiver = app.events.receiver({
      handlers: {
        '*': (event) => {
          seen.push(event)
          state.event(event)
        },
      },
    })
    const capturing = receiver.capture({ signal: stop.signal, onConsumeReady: ready.resolve })
    const abort = (): void => stop.abort()
    onCleanup(t, () => capturing, abort)
    onCleanup(t, async () => abort(), abort)
    await ready.promise
    const [python] = await Promise.all([
      startPythonClient(t, place.env),
      startPythonWorker(t, {
        app: PYTHON_APP,
        args: ['-c', '1', '-Q', 'py', '-E', '-n', 'python@test', '--without-mingle', '--without-gossip'],
        env: place.env,
      }),
    ])
    const added = await python.run(`return send('py.add', 2, 3, task_id='added').id`)
    await python.run(
      `return [send('py.fail', 'KeyError', task_id='failed').id, send('py.retry', 1, task_id='retried').id]`,
    )
    await eventually(() => ['added', 'failed', 'retried'].every((id) => state.tasks.get(id)?.ready))
    const add = state.tasks.get('added')
    assert.deepEqual(
      [add?.name, add?.args, add?.state, add?.result, add?.worker?.hostname, add?.routingKey],
      ['py.add', '(2, 3)', 'SUCCESS', '5', 'python@test', 'py'],
    )
    assert.equal(state.tasks.get('failed')?.exception, "KeyError('missing')")
    assert.match(state.tasks.get('failed')?.traceback ?? '', /^Traceback/)
    assert.equal(state.tasks.get('retried')?.retries, 1)
    // That of the client and those of the worker come on ways of their own.
    await eventually(() => {
      const types = seen.filter(({ uuid }) => uuid === added).map(({ type }) => type)
      assert.deepEqual(types.toSorted(), ['task-received', 'task-sent', 'task-started', 'task-succeeded'])
    })
    const worker = state.workers.get('python@test')
    assert.deepEqual([worker?.alive, worker?.swIdent], [true, 'py-celery'])
  })
}

for (const broker of BROKERS) {
  const title = `one fleet: workers hear of each other and elect one, with ${broker} [5-091 5-092 5-072 5-073]`
  test(title, needsPartners(broker), async (t) => {
    const place = await startPlace(t, broker)
    const node = startNodeApp(t, place)
    const theirs = await startPythonWorker(t, {
      app: PYTHON_APP,
      args: ['-l', 'DEBUG', '-c', '1', '-Q', 'py', '-n', 'python@test'],
      env: place.env,
    })
    const lines: string[] = []
    const logger = new StreamLogger('celery', { level: 'DEBUG', write: (line) => void lines.push(line) })
    const logged = (text: string): Promise<void> =>
      eventually(() => lines.some((line) => line.includes(text)))
    const ours = await startNodeWorker(t, node, { hostname: 'node@test', logger })
    await theirs.waitForOutput(/node@test joined the party/)
    await logged('python@test joined the party')

    // Only we stand: a Python worker that stands dies when it knows of one candidate (kombu's `sort_heap`).
    const action = node.app.signature('py.add', { args: [1, 2] }).set({ taskId: 'elected' })
    ours.events.gossip?.elect('vote', 'task', action.toJSON())
    await logged("I won the election 'vote'")
    assert.equal(await node.app.asyncResult('elected').get({ timeout: 60 }), 3)

    await ours.stop()
    await theirs.waitForOutput(/node@test left/)
    for (const log of [theirs.output(), lines.join('')])
      assert.doesNotMatch(log, /WARN|ERROR|CRITICAL|Traceback/)
  })
}

test('a dump has the lines of Python’s [9-017] [6-030]', needsPartners('redis'), async (t) => {
  const place = await startPlace(t, 'redis')
  const node = startNodeApp(t, place)
  const theirs = startPythonCelery(t, { app: PYTHON_APP, args: ['events', '--dump'], env: place.env })
  const ours = startProcess(process.execPath, [CLI, '-b', place.broker, 'events', '--dump'], { t })
  const dispatcher = node.app.events.defaultDispatcher()
  await eventually(async () => {
    await dispatcher.publish('test-probe')
    return [theirs, ours].every((dump) => dump.stdout().includes('test probe'))
  })
  const worker = await startNodeWorker(t, node, { taskEvents: true, heartbeat: false, hostname: 'node@test' })
  await node.app
    .signature('node.add', { args: [2, 3] })
    .delay()
    .get({ timeout: 60 })
  await assert.rejects(
    node.app
      .signature('node.fail', { args: ['Unicode'] })
      .delay()
      .get({ timeout: 60 }),
  )
  await dispatcher.publish('test-of-values', { a: null, b: true, c: [1, 'x', 0.5], d: { e: 'f' }, g: 1e-7 })
  await worker.stop()
  await dispatcher.publish('test-end')
  await Promise.all([theirs, ours].map((dump) => dump.waitForOutput(/test end/)))
  const [expected, actual] = [theirs, ours].map((dump) =>
    dump
      .stdout()
      .replaceAll(/local_received=[\d.]+/g, 'local_received=?')
      .split('\n')
      .filter((line) => !line.includes('test probe')),
  )
  assert.deepEqual(actual, expected)
  assert.equal(expected?.[0], '-> evdump: starting capture...')
  assert.equal(await ours.stop(), 0)
})

function typesOf({ types }: Readonly<Record<string, unknown>>): string[] {
  assert.ok(Array.isArray(types))
  return types.map(String)
}
