/** Tasks that wait in RabbitMQ until they are due, between Python and us. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRecord } from '../../src/util/is-record.ts'
import {
  needsPartners,
  startNodeApp,
  startNodeWorker,
  startPartners,
  startPlace,
  startPython,
} from './partners.ts'

/** Quorum queues with topic exchanges, in Celery's names. */
const SETTINGS = {
  task_queues: null,
  task_default_queue_type: 'quorum',
  task_default_exchange_type: 'topic',
  task_create_missing_queue_type: 'quorum',
  task_create_missing_queue_exchange_type: 'topic',
}

/** The key that a call in two seconds arrives with: its delay was read by the broker, digit by digit. */
function delayedKey(queue: string): string {
  return `${'0.'.repeat(26)}1.0.${queue}`
}

test('our client, a Python worker [1-198 3-037 5-135]', needsPartners('rabbitmq'), async (t) => {
  const place = await startPlace(t, 'rabbitmq', { settings: SETTINGS })
  const { app } = startNodeApp(t, place)
  app.conf.update(SETTINGS)
  await startPython(t, place)
  const sent = Date.now()
  const answer = await app.sendTask('py.request', [], {}, { countdown: 2 }).get({ timeout: 60 })
  assert.ok(Date.now() - sent >= 2000)
  assert.ok(isRecord(answer))
  assert.equal(answer['routing_key'], delayedKey('py'))
})

test('a Python client, our worker [1-027 1-198 5-134 5-137]', needsPartners('rabbitmq'), async (t) => {
  const partners = await startPartners(t, 'rabbitmq', { settings: SETTINGS })
  const { python, app } = partners
  app.conf.update(SETTINGS)
  await startNodeWorker(t, partners)
  const sent = Date.now()
  const key = await python.run(`return send('node.request', countdown=2).get(timeout=60)['routing_key']`)
  assert.ok(Date.now() - sent >= 2000)
  assert.equal(key, delayedKey('node'))
})
