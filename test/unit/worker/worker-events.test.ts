/** What workers tell of themselves and hear of each other, as time goes by. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Celery } from '../../../src/app/celery.ts'
import type { CeleryEvent } from '../../../src/events.ts'
import { createTestApp } from '../../../src/testing/test-app.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { silentLogger } from '../../../src/util/logger.ts'
import { TaskObservers } from '../../../src/worker/task-observer.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { WorkerEvents } from '../../../src/worker/worker-events.ts'
import { WorkerState } from '../../../src/worker/worker-state.ts'
import { eventually } from '../../support/eventually.ts'

/** What a worker of that name says and hears. */
function eventsOf(app: Celery, hostname: string, heartbeatInterval: number): WorkerEvents {
  return new WorkerEvents({
    events: app.events,
    hostname,
    taskEvents: false,
    heartbeatInterval,
    gossip: true,
    patience: 10_000,
    observers: new TaskObservers(),
    state: new WorkerState(),
    callTask: async () => undefined,
    logger: silentLogger,
    clock: app.clock,
  })
}

suite('a worker and its events', () => {
  test('beats at its interval, and says what that is [7-110]', async () => {
    const clock = new VirtualClock()
    const app = createTestApp({ clock })
    const beats: CeleryEvent[] = []
    const listening = Promise.withResolvers<void>()
    const stop = new AbortController()
    const capturing = app.events
      .receiver({ handlers: { 'worker-heartbeat': (event) => void beats.push(event) } })
      .capture({ wakeup: false, signal: stop.signal, onConsumeReady: listening.resolve })
    await listening.promise
    assert.equal(new Worker(app).options.heartbeatInterval, 2000)
    const worker = eventsOf(app, 'w@test', 2000)
    worker.start('memory')
    await clock.advance(1999)
    assert.equal(beats.length, 0)
    await clock.advance(1)
    await clock.advance(2000)
    await eventually(() => assert.equal(beats.length, 2))
    assert.deepEqual(
      beats.map((beat) => [beat.hostname, Number(beat['freq'])]),
      [
        ['w@test', 2],
        ['w@test', 2],
      ],
    )
    await worker.stop()
    stop.abort()
    await capturing
    await app.close()
  })

  test('is told of others who come, go, and are heard of no more [7-014]', async () => {
    const clock = new VirtualClock()
    const app = createTestApp({ clock })
    const told: string[] = []
    const [here, other] = [eventsOf(app, 'here@test', 2000), eventsOf(app, 'other@test', 2000)]
    const { gossip } = here
    assert.ok(gossip !== undefined)
    gossip.onNodeJoin.add(({ hostname }) => void told.push(`${hostname} joins`))
    gossip.onNodeLeave.add(({ hostname }) => void told.push(`${hostname} leaves`))
    gossip.onNodeLost.add(({ hostname }) => void told.push(`${hostname} is lost`))
    here.start('memory')
    other.start('memory')
    const silent = app.events.dispatcher({ hostname: 'silent@test' })
    await eventually(() => {
      silent.send('worker-heartbeat', { freq: 2 })
      other.heartbeat()
      assert.deepEqual(told.toSorted(), ['other@test joins', 'silent@test joins'])
    })
    await eventually(async () => {
      await clock.advance(1000)
      assert.deepEqual(told.slice(2), ['silent@test is lost'])
    })
    assert.deepEqual([...gossip.state.workers.keys()], ['other@test'])
    await other.stop()
    await eventually(() => assert.deepEqual(told.slice(3), ['other@test leaves']))
    await here.stop()
    await silent.close()
    await app.close()
  })

  test('hears others after an event of which nothing can be made, and after an action that failed', async () => {
    const app = createTestApp({ clock: new VirtualClock() })
    const heard: string[] = []
    const worker = eventsOf(app, 'here@test', 2000)
    const { gossip } = worker
    assert.ok(gossip !== undefined)
    gossip.onNodeJoin.add(({ hostname }) => void heard.push(hostname))
    gossip.electionHandlers.set('fail', () => {
      heard.push('elected')
      throw new Error('the action failed')
    })
    worker.start('memory')
    const odd = app.events.dispatcher({ hostname: 'odd@test' })
    const other = app.events.dispatcher({ hostname: 'other@test' })
    await eventually(() => {
      gossip.elect('one', 'fail', null)
      assert.ok(heard.includes('elected'))
    })
    await eventually(() => {
      // A time that there is not.
      odd.send('worker-heartbeat', { freq: 2, timestamp: 1e300 })
      other.send('worker-heartbeat', { freq: 2 })
      assert.ok(heard.includes('other@test'))
    })
    await other.close()
    await odd.close()
    await worker.stop()
    await app.close()
  })
})
