import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConnectionError, OperationalError, PublishError } from '../../../../src/errors.ts'
import { Collector, textMessage } from '../../../../src/testing/conformance/transport-session.ts'
import { eventually } from '../../../support/eventually.ts'
import { delivered, fixture, publish, turns } from './channel-fixture.ts'
import { FakeFanout } from './fake-store.ts'

// Speed: one trip for all messages of a turn.
test('what is published in one turn to one place is put at once', async () => {
  const { store, channel } = await fixture()
  await Promise.all([
    publish(channel, 'a'),
    publish(channel, 'b'),
    publish(channel, 'c', 'other'),
    publish(channel, 'd'),
  ])
  assert.deepEqual(store.of('put'), [
    ['q', ['a', 'b', 'd']],
    ['other', ['c']],
  ])
})

// Order: what is published while a batch is on its way waits for it.
test('batches to one place go one after the other', async () => {
  const { store, channel } = await fixture()
  const first = publish(channel, 'a')
  await turns(1)
  const rest = [publish(channel, 'b'), publish(channel, 'c')]
  await Promise.all([first, ...rest])
  assert.deepEqual(store.of('put'), [
    ['q', ['a']],
    ['q', ['b', 'c']],
  ])
})

// ioredis makes one text of a command, and texts of half a gigabyte are not to be had.
test('large messages are not put all at once, but in order', async () => {
  const { store, channel } = await fixture()
  const large = 'x'.repeat(9_000_000)
  await Promise.all(['a', large, large, 'b', `${large}${large}`, 'c'].map((text) => publish(channel, text)))
  assert.deepEqual(
    store.of('put').map(([, texts]) => [texts].flat().map((text) => String(text).length)),
    [[1, 9_000_000], [9_000_000, 1], [18_000_000], [1]],
  )
})

// A refused batch must be known to those whose messages were in it.
test('when the store refuses, the publishes of that batch reject', async () => {
  const { store, channel } = await fixture()
  store.failures.set('put', new PublishError('no'))
  const outcomes = await Promise.allSettled([
    publish(channel, 'a'),
    publish(channel, 'b'),
    publish(channel, 'c', 'other'),
  ])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected', 'fulfilled'],
  )
})

// One bad message must not take its neighbours along.
test('a message that the store cannot take is refused alone', async () => {
  const { store, channel } = await fixture()
  store.failures.set('prepare', new PublishError('no'))
  const [bad, good] = [publish(channel, 'bad'), publish(channel, 'good')]
  await assert.rejects(bad, PublishError)
  await good
  assert.deepEqual(store.of('put'), [['q', ['good']]])
})

// Who gave up must not have the task run later.
test('a withdrawn message is dropped, unless it is on its way already', async () => {
  const { store, channel } = await fixture()
  const ticket = { withdrawn: false }
  const target = { exchange: '', routingKey: 'q' }
  const withdrawn = channel.publish(textMessage('withdrawn'), target, ticket)
  const kept = channel.publish(textMessage('kept'), target, { withdrawn: false })
  ticket.withdrawn = true
  await assert.rejects(withdrawn, PublishError)
  await kept
  assert.deepEqual(store.of('put'), [['q', ['kept']]])
})

// Messages that nothing is bound for can be kept.
test('deadletter_queue gets what no queue is bound for [1-253] [5-099]', async () => {
  const { store, channel } = await fixture(undefined, { deadletter_queue: 'dead' })
  for (const type of ['direct', 'topic']) {
    await channel.declareExchange({ name: type, type, durable: true, autoDelete: false, arguments: {} })
    await publish(channel, type, 'nobody', type)
  }
  await publish(channel, 'no key', '', '')
  assert.deepEqual(store.of('put'), [
    ['dead', ['direct']],
    ['dead', ['topic']],
    ['dead', ['no key']],
  ])
  assert.deepEqual(store.of('declare').at(0), ['dead'])
})

// There is one `take` at a time, for all queues, and never for more than there is room for.
test('takes are for all queues and for as many as there is room', async () => {
  const { store, channel } = await fixture()
  await channel.consume('q', () => undefined)
  await channel.consume('r', () => undefined)
  await turns()
  assert.deepEqual(store.of('take').at(-1), [['q', 'r'], 500])
  await channel.prefetch(3)
  await publish(channel, 'a')
  await publish(channel, 'b', 'r')
  await turns()
  assert.deepEqual(store.of('take').at(-1), [['q', 'r'], 1])
  await publish(channel, 'c')
  await turns()
  const takes = store.of('take').length
  await publish(channel, 'd')
  await turns()
  assert.equal(store.of('take').length, takes, 'no take without room')
})

// The worker's consumer is rebuilt when its channel reports that it is closed.
test('a failed take closes channel and connection with its error', async () => {
  const { store, channel, connection } = await fixture()
  const other = await connection.openChannel()
  await channel.consume('q', () => undefined)
  await turns()
  const error = new ConnectionError('the server is gone')
  store.failures.set('take', error)
  store.wake()
  assert.equal(await connection.closed, error)
  assert.equal(await channel.closed, error)
  assert.equal(await other.closed, error)
  await assert.rejects(publish(other, 'a'), (refusal) => {
    return refusal instanceof ConnectionError && refusal.cause === error && refusal.recoverable
  })
  await assert.rejects(connection.openChannel(), ConnectionError)
  await channel.close()
  await connection.close()
  assert.equal(store.of('close').length, 1)
})

// Stores notice by themselves that their server is gone.
test('the end of the store is the end of the connection', async () => {
  const { store, connection, channel } = await fixture()
  const error = new ConnectionError('gone')
  store.ended.resolve(error)
  assert.equal(await channel.closed, error)
  assert.equal(await connection.closed, error)
})

// What arrives for a consumer that has just left belongs to others.
test('messages taken for a cancelled consumer go back to the front', async () => {
  const { store, channel } = await fixture()
  const collector = new Collector()
  const handle = await channel.consume('q', collector.deliver)
  await turns()
  store.queues.set('q', [{ ...textMessage('a'), exchange: '', routingKey: 'q', redelivered: false }])
  store.wake()
  await handle.cancel()
  assert.deepEqual(collector.texts, [])
  assert.deepEqual(store.of('restore'), [[[1], 'front']])
})

// One of two consumers leaves: that is no reason to wait for a message.
test('a consumer can be cancelled while another one waits for messages of its queue', async () => {
  const { channel } = await fixture()
  const [left, stays] = [new Collector(), new Collector()]
  const handle = await channel.consume('q', left.deliver)
  await channel.consume('q', stays.deliver)
  await turns()
  await handle.cancel()
  await Promise.all([publish(channel, 'a'), publish(channel, 'b')])
  await stays.wait(2)
  assert.deepEqual(left.texts, [])
})

// A consumer that throws is broken; the messages behind it are not.
test('when a consumer throws, what was not delivered goes back and the connection ends', async () => {
  const { store, channel, connection } = await fixture()
  const error = new Error('bug')
  await channel.consume('q', () => {
    throw error
  })
  await Promise.all([publish(channel, 'a'), publish(channel, 'b')])
  assert.equal(await connection.closed, error)
  assert.deepEqual(store.of('restore'), [[[2], 'front']])
})

// Remote control: a queue bound to a fanout exchange hears its broadcasts as long as it is consumed.
test('broadcasts are heard while the queue is consumed, also when it is bound later', async () => {
  const fanout = new FakeFanout()
  const { store, channel, connection } = await fixture((fake) => {
    fake.fanout = fanout
  })
  assert.ok(connection.features.exchangeTypes.has('fanout'))
  const collector = new Collector()
  const handle = await channel.consume('q', collector.deliver)
  await channel.declareExchange({
    name: 'x',
    type: 'fanout',
    durable: true,
    autoDelete: false,
    arguments: {},
  })
  assert.equal(fanout.listeners.size, 0)
  await channel.bind({ queue: 'q', exchange: 'x', routingKey: '', arguments: {} })
  await publish(channel, 'a', '', 'x')
  const [first] = await collector.wait(1)
  await channel.reject([first?.tag ?? 0], { requeue: true })
  const [, second] = await collector.wait(2)
  assert.deepEqual([first?.redelivered, second?.redelivered], [false, true])
  await channel.ack([second?.tag ?? 0])
  await handle.cancel()
  assert.equal(fanout.listeners.size, 0)
  assert.deepEqual([store.of('settle'), store.of('restore'), store.of('put')], [[], [], []])
})

// A broadcast task with an ETA: the store knows nothing of the copy, so nobody else would bring it again.
test('a broadcast that is postponed comes again when it is due, and leaves room until then', async () => {
  const { store, clock, channel } = await fixture((fake) => {
    fake.fanout = new FakeFanout()
    fake.postpone = async (postponed) => void fake.calls.push(['postpone', postponed])
  })
  const exchange = { name: 'x', type: 'fanout', durable: true, autoDelete: false, arguments: {} }
  await channel.declareExchange(exchange)
  await channel.bind({ queue: 'q', exchange: 'x', routingKey: '', arguments: {} })
  await channel.prefetch(1)
  const collector = new Collector()
  await channel.consume('q', collector.deliver)
  await publish(channel, 'later', '', 'x')
  const [later] = await collector.wait(1)
  await channel.postpone?.([{ tag: later?.tag ?? 0, until: clock.now() + 600_000 }])
  await publish(channel, 'now', '', 'x')
  const [, now] = await collector.wait(2)
  await channel.ack([now?.tag ?? 0])
  await clock.advance(599_999)
  await turns()
  assert.deepEqual(collector.texts, ['later', 'now'])
  await clock.advance(1)
  const [, , again] = await collector.wait(3)
  assert.deepEqual([collector.texts.at(-1), again?.redelivered], ['later', false])
  await channel.ack([again?.tag ?? 0])
  await publish(channel, 'never', '', 'x')
  const [, , , never] = await collector.wait(4)
  await channel.postpone?.([{ tag: never?.tag ?? 0, until: clock.now() + 600_000 }])
  await channel.close()
  assert.equal(clock.pending, 0)
  assert.deepEqual(store.of('postpone'), [])
})

// A close that goes wrong is reported, and is a close nevertheless.
test('when giving back or closing fails, close rejects and closed settles', async () => {
  const { store, channel, connection } = await fixture()
  await delivered(channel, 1)
  store.failures.set('restore', new OperationalError('not now'))
  await assert.rejects(channel.close(), /not now/)
  assert.equal(await channel.closed, undefined)
  store.failures.set('close', new OperationalError('not at all'))
  await assert.rejects(connection.close(), /not at all/)
  assert.equal(await connection.closed, undefined)
})

// Exclusive queues belong to their connection.
test('exclusive queues go with the connection', async () => {
  const { store, channel, connection } = await fixture()
  const flags = { durable: false, autoDelete: false, arguments: {} }
  await channel.declareQueue({ name: 'mine', exclusive: true, ...flags })
  await channel.declareQueue({ name: 'ours', exclusive: false, ...flags })
  await connection.close()
  assert.deepEqual(store.of('remove'), [['mine']])
})

// A worker that stops must not take away what another one works on, nor the way of messages to it.
test('an auto-delete queue stays while others consume it; what broadcasts alone feed is nobody else’s', async () => {
  const { store, channel } = await fixture((fake) => {
    fake.fanout = new FakeFanout()
    fake.consumedElsewhere = async (queue) => queue !== 'mine'
  })
  const exchange = { name: 'x', type: 'fanout', durable: true, autoDelete: false, arguments: {} }
  await channel.declareExchange(exchange)
  await channel.declareExchange({ ...exchange, name: 'd', type: 'direct' })
  for (const name of ['ours', 'mine', 'heard']) {
    await channel.declareQueue({ name, durable: true, exclusive: false, autoDelete: true, arguments: {} })
    const bound = name === 'heard' ? 'x' : 'd'
    await channel.bind({ queue: name, exchange: bound, routingKey: name, arguments: {} })
    const { cancel } = await channel.consume(name, () => undefined)
    await cancel()
  }
  assert.deepEqual(store.of('remove'), [['mine'], ['heard']])
  assert.deepEqual(await channel.bindings?.('d'), [{ queue: 'ours', exchange: 'd', routingKey: 'ours' }])
})

// The event loop must not starve while messages never run out.
test('other work gets its turn while messages are delivered without end', async () => {
  const { channel } = await fixture()
  let running = true
  await channel.consume('q', ({ tag }) => {
    void channel.ack([tag])
    if (running) void publish(channel, 'again')
  })
  await publish(channel, 'first')
  await new Promise((resolve) => setTimeout(resolve, 1))
  running = false
  await eventually(
    async () =>
      (
        await channel.declareQueue({
          name: 'q',
          durable: true,
          exclusive: false,
          autoDelete: false,
          arguments: {},
        })
      ).messages === 0,
  )
})

// Settings are checked when they are read.
test('deadletter_queue must be a name', async () => {
  await assert.rejects(
    fixture(undefined, { deadletter_queue: 1 }),
    /deadletter_queue must be the name of a queue/,
  )
})
