import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  batchRoutingKey,
  buildEvent,
  eventGroup,
  eventRoutingKey,
  eventSubject,
  readEvents,
  receiveEvent,
  utcOffset,
} from '../../../src/protocol/events.ts'
import { LamportClock } from '../../../src/util/lamport-clock.ts'

const NOW = Date.UTC(2030, 0, 2, 3, 4, 5, 678)

test('an event has what all have, then its fields, then time and type [5-054 9-005]', () => {
  const origin = { hostname: 'w1@host', pid: 7, clock: 3, now: NOW, utcoffset: 0 }
  assert.deepEqual(Object.entries(buildEvent('task-started', { uuid: 'a' }, origin)), [
    ['hostname', 'w1@host'],
    ['utcoffset', 0],
    ['pid', 7],
    ['clock', 3],
    ['uuid', 'a'],
    ['timestamp', NOW / 1000],
    ['type', 'task-started'],
  ])
  assert.equal(buildEvent('x', { timestamp: 5 }, origin).timestamp, 5)
})

test('groups, subjects and routing keys come from the type [5-051]', () => {
  assert.equal(eventGroup('worker-elect-ack'), 'worker')
  assert.equal(eventSubject('worker-elect-ack'), 'elect-ack')
  assert.equal(eventRoutingKey('worker-elect-ack'), 'worker.elect.ack')
  assert.equal(eventGroup('lonely'), 'lonely')
  assert.equal(eventSubject('lonely'), '')
  assert.equal(batchRoutingKey('task'), 'task.multi')
})

test('the offset is in whole hours west of Greenwich, rounded as Python does [5-054 12-032]', () => {
  const zone = process.env['TZ']
  const offset = (name: string, at = NOW): number => {
    process.env['TZ'] = name
    return utcOffset(at)
  }
  try {
    assert.equal(offset('UTC'), 0)
    assert.equal(offset('America/Los_Angeles'), 8)
    assert.equal(offset('America/Los_Angeles', Date.UTC(2030, 6, 1)), 7)
    assert.equal(offset('Europe/Berlin'), -1)
    assert.equal(offset('Asia/Kolkata'), -6)
  } finally {
    if (zone === undefined) delete process.env['TZ']
    else process.env['TZ'] = zone
  }
})

test('a message is one event or a list; what is no event is left out [5-051 12-033]', () => {
  const one = { type: 'task-started' }
  assert.deepEqual(readEvents(one), [one])
  assert.deepEqual(readEvents([one, null, 3, { type: 4 }, one]), [one, one])
  for (const odd of [null, undefined, 'text', 3, []]) assert.deepEqual(readEvents(odd), [])
})

test('receiving moves the clock, and not by what clients say [5-057 9-006]', () => {
  const clock = new LamportClock(10)
  const receive = (event: Record<string, unknown>) =>
    receiveEvent({ type: 'task-started', ...event }, { clock, now: NOW, localize: true })
  assert.equal(receive({ clock: 40 }).clock, 40)
  assert.equal(clock.value, 41)
  assert.equal(receive({}).clock, 42)
  assert.equal(receive({ type: 'task-sent', clock: 9999 }).clock, 41)
  assert.equal(clock.value, 43)
  assert.equal(receive({ clock: 'nonsense' }).clock, 'nonsense')
  assert.equal(clock.value, 44)
  assert.equal(receive({ clock: 1 })['local_received'], NOW / 1000)
})

test('times are shifted by the difference of the offsets [5-057 9-006]', () => {
  const clock = new LamportClock()
  const event = { type: 'task-started', clock: 1, timestamp: 10_000, utcoffset: utcOffset(NOW) + 2 }
  assert.equal(receiveEvent(event, { clock, now: NOW, localize: true }).timestamp, 10_000 - 7200)
  assert.equal(receiveEvent(event, { clock, now: NOW, localize: false }).timestamp, 10_000)
})
