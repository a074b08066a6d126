/** Messages that are not wanted yet, and counts of deliveries, in Redis and with Python. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Celery } from '../../src/index.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { needsPython, startPythonWorker } from '../support/python.ts'
import {
  openTestConnection,
  openTestStore,
  takeNext,
  takeNow,
  textMessage,
  textOf,
} from '../support/redis-store.ts'
import { needs } from '../support/require-server.ts'
import { startRedis } from '../support/servers/redis.ts'

const server = needs('redis-server')
const PARTNER = fileURLToPath(new URL('../interop/fixtures/partner.py', import.meta.url))

test(
  'a postponed message comes back when it is due, whoever is there then [5-107, 5-108]',
  server,
  async (t) => {
    const { url } = await startRedis(t)
    const { store } = await openTestStore(t, url)
    await store.put('q', [textMessage('later', { properties: { priority: 3 } }), textMessage('now')])
    const taken = await takeNow(store, ['q'])
    const later = taken.find((each) => textOf(each) === 'later')
    assert.ok(later !== undefined && store.postpone !== undefined)
    await store.postpone([{ taken: later, until: Date.now() + 600_000 }])
    assert.equal(await store.size('q'), 0)
    // Those who are gone, or alive, hold nothing of it.
    await store.close()
    const options = { unacked_restore_interval: 0.1 }
    const { store: next, warnings } = await openTestStore(t, url, { options })
    const [first] = await takeNext(next, ['q'], 1)
    assert.ok(first !== undefined)
    assert.equal(textOf(first), 'now')
    await next.settle([first])
    const redis = await openTestConnection(t, url)
    const waiting = await redis.send('ZRANGE', 'unacked_index', 0, -1)
    assert.ok(Array.isArray(waiting) && waiting.length === 1)
    // As if the time had passed. Of both only the one that somebody held for too long is worth a word.
    await redis.send('HSET', 'unacked', 'held', '[{"body": "", "properties": {}}, "", "other"]')
    await redis.send('ZADD', 'unacked_index', 1, String(waiting[0]), 1, 'held')
    const [second] = await takeNext(next, ['q'], 1)
    assert.ok(second !== undefined)
    assert.equal(textOf(second), 'later')
    assert.equal(second.message.properties.priority, 3)
    assert.deepEqual([second.message.redelivered, second.message.deliveryCount], [false, 0])
    await eventually(() => assert.equal(warnings.length, 1))
    assert.match(
      warnings.join(),
      /^1 message\(s\) were restored that had been held longer than visibility_timeout$/,
    )
  },
)

test('Python gives a message back that we have postponed [5-107, 5-108]', {
  skip: server.skip || needsPython().skip,
  timeout: 240_000,
}, async (t) => {
  const { url } = await startRedis(t)
  const app = new Celery('caller', { broker: url, backend: url, logger: silentLogger, setAsCurrent: false })
  onCleanup(
    t,
    () => app.close(),
    () => undefined,
  )
  const result = await app.sendTask('partner.add', [2, 3])
  const { store } = await openTestStore(t, url)
  const [taken] = await takeNow(store, ['celery'])
  assert.ok(taken !== undefined && store.postpone !== undefined)
  await store.postpone([{ taken, until: Date.now() - 1000 }])
  await store.close()
  // It looks for what is due when it starts.
  await startPythonWorker(t, {
    app: PARTNER,
    args: ['-P', 'solo'],
    env: { BROKER_URL: url, RESULT_BACKEND: url },
  })
  assert.equal(await result.get({ timeout: 60 }), 5)
})

test('who held a message and did not settle it is counted; who gave it back is not', server, async (t) => {
  const { url } = await startRedis(t)
  const options = { visibility_timeout: 0.3, unacked_restore_interval: 0.1 }
  const { store } = await openTestStore(t, url, { options })
  await store.put('q', [textMessage('a')])
  // Nobody renews these leases.
  const counts: unknown[] = []
  for (let delivery = 0; delivery < 3; delivery += 1) {
    const [taken] = await takeNext(store, ['q'])
    counts.push([taken?.message.redelivered, taken?.message.deliveryCount])
  }
  assert.deepEqual(counts, [
    [false, 0],
    [true, 1],
    [true, 2],
  ])
  await eventually(async () => assert.equal(await store.size('q'), 1))
  await store.close()
  const { store: patient } = await openTestStore(t, url)
  const [taken] = await takeNext(patient, ['q'])
  assert.ok(taken !== undefined)
  await patient.restore([taken], 'front')
  const [again] = await takeNext(patient, ['q'])
  assert.equal(again?.message.deliveryCount, 3)
})
