/** Queues as the command `active_queues` shows them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Exchange, Queue } from '../../src/messaging/entity.ts'
import { queueDict } from '../../src/messaging/queue-to-dict.ts'

const GOLDEN: { readonly entries: readonly { readonly name: string; readonly result?: unknown }[] } =
  JSON.parse(readFileSync(new URL('vectors/pidbox.json', import.meta.url), 'utf8'))

test('queues are shown as kombu shows them, key by key [6-103]', () => {
  const entry = GOLDEN.entries.find(({ name }) => name === 'inspect-active_queues-after')
  const plain = (name: string): Queue => new Queue(name, { exchange: new Exchange(name), routingKey: name })
  const topic = new Queue('extra-topic', {
    exchange: new Exchange('extra-ex', { type: 'topic' }),
    routingKey: 'extra.#',
    queueArguments: { 'x-max-priority': 5 },
  })
  const queues = [plain('celery'), plain('extra-queue'), topic].map(queueDict)
  assert.equal(JSON.stringify({ 'golden@worker.local': queues }), JSON.stringify(entry?.result))
})
