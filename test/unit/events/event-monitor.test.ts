import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { EventMonitor } from '../../../src/events/event-monitor.ts'
import { State } from '../../../src/events/state.ts'
import { eventually } from '../../support/eventually.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

function setUp() {
  const clock = new VirtualClock()
  const state = new State({ clock })
  const asked: string[] = []
  const control = {
    revoke: async (id: string) => {
      asked.push(`revoke ${id}`)
      return [{ w1: { ok: 'done' } }]
    },
    rateLimit: async (name: string, rate: string) => {
      asked.push(`limit ${name} ${rate}`)
      return []
    },
  }
  const monitor = new EventMonitor({ state, title: 'celery events', control })
  let last = 0
  const tell = (type: string, fields: object): void => {
    const now = clock.now() / 1000
    state.event({
      type,
      hostname: 'w1',
      pid: 1,
      clock: ++last,
      timestamp: now,
      local_received: now,
      ...fields,
    })
  }
  tell('worker-online', { freq: 2 })
  tell('task-received', { uuid: 'good', name: 'a.good', args: '(1,)', kwargs: '{}' })
  tell('task-succeeded', { uuid: 'good', result: "'fine'", runtime: 0.5 })
  tell('task-failed', { uuid: 'bad', name: 'a.\u001b[2Jbad', exception: 'E()', traceback: 'Traceback\n  E' })
  const lines = (): string[] => monitor.lines(100, 16).map((line) => stripVTControlCharacters(line).trimEnd())
  const screen = (): string => lines().join('\n')
  // Keys are about what is on the screen.
  screen()
  const press = (...keys: string[]): void => {
    for (const key of keys) monitor.press(key)
  }
  return { monitor, screen, lines, press, asked }
}

test('the screen shows tasks, workers and counts, and fits [9-018]', () => {
  const { lines, screen, monitor } = setUp()
  assert.equal(lines().length, 16)
  assert.ok(lines().every((line) => line.length <= 100))
  assert.match(
    screen(),
    /UUID +WORKER +TASK +TIME +STATE\nbad +w1 .* FAILURE\ngood +w1 +a\.good +03:04:05 SUCCESS/,
  )
  assert.match(
    screen(),
    /No task selected\nWorkers online: w1\nInfo: events: 4 tasks:1 workers:1\/1\nKeys: j:down/,
  )
  assert.equal(monitor.lines(20, 5).length >= 5, true)
})

test('keys choose a task and show what is known of it [9-018]', () => {
  const { screen, press, monitor } = setUp()
  press('j', 'down')
  assert.equal(monitor.selected, 'good')
  assert.match(screen(), /Selected: args=\(1,\) kwargs=\{\} result='fine' runtime=0\.5/)
  press('I')
  assert.match(screen(), /Task details for good\n\n +args: \(1,\)[\s\S]*state: SUCCESS[\s\S]*Press any key/)
  press('x', 'a')
  assert.match(screen(), /Task Arguments for good\n\n +args: \(1,\)\n +kwargs: \{\}/)
  press('x', 'r')
  assert.match(screen(), /Task Result for good\n\n +'fine'/)
  press('x', 't')
  assert.match(screen(), /No task|UUID/, 'it has no traceback')
  press('k', 't')
  assert.match(screen(), /Task Exception Traceback for bad\n\n +Traceback\n +E/)
  press('x', 'q')
  assert.equal(monitor.closed, true)
})

test('a task is revoked, and its rate limited [9-018]', async () => {
  const { screen, press, asked } = setUp()
  press('j', 'j', 'c')
  await eventually(() => /Remote Control Command Replies\n\n +\{'w1': \{'ok': 'done'\}\}/.test(screen()))
  press('x', 'l', '1', '0', 'x', 'backspace', '/', 'm')
  assert.match(screen(), /New rate limit: 10\/m_/)
  press('enter')
  await eventually(() => /No replies received in 1s deadline\./.test(screen()))
  press('x', 'l', '5', 'escape', 'l', 'enter')
  assert.deepEqual(asked, ['revoke good', 'limit a.good 10/m'])
})

test('what comes from elsewhere does not steer the terminal [9-018]', () => {
  const { monitor } = setUp()
  assert.ok(monitor.lines(100, 16).every((line) => !line.includes('\u001b[2J')))
})
