import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { CollectorOptions, NodeReply } from '../../../src/control/reply-collector.ts'
import { ReplyCollector } from '../../../src/control/reply-collector.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const A = { a: 1 }
const B = { b: 2 }

function create(options: Partial<CollectorOptions> = {}): {
  readonly clock: VirtualClock
  readonly collector: ReplyCollector
  readonly all: () => Promise<NodeReply[]>
} {
  const clock = new VirtualClock()
  const collector = new ReplyCollector({ limit: undefined, timeout: 1000, clock, ...options })
  return { clock, collector, all: () => collect(collector) }
}

async function collect(collector: ReplyCollector): Promise<NodeReply[]> {
  const replies: NodeReply[] = []
  for await (const reply of collector) replies.push(reply)
  return replies
}

suite('ReplyCollector', () => {
  test('each reply starts the time anew, as in Celery [5-086]', async () => {
    const { clock, collector, all } = create()
    const replies = all()
    collector.start()
    await clock.advance(900)
    collector.push(A)
    await clock.advance(900)
    collector.push(B)
    await clock.advance(1000)
    collector.push({ c: 3 })
    assert.deepEqual(await replies, [A, B])
    assert.equal(clock.pending, 0)
  })

  test('no time runs before the request is out', async () => {
    const { clock, collector, all } = create()
    await clock.advance(5000)
    collector.push(A)
    collector.start()
    await clock.advance(1000)
    assert.deepEqual(await all(), [A])
  })

  test('the limit ends the wait at once [5-086]', async () => {
    const { clock, collector, all } = create({ limit: 2 })
    collector.start()
    collector.push(A)
    collector.push(B)
    collector.push({ c: 3 })
    assert.deepEqual(await all(), [A, B])
    assert.equal(clock.pending, 0)
  })

  test('an error comes after what came before it', async () => {
    const { clock, collector } = create({ timeout: undefined })
    collector.start()
    collector.push(A)
    collector.fail(new Error('lost'))
    const iterator = collector[Symbol.asyncIterator]()
    assert.deepEqual(await iterator.next(), { done: false, value: A })
    await assert.rejects(iterator.next(), /lost/)
    assert.equal(clock.pending, 0)
  })
})
