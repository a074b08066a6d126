import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChannelError, ConnectionError, OperationalError } from '../../../../src/errors.ts'
import type { Taken } from '../../../../src/messaging/virtual/queue-store.ts'
import { tagsOf } from '../../../../src/testing/conformance/transport-session.ts'
import { delivered, fixture, turns } from './channel-fixture.ts'

// Speed: one trip for all acknowledgements of a turn.
test('what is settled in one turn is settled at once', async () => {
  const { store, channel } = await fixture()
  const { deliveries } = await delivered(channel, 4)
  const [a, b, c, d] = tagsOf(deliveries)
  assert.ok(a && b && c && d)
  await Promise.all([
    channel.ack([a]),
    channel.ack([c]),
    channel.reject([b], { requeue: false }),
    channel.reject([d], { requeue: true }),
  ])
  assert.deepEqual(store.of('settle'), [[[1, 3, 2]]])
  assert.deepEqual(store.of('restore'), [[[4], 'back']])
})

// What nobody has begun with is not put behind everything that came later, and keeps its order.
test('what is requeued untouched is served next, as it was delivered', async () => {
  const { store, channel } = await fixture()
  const { deliveries } = await delivered(channel, 4)
  const [a, b, c, d] = tagsOf(deliveries)
  assert.ok(a && b && c && d)
  await Promise.all([
    channel.reject([c], { requeue: true, untouched: true }),
    channel.reject([b], { requeue: true }),
    channel.reject([d, a], { requeue: true, untouched: true }),
  ])
  assert.deepEqual(store.of('restore').toSorted(), [
    [[1, 3, 4], 'front'],
    [[2], 'back'],
  ])
})

// An acknowledgement that failed can be made again, and closing gives back what is left.
test('what could not be settled is still held', async () => {
  const { store, channel } = await fixture()
  const { deliveries } = await delivered(channel, 2)
  const [a, b] = tagsOf(deliveries)
  assert.ok(a && b)
  store.failures.set('settle', new OperationalError('not now'))
  await assert.rejects(channel.ack([a, b]), OperationalError)
  await channel.ack([a])
  store.failures.set('settle', new OperationalError('not now, either'))
  await channel.close()
  assert.deepEqual(store.of('settle'), [[[1, 2]], [[1]], [[2]]])
  assert.deepEqual(store.of('restore'), [[[2], 'front']])
})

// What is done must not run again because the store was busy for a moment.
test('what the store refused to be told is told once more at the close', async () => {
  const { store, clock, channel } = await fixture()
  const { deliveries } = await delivered(channel, 2)
  store.failures.set('settle', new OperationalError('not now'))
  await assert.rejects(channel.ack(tagsOf(deliveries)), OperationalError)
  await channel.close()
  assert.deepEqual(store.of('settle'), [[[1, 2]], [[1, 2]]])
  assert.deepEqual(store.of('restore'), [])
  assert.equal(clock.pending, 0)
})

// A worker does not try again: what it had decided must not be held for ever.
test('what the store refused to be told is told again, until it is told something else', async () => {
  const { store, clock, channel } = await fixture((fake) => {
    fake.postpone = async (postponed) => void fake.calls.push(['postpone', postponed.length])
  })
  const { deliveries } = await delivered(channel, 4)
  const [a, b, c, d] = tagsOf(deliveries)
  assert.ok(a && b && c && d)
  store.failures.set('settle', new OperationalError('not now'))
  store.failures.set('restore', new OperationalError('not now'))
  await assert.rejects(channel.ack([a, b]), OperationalError)
  await assert.rejects(channel.reject([c], { requeue: true }), OperationalError)
  await channel.reject([b], { requeue: true })
  store.failures.set('settle', new OperationalError('still not'))
  await clock.advance(1000)
  await turns()
  assert.deepEqual(store.of('settle'), [[[1, 2]], [[1]]])
  assert.deepEqual(store.of('restore'), [
    [[3], 'back'],
    [[2], 'back'],
    [[3], 'back'],
  ])
  await clock.advance(1000)
  await turns()
  assert.deepEqual(store.of('settle').at(-1), [[1]])
  assert.equal(clock.pending, 0)
  await channel.postpone?.([{ tag: d, until: 0 }])
  await channel.close()
  assert.deepEqual(store.of('postpone'), [[1]])
  assert.equal(store.of('restore').length, 3)
})

// Mistakes of the caller are told, and do no harm to the rest.
test('an unknown tag is refused, known ones with it are settled', async () => {
  const { store, channel } = await fixture()
  const { deliveries } = await delivered(channel, 1)
  const [tag] = tagsOf(deliveries)
  await assert.rejects(channel.ack([tag ?? 0, 999]), ChannelError)
  await assert.rejects(channel.reject([tag ?? 0], { requeue: true }), ChannelError)
  assert.deepEqual(store.of('settle'), [[[1]]])
})

// Long tasks stay ours: all held messages are renewed together, on one timer, until the last one is settled.
test('leases are renewed while messages are held', async () => {
  const renewed: (readonly unknown[])[] = []
  const renew = async (taken: readonly Taken[]): Promise<void> => {
    renewed.push(taken.map(({ handle }) => handle))
  }
  const { clock, channel } = await fixture((store) => {
    store.lease = { everyMs: 1000, renew }
  })
  assert.equal(clock.pending, 0)
  const { deliveries } = await delivered(channel, 3)
  assert.equal(clock.pending, 1)
  await clock.advance(1000)
  await channel.ack(tagsOf(deliveries.slice(0, 1)))
  await clock.advance(1000)
  assert.deepEqual(renewed, [
    [1, 2, 3],
    [2, 3],
  ])
  await channel.ack(tagsOf(deliveries.slice(1)))
  await clock.advance(5000)
  assert.equal(renewed.length, 2)
  assert.equal(clock.pending, 0)
})

// Who cannot renew must stop: soon others will do its work.
test('a failed renewal closes the connection', async () => {
  const { clock, channel, connection } = await fixture((store) => {
    store.lease = { everyMs: 1000, renew: () => Promise.reject(new ConnectionError('gone')) }
  })
  await delivered(channel, 1)
  await clock.advance(1000)
  assert.equal((await connection.closed)?.message, 'gone')
})
