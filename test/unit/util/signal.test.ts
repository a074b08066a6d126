import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StreamLogger, silentLogger } from '../../../src/util/logger.ts'
import { Signal } from '../../../src/util/signal.ts'

interface Payload {
  readonly sender?: unknown
  readonly n: number
}

test('receivers are called in order and awaited', async () => {
  const signal = new Signal<Payload>('task_prerun', silentLogger)
  const seen: string[] = []
  assert.equal(signal.hasReceivers, false)
  signal.connect(async ({ n }) => {
    await Promise.resolve()
    seen.push(`a${n}`)
    return 'A'
  })
  const disconnect = signal.connect(({ n }) => seen.push(`b${n}`))
  assert.equal(signal.hasReceivers, true)
  const responses = await signal.send({ n: 1 })
  assert.deepEqual(seen, ['a1', 'b1'])
  assert.equal(responses[0]?.value, 'A')
  disconnect()
  await signal.send({ n: 2 })
  assert.deepEqual(seen, ['a1', 'b1', 'a2'])
})

test('who cannot wait calls all receivers at once', async () => {
  const signal = new Signal<Payload>('on_configure', silentLogger)
  const seen: string[] = []
  signal.connect(async () => {
    seen.push('a')
    await Promise.resolve()
    seen.push('a later')
    return 'A'
  })
  signal.connect(() => {
    throw new Error('no')
  })
  signal.connect(({ n }) => seen.push(`b${n}`))
  signal.connect(() => seen.push('others'), { sender: 'somebody else' })
  const responses = signal.sendAtOnce({ n: 1 })
  assert.deepEqual(seen, ['a', 'b1'])
  assert.deepEqual(
    (await responses).map(({ value }) => value),
    ['A', undefined, 2],
  )
  assert.deepEqual(seen, ['a', 'b1', 'a later'])
})

test('a receiver that fails is logged and hurts nobody', async () => {
  let log = ''
  const signal = new Signal<Payload>(
    'task_failure',
    new StreamLogger('celery', { write: (text) => (log += text) }),
  )
  const error = new Error('my fault')
  signal.connect(function faulty() {
    throw error
  })
  signal.connect(() => 'fine')
  const responses = await signal.send({ n: 1 })
  assert.equal(responses[0]?.error, error)
  assert.equal(responses[1]?.value, 'fine')
  assert.match(log, /Receiver faulty of signal task_failure failed\nError: my fault/)
})

test('a receiver may choose its sender, by object or by name', async () => {
  const signal = new Signal<Payload>('task_prerun', silentLogger)
  const add = { name: 'tasks.add' }
  const seen: string[] = []
  signal.connect(() => seen.push('object'), { sender: add })
  signal.connect(() => seen.push('name'), { sender: 'tasks.add' })
  signal.connect(() => seen.push('other'), { sender: 'tasks.mul' })
  signal.connect(() => seen.push('any'))
  await signal.send({ sender: add, n: 1 })
  assert.deepEqual(seen, ['object', 'name', 'any'])
  await signal.send({ sender: 'tasks.mul', n: 1 })
  assert.deepEqual(seen, ['object', 'name', 'any', 'other', 'any'])
})

test('the same receiver or id is connected once', async () => {
  const signal = new Signal<Payload>('x', silentLogger)
  let calls = 0
  const receiver = (): void => {
    calls++
  }
  signal.connect(receiver)
  signal.connect(receiver)
  signal.connect(() => calls++, { id: 'mine' })
  signal.connect(() => calls++, { id: 'mine' })
  await signal.send({ n: 1 })
  assert.equal(calls, 2)
  assert.equal(signal.disconnect('mine'), true)
  assert.equal(signal.disconnect(receiver), true)
  assert.equal(signal.disconnect(receiver), false)
  assert.equal(signal.hasReceivers, false)
})
