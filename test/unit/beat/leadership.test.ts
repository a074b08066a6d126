/** Several beats on one store, of which one sends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ScheduleChanges, ScheduleStore, StoredSchedule } from '../../../src/beat.ts'
import { MemoryStore } from '../../../src/beat.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { createTestApp, listeningLogger } from '../app/test-app.ts'
import { NotingScheduler } from './beat-bench.ts'

const LEASE = 3000

/** What several stores share. */
class SharedPlace {
  readonly memory: MemoryStore = new MemoryStore()
  readonly clock: VirtualClock = new VirtualClock(new Date('2026-01-01T00:00:00Z'))
  leader: { readonly store: object; readonly until: number } | undefined
}

class SharedStore implements ScheduleStore {
  readonly label: string = 'shared'
  readonly lease: number = LEASE
  reachable = true
  readonly #place: SharedPlace

  constructor(place: SharedPlace) {
    this.#place = place
  }

  async open(): Promise<void> {}

  async lead(): Promise<boolean> {
    this.#reach()
    const { leader, clock } = this.#place
    if (leader !== undefined && leader.store !== this && clock.now() < leader.until) return false
    this.#place.leader = { store: this, until: clock.now() + LEASE }
    return true
  }

  load(): Promise<StoredSchedule> {
    this.#reach()
    return this.#place.memory.load()
  }

  async save(changes: ScheduleChanges): Promise<boolean> {
    this.#reach()
    if (this.#place.leader?.store !== this) return false
    return this.#place.memory.save(changes)
  }

  async close(): Promise<void> {
    if (this.#place.leader?.store === this) this.#place.leader = undefined
  }

  #reach(): void {
    if (!this.reachable) throw new Error('the store is away')
  }
}

async function beat(place: SharedPlace) {
  const { logger, messages } = listeningLogger()
  const app = createTestApp({
    clock: place.clock,
    logger,
    beatSchedule: { a: { task: 'a', schedule: 10 } },
  })
  const store = new SharedStore(place)
  const scheduler = new NotingScheduler(app, { store })
  await scheduler.setup()
  while ((await scheduler.tick()) === 0);
  return { store, scheduler, messages }
}

/** Lets time pass, in which the given schedulers work. */
async function pass(
  place: SharedPlace,
  seconds: number,
  schedulers: readonly NotingScheduler[],
): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    await place.clock.advance(1000)
    for (const scheduler of schedulers) while ((await scheduler.tick()) === 0);
  }
}

test('one of several beats sends; when it dies another one takes over and loses nothing [8-045]', async () => {
  const place = new SharedPlace()
  const [first, second] = [await beat(place), await beat(place)]
  await pass(place, 25, [first.scheduler, second.scheduler])
  assert.deepEqual([first.scheduler.sent.length, second.scheduler.sent.length], [2, 0])
  assert.ok(second.messages.includes('beat: Another beat leads (shared); this one stands by'))
  // Its process is gone: it neither sends nor renews.
  first.store.reachable = false
  await pass(place, 35, [second.scheduler])
  const all = [...first.scheduler.sent, ...second.scheduler.sent].map(({ at }) => at.slice(14, 19))
  assert.deepEqual(all, ['00:10', '00:20', '00:30', '00:40', '00:50', '01:00'])
})

test('a beat that stops renews nothing and hands over at once [8-039]', async () => {
  const place = new SharedPlace()
  const [first, second] = [await beat(place), await beat(place)]
  await pass(place, 15, [first.scheduler, second.scheduler])
  await first.scheduler.close()
  await pass(place, 6, [second.scheduler])
  assert.deepEqual(
    second.scheduler.sent.map(({ at }) => at.slice(14, 19)),
    ['00:20'],
  )
})

test('a beat that was stopped for a while finds out before it sends anything [8-045]', async () => {
  const place = new SharedPlace()
  const [first, second] = [await beat(place), await beat(place)]
  await pass(place, 5, [first.scheduler, second.scheduler])
  first.store.reachable = false
  await pass(place, 10, [second.scheduler])
  assert.equal(second.scheduler.sent.length, 1)
  // It wakes up: its own record says that the entry is long due.
  assert.notEqual(await first.scheduler.tick(), 0)
  first.store.reachable = true
  await pass(place, 30, [first.scheduler, second.scheduler])
  assert.deepEqual([first.scheduler.sent.length, second.scheduler.sent.length], [0, 4])
})

test('a beat that has lost the lead without knowing takes over what the other one did [8-045]', async () => {
  const place = new SharedPlace()
  const [first, second] = [await beat(place), await beat(place)]
  await pass(place, 9, [first.scheduler])
  place.leader = { store: second.store, until: place.clock.now() + LEASE }
  // It sends, but it may not record: whoever leads now sends the same under the same id.
  place.clock.setWallClock(new Date('2026-01-01T00:00:10Z'))
  while ((await first.scheduler.tick()) === 0);
  assert.ok(first.messages.includes('beat: Another beat has taken over; this one stands by'))
  await pass(place, 21, [second.scheduler])
  assert.equal((await place.memory.load()).states.get('a')?.totalRunCount, 3)
})
