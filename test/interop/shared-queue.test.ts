/** A Python worker and one of ours on one queue: they share the work, and each finishes what the other left behind. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AsyncResult } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import type { Place } from './partners.ts'
import {
  BROKERS,
  needsPartners,
  openGate,
  readBook,
  startNodeApp,
  startNodeCelery,
  startNodeWorker,
  startPartners,
  startPlace,
  startPython,
} from './partners.ts'

const TASKS = 500

/** Seconds until a message of a dead worker is anybody's. */
const VISIBILITY_TIMEOUT = 1

for (const broker of BROKERS) {
  test(`a queue shared by Python and us: ${broker}`, needsPartners(broker), async (t) => {
    const partners = await startPartners(t, broker)
    const { python, app } = partners
    // Each worker blocks until the other has had a task.
    const theirs = await python.run(
      `return [send('shared.mark', 'book', n, ['meeting']).id for n in range(count // 2)]`,
      { count: TASKS },
    )
    const ours = await Promise.all(
      Array.from({ length: TASKS / 2 }, (_, n) =>
        app.signature('shared.mark', { args: ['book', TASKS / 2 + n, ['meeting']] }).delay(),
      ),
    )
    assert.ok(Array.isArray(theirs))
    const ids = [...theirs.map(String), ...ours.map(({ id }) => id)]
    await Promise.all([
      startNodeWorker(t, partners, { queues: ['shared'], concurrency: 4 }),
      startPython(t, partners, ['-c', '4', '-Q', 'shared']),
    ])

    await t.test('our client reads every result, of whichever worker', async () => {
      const values = await Promise.all(
        ids.map((id) => new AsyncResult(id, app.resultContext).get({ timeout: 60 })),
      )
      assert.deepEqual(
        values.map(entryOf),
        ids.map((_, n) => n),
      )
    })

    await t.test('Python’s client reads every result, of whichever worker', async () => {
      const entries = await python.run(
        `return [AsyncResult(id, app=app).get(timeout=60)['entry'] for id in ids]`,
        { ids },
      )
      assert.deepEqual(
        entries,
        ids.map((_, n) => n),
      )
    })

    await t.test('every task ran once, and both took part', () => {
      const lines = readBook(partners, 'book').map((line) => line.split(' '))
      const entries = lines.map(([entry]) => Number(entry)).toSorted((a, b) => a - b)
      assert.deepEqual(
        entries,
        ids.map((_, n) => n),
      )
      assert.deepEqual([...new Set(lines.map(([, by]) => by))].toSorted(), ['node', 'python'])
    })
  })

  test(
    `Python finishes what our killed worker had: ${broker} [5-107, 5-108]`,
    needsPartners(broker),
    async (t) => {
      const place = await startPlace(t, broker, SHORT_LEASE)
      const { app } = startNodeApp(t, place, OUR_SHORT_LEASE)
      const worker = await startNodeCelery(t, place, ['-P', 'async', '-c', '5', '-Q', 'shared'])
      const results = await sendSurvivors(app)
      await began(place, 'node')
      await worker.kill()
      await abandoned(place)
      await startPython(t, place, ['-c', '5', '-Q', 'shared'])
      await began(place, 'python')
      openGate(place, 'survive')
      for (const result of results) assert.equal(await result.get({ timeout: 60 }), 'python')
      assertEndedOnce(place, 'python')
    },
  )

  test(
    `we finish what Python’s killed worker had: ${broker} [5-107, 5-108]`,
    needsPartners(broker),
    async (t) => {
      const place = await startPlace(t, broker, SHORT_LEASE)
      const node = startNodeApp(t, place, OUR_SHORT_LEASE)
      const worker = await startPython(t, place, ['-c', '5', '-Q', 'shared'])
      const results = await sendSurvivors(node.app)
      await began(place, 'python')
      await worker.kill()
      await abandoned(place)
      await startNodeWorker(t, node, { queues: ['shared'], concurrency: 5 })
      await began(place, 'node')
      openGate(place, 'survive')
      for (const result of results) assert.equal(await result.get({ timeout: 60 }), 'node')
      assertEndedOnce(place, 'node')
    },
  )
}

const SHORT_LEASE = {
  settings: { broker_transport_options: { visibility_timeout: VISIBILITY_TIMEOUT } },
}

const OUR_SHORT_LEASE = { brokerTransportOptions: { visibility_timeout: VISIBILITY_TIMEOUT } }

const SURVIVORS = [0, 1, 2, 3, 4]

type App = ReturnType<typeof startNodeApp>['app']

function sendSurvivors(app: App): Promise<AsyncResult[]> {
  return Promise.all(
    SURVIVORS.map((n) => app.signature('shared.survive', { args: ['survivors', n, 'survive'] }).delay()),
  )
}

/** Waits until all tasks have begun on that side. */
async function began(place: { readonly gates: string }, side: string): Promise<void> {
  const wanted = SURVIVORS.map((n) => `${n} ${side} began`)
  await eventually(
    () => {
      const book = readBook(place, 'survivors')
      return wanted.every((line) => book.includes(line))
    },
    { message: `all tasks have begun on ${side}` },
  )
}

/** Waits, on Redis, until nobody can be taken to hold the messages: both sides look when they start, then seldom. */
async function abandoned({ broker, redis }: Place): Promise<void> {
  if (!broker.startsWith('redis:')) return
  await eventually(async () => {
    const [seconds] = await redis.command('TIME')
    const [count] = await redis.command(`ZCOUNT unacked_index -inf ${Number(seconds) - VISIBILITY_TIMEOUT}`)
    return Number(count) === SURVIVORS.length
  })
}

function assertEndedOnce(place: { readonly gates: string }, side: string): void {
  const ends = readBook(place, 'survivors').filter((line) => line.endsWith('ended'))
  assert.deepEqual(
    ends.toSorted(),
    SURVIVORS.map((n) => `${n} ${side} ended`),
  )
}

function entryOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'entry' in value ? value.entry : value
}
