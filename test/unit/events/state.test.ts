import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StateOptions } from '../../../src/events/state.ts'
import { State } from '../../../src/events/state.ts'
import type { TaskRecord } from '../../../src/events/task-record.ts'
import { heartbeatExpires } from '../../../src/events/worker-record.ts'
import { silentLogger } from '../../../src/util/logger.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

/** A state, and ways to tell it things. Events come at once, with a growing logical clock. */
function setUp(options: StateOptions = {}) {
  const clock = new VirtualClock()
  const state = new State({ clock, ...options })
  let last = 0
  const tell = (type: string, fields: Record<string, unknown> = {}): void => {
    const now = clock.now() / 1000
    last += 1
    state.event({ type, hostname: 'w1', pid: 7, clock: last, timestamp: now, local_received: now, ...fields })
  }
  const ids = (tasks: Iterable<TaskRecord>): string[] => [...tasks].map(({ uuid }) => uuid)
  return { clock, state, tell, ids }
}

test('a worker is alive for twice its interval after its last heartbeat [9-007 9-008]', async () => {
  const { clock, state, tell } = setUp()
  tell('worker-online', {
    freq: 2,
    active: 1,
    processed: 9,
    loadavg: [1, 2, 3],
    sw_ident: 'py-celery',
    sw_ver: '5',
    sw_sys: 'Linux',
  })
  const worker = state.workers.get('w1')
  assert.ok(worker)
  const { hostname, pid, freq, active, processed, loadavg, swIdent, swVer, swSys, id } = worker
  assert.deepEqual(
    { hostname, pid, freq, active, processed, loadavg, swIdent, swVer, swSys, id },
    {
      hostname: 'w1',
      pid: 7,
      freq: 2,
      active: 1,
      processed: 9,
      loadavg: [1, 2, 3],
      swIdent: 'py-celery',
      swVer: '5',
      swSys: 'Linux',
      id: 'w1.7',
    },
  )
  await clock.advance(3_999)
  assert.deepEqual([worker.alive, worker.statusString], [true, 'ONLINE'])
  await clock.advance(2)
  assert.deepEqual([worker.alive, worker.statusString], [false, 'OFFLINE'])
  for (let n = 0; n < 6; n++) tell('worker-heartbeat')
  assert.equal(worker.heartbeats.length, 4)
  assert.equal(worker.alive, true)
  tell('worker-offline')
  assert.equal(worker.alive, false)
  assert.equal(heartbeatExpires(100), 220)
  assert.equal(heartbeatExpires(100, 10, 150), 115)
})

test('whoever wants to know is told who comes and goes [9-012]', () => {
  const seen: string[] = []
  const { state, tell } = setUp({
    onNodeJoin: ({ hostname }) => void seen.push(`+${hostname}`),
    onNodeLeave: ({ hostname }) => void seen.push(`-${hostname}`),
  })
  tell('worker-heartbeat')
  tell('worker-heartbeat')
  tell('worker-online')
  tell('worker-offline')
  assert.deepEqual(seen, ['+w1', '+w1', '-w1'])
  assert.equal(state.workers.size, 0)
})

test('clocks that differ are mentioned once for each worker [9-008]', () => {
  const warnings: string[] = []
  const { tell, clock } = setUp({ logger: { ...silentLogger, warn: (text) => void warnings.push(text) } })
  for (let n = 0; n < 2; n++) tell('worker-heartbeat', { timestamp: clock.now() / 1000 - 17 })
  tell('worker-heartbeat', { hostname: 'w2', timestamp: clock.now() / 1000 - 15 })
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] ?? '', /^Substantial drift from w1 .* Current drift is 17 seconds\./)
  tell('worker-heartbeat', { hostname: 'w3', timestamp: 1e15 })
  assert.match(warnings[1] ?? '', /^Substantial drift from w3 .*\[orig: 1000000000000000 recv: 20/)
})

test('a task from its sending to its end [9-009 9-010]', () => {
  const { state, tell } = setUp()
  tell('task-sent', {
    uuid: 't',
    hostname: 'client',
    name: 'a.b',
    args: '(1,)',
    kwargs: '{}',
    queue: 'q',
    exchange: '',
    routing_key: 'q',
    root_id: 't',
    parent_id: null,
    retries: 0,
  })
  const task = state.getTask('t')
  assert.ok(task)
  assert.deepEqual(
    [task.state, task.client, task.origin, task.routingKey],
    ['PENDING', 'client', 'client', 'q'],
  )
  tell('task-received', { uuid: 't', name: 'a.b', args: '(1,)', kwargs: '{}' })
  tell('task-started', { uuid: 't' })
  assert.deepEqual(
    [task.state, task.ready, task.worker?.hostname, task.origin],
    ['STARTED', false, 'w1', 'w1.None'],
  )
  tell('task-progress', { uuid: 't', percent: 50 })
  assert.deepEqual([task.state, task.fields.get('percent')], ['PROGRESS', 50])
  tell('task-succeeded', { uuid: 't', result: '5', runtime: 0.25 })
  assert.deepEqual([task.state, task.ready, task.result, task.runtime], ['SUCCESS', true, '5', 0.25])
  for (const time of [task.sent, task.received, task.started, task.succeeded])
    assert.equal(typeof time, 'number')
  assert.deepEqual(task.info(['result', 'exception'], ['state']), { result: '5', state: 'SUCCESS' })
  const { worker, state: end, children, failed, uuid } = task.asDict()
  assert.deepEqual(
    { worker, end, children, failed, uuid },
    { worker: 'w1', end: 'SUCCESS', children: [], failed: null, uuid: 't' },
  )
  assert.equal(state.taskCount, 1)
  assert.equal(state.eventCount, 5)
})

test('an event that comes too late changes no state, but tells what it knows [9-011]', () => {
  const { state, tell } = setUp()
  tell('task-succeeded', { uuid: 't', result: '5' })
  tell('task-received', { uuid: 't', name: 'a.b', args: '(1,)', retries: 0, junk: 1 })
  const task = state.getTask('t')
  assert.deepEqual([task?.state, task?.name, task?.args, task?.result], ['SUCCESS', 'a.b', '(1,)', '5'])
  assert.equal(task?.fields.has('junk'), false)
  tell('task-started', { uuid: 't' })
  assert.equal(task?.state, 'SUCCESS')
  // Whatever it was, it is to be tried again; and then begins anew.
  tell('task-retried', { uuid: 't', exception: 'E()' })
  assert.equal(task?.state, 'RETRY')
  tell('task-received', { uuid: 't', name: 'a.b', args: '(1,)', retries: 1 })
  assert.deepEqual([task?.state, task?.retries], ['RECEIVED', 1])
})

test('tasks come by logical clock, else by time [9-013 9-014]', () => {
  const { state, tell, ids } = setUp()
  tell('task-received', { uuid: 'c', name: 'x', clock: 30 })
  tell('task-received', { uuid: 'a', name: 'x', clock: 10, hostname: 'w2' })
  tell('task-received', { uuid: 'b', name: 'y', clock: 20 })
  tell('task-started', { uuid: 'a', clock: 25, hostname: 'w2' })
  assert.deepEqual(ids(state.tasksByTime()), ['c', 'a', 'b'])
  assert.deepEqual(ids(state.tasksByTime({ reverse: false })), ['a', 'b', 'c'])
  assert.deepEqual(ids(state.tasksByType('x')), ['c', 'a'])
  assert.deepEqual(ids(state.tasksByType('x', { limit: 1 })), ['c'])
  assert.deepEqual(ids(state.tasksByWorker('w2')), ['a'])
  assert.deepEqual(state.taskTypes(), ['x', 'y'])
  assert.deepEqual(
    state
      .aliveWorkers()
      .map(({ hostname }) => hostname)
      .sort(),
    ['w1', 'w2'],
  )
  const blind = setUp()
  blind.tell('task-received', { uuid: 'later', clock: null, timestamp: 20 })
  blind.tell('task-received', { uuid: 'sooner', clock: null, timestamp: 10 })
  assert.deepEqual(blind.ids(blind.state.tasksByTime()), ['later', 'sooner'])
})

test('no more is remembered than it may [9-012]', () => {
  const { state, tell, ids } = setUp({ maxTasksInMemory: 3, maxWorkersInMemory: 2 })
  for (let n = 0; n < 100; n++) tell('task-received', { uuid: `t${n}`, name: 'x', hostname: `w${n}` })
  assert.deepEqual([state.tasks.size, state.workers.size], [3, 2])
  assert.deepEqual(ids(state.tasksByTime()), ['t99', 't98', 't97'])
})

test('parents and children find each other, whoever comes first [9-009 9-010]', () => {
  const { state, tell, ids } = setUp()
  tell('task-received', { uuid: 'child', name: 'x', parent_id: 'parent', root_id: 'parent' })
  assert.equal(state.getTask('child')?.parent, undefined)
  tell('task-received', { uuid: 'parent', name: 'x' })
  tell('task-received', { uuid: 'late', name: 'x', parent_id: 'parent' })
  assert.deepEqual(ids(state.getTask('parent')?.children ?? []), ['child', 'late'])
  assert.equal(state.getTask('child')?.parent, state.getTask('parent'))
  assert.equal(state.getTask('child')?.root, state.getTask('parent'))
})

test('it stands still while somebody looks, and forgets what it is told to [9-013]', async () => {
  const { state, tell } = setUp()
  tell('task-received', { uuid: 'open', name: 'x' })
  tell('task-succeeded', { uuid: 'done', result: '1' })
  const seen = await state.freezeWhile(
    async () => {
      tell('task-received', { uuid: 'meanwhile', name: 'x' })
      return [...state.tasks.keys()]
    },
    { clearAfter: true },
  )
  assert.deepEqual(seen, ['open', 'done'])
  assert.deepEqual([...state.tasks.keys()], ['open', 'meanwhile'])
  assert.deepEqual([state.eventCount, state.workers.size], [1, 1])
  state.clearTasks(false)
  assert.equal(state.tasks.size, 0)
})

test('events of other groups go to whoever handles them, and nonsense nowhere [9-012]', () => {
  const seen: string[] = []
  const { state, tell } = setUp({ callback: (_, { type }) => void seen.push(type) })
  state.handlers.set('custom', (subject) => void seen.push(subject))
  tell('custom-thing')
  tell('other-thing')
  state.event({ type: 'task-received' })
  state.event({ type: 'worker-online', hostname: 5 })
  state.event({
    type: 'task-received',
    uuid: 't',
    hostname: 'w',
    name: 7,
    args: {},
    clock: 'x',
    timestamp: 'y',
    loadavg: 3,
  })
  assert.deepEqual(seen.slice(0, 3), ['custom-thing', 'thing', 'other-thing'])
  assert.deepEqual([state.getTask('t')?.name, state.getTask('t')?.clock], [undefined, 0])
})
