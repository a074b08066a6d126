import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConnectionError } from '../../../../../src/errors.ts'
import { Poller } from '../../../../../src/messaging/transports/sqs/poller.ts'
import type { Taken } from '../../../../../src/messaging/virtual/queue-store.ts'
import { eventually } from '../../../../support/eventually.ts'

interface Poll {
  readonly queue: string
  readonly max: number
  readonly wait: number
  /** Answers with so many messages. */
  answer(count: number): void
  fail(error: Error): void
}

/** A poller whose polls are answered by the test. */
function fixture() {
  const polls: Poll[] = []
  const poller = new Poller({
    waitTime: 10_000,
    receive: (queue, limits) => {
      const { promise, resolve, reject } = Promise.withResolvers<readonly Taken[]>()
      const answer = (count: number): void => {
        polls.splice(polls.indexOf(poll), 1)
        resolve(Array.from({ length: count }, () => messageOf(queue)))
      }
      const fail = (error: Error): void => {
        polls.splice(polls.indexOf(poll), 1)
        reject(error)
      }
      const poll = { queue, ...limits, answer, fail }
      polls.push(poll)
      return promise
    },
    restore: async () => undefined,
    passing: (error) => error instanceof ConnectionError,
    rest: async () => undefined,
    ordered: () => false,
  })
  const stop = new AbortController()
  const asked = (): readonly string[] => polls.map(({ queue, max }) => `${queue} ${max}`)
  return {
    polls,
    asked,
    stop,
    take: (queues: readonly string[], max: number) => poller.take(queues, max, stop.signal),
  }
}

function messageOf(queue: string): Taken {
  const message = { body: Buffer.from(''), properties: {}, headers: {} }
  return { queue, message: { ...message, exchange: '', routingKey: queue, redelivered: false }, handle: 0 }
}

// An empty queue would keep all the room for as long as SQS is asked, and then again.
test('room for a few messages is for all queues', async () => {
  const { polls, asked, take } = fixture()
  const taking = take(['a', 'b', 'c'], 8)
  assert.deepEqual(asked(), ['a 2', 'b 3', 'c 3'])
  assert.ok(polls.every(({ wait }) => wait === 10_000))
  polls[2]?.answer(2)
  assert.deepEqual(
    (await taking).map(({ queue }) => queue),
    ['c', 'c'],
  )
  // Two places are taken, and five are kept for a and b.
  void take(['a', 'b', 'c'], 6)
  assert.deepEqual(asked(), ['a 2', 'b 3', 'c 1'])
})

test('where there is not room for all queues, each is asked in turn, and not for long', async () => {
  const { polls, asked, stop, take } = fixture()
  const queues = ['a', 'b', 'c']
  const taking = take(queues, 1)
  for (const queue of ['a', 'b', 'c', 'a']) {
    await eventually(() => assert.deepEqual(asked(), [`${queue} 1`]))
    assert.equal(polls[0]?.wait, 1000)
    // Whoever else asks meanwhile takes nobody's turn.
    void take(queues, 1)
    polls[0]?.answer(0)
  }
  stop.abort()
  assert.deepEqual(await taking, [])
})

test('a queue that gives all it is asked for is asked several times at once', async () => {
  const { polls, asked, take } = fixture()
  const first = take(['a', 'b'], 100)
  assert.deepEqual(asked(), ['a 10', 'b 10'])
  polls[1]?.answer(10)
  assert.equal((await first).length, 10)
  void take(['a', 'b'], 90)
  assert.deepEqual(asked(), ['a 10', 'b 10', 'b 10'])
  assert.deepEqual(
    polls.map(({ wait }) => wait),
    [10_000, 10_000, 0],
  )
})

// A worker that loses its session over a moment of SQS loses the acknowledgements of what it runs.
test('what fails for a moment is asked again; what goes on failing, or cannot work, is told', async () => {
  const { polls, asked, take } = fixture()
  const taking = take(['a'], 1)
  for (let attempt = 1; attempt < 5; attempt++) {
    await eventually(() => assert.deepEqual(asked(), ['a 1']))
    polls[0]?.fail(new ConnectionError('not now'))
  }
  await eventually(() => assert.deepEqual(asked(), ['a 1']))
  polls[0]?.answer(1)
  assert.equal((await taking).length, 1)
  const failing = take(['a'], 1)
  for (let attempt = 1; attempt <= 5; attempt++) {
    await eventually(() => assert.deepEqual(asked(), ['a 1']))
    polls[0]?.fail(new ConnectionError('not at all'))
  }
  await assert.rejects(failing, /not at all/)
  const refused = fixture()
  const hopeless = refused.take(['a'], 1)
  refused.polls[0]?.fail(new Error('never'))
  await assert.rejects(hopeless, /never/)
})
