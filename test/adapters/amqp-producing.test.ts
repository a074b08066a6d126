import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { ChannelError, OperationalError, PublishError } from '../../src/errors.ts'
import { BrokerConnection } from '../../src/messaging/connection.ts'
import { Exchange, Queue } from '../../src/messaging/entity.ts'
import type { ProducerOptions } from '../../src/messaging/producer.ts'
import { Producer } from '../../src/messaging/producer.ts'
import { resolveTransport } from '../../src/messaging/transports/resolve-transport.ts'
import { drainTexts, textMessage } from '../../src/testing/conformance/transport-session.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { needs } from '../support/require-server.ts'
import { sharedRabbitmq, startRabbitmq } from '../support/servers/rabbitmq.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { openChannel, statusOf, transportOptions } from './amqp-connect.ts'

const server = needs('rabbitmq-server')
const QUEUE = new Queue('tasks')
const TO_QUEUE = { target: { exchange: '', routingKey: 'tasks' }, declare: [QUEUE] }

test('a producer declares, publishes and closes', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const { producer, connection } = produce(t, [url])
  const media = new Exchange('media', { type: 'topic' })
  const video = new Queue('video', { exchange: media, routingKey: 'video.#', maxPriority: 5, expires: 600 })
  await Promise.all([
    ...Array.from({ length: 100 }, (_, index) => producer.publish(textMessage(`${index}`), TO_QUEUE)),
    producer.publish(textMessage('clip'), {
      target: { exchange: 'media', routingKey: 'video.clip' },
      declare: [video],
    }),
  ])
  const channel = await openChannel(t, url)
  assert.equal((await statusOf(channel, 'tasks')).messages, 100)
  assert.deepEqual(await drainTexts(channel, 'video'), ['clip'])
  const last = producer.publish(textMessage('last'), TO_QUEUE)
  await producer.close()
  await connection.close()
  await last
  assert.equal((await statusOf(channel, 'tasks')).messages, 101)
})

test('the second URL is taken when the first cannot be reached [1-023 7-099]', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const { producer, connection } = produce(t, [`amqp://guest:guest@127.0.0.1:${await freePort()}//`, url])
  await producer.publish(textMessage('x'), TO_QUEUE)
  assert.ok(url.endsWith(connection.broker.split('/').at(-1) ?? '-'))
})

test('and when the first dies while publishing [7-099]', server, async (t) => {
  const rabbitmq = await sharedRabbitmq()
  const { url } = await rabbitmq.newVhost(t)
  const [first, second] = [await startTcpProxy(t, rabbitmq.port), await startTcpProxy(t, rabbitmq.port)]
  const { producer } = produce(t, [first.through(url), second.through(url)])
  await producer.publish(textMessage('0'), TO_QUEUE)
  first.stall()
  const publishing = [1, 2, 3].map((n) => producer.publish(textMessage(`${n}`), TO_QUEUE))
  await first.refuse()
  await Promise.all(publishing)
  assert.deepEqual([first.accepted, second.accepted], [1, 1])
  assert.equal((await statusOf(await openChannel(t, url), 'tasks')).messages, 4)
})

test('cut connections lose no message, whatever was on its way [3-013 1-255]', server, async (t) => {
  const rabbitmq = await sharedRabbitmq()
  const { url } = await rabbitmq.newVhost(t)
  const proxy = await startTcpProxy(t, rabbitmq.port)
  const { producer } = produce(t, [proxy.through(url)], { retry: { start: 0, step: 50, max: 200 } })
  const texts = new Set<string>()
  for (let round = 0; round < 5; round++) {
    const publishing = Array.from({ length: 200 }, (_, index) => {
      const text = `${round}.${index}`
      texts.add(text)
      return producer.publish(textMessage(text), TO_QUEUE)
    })
    setImmediate(() => setImmediate(() => proxy.cut()))
    await Promise.all(publishing)
  }
  // Twice is possible, never is not.
  const arrived = new Set(await drainTexts(await openChannel(t, url), 'tasks'))
  assert.deepEqual([...arrived].sort(), [...texts].sort())
})

test('a broker that falls silent does not keep publishers waiting, and is left', server, async (t) => {
  const rabbitmq = await sharedRabbitmq()
  const { url } = await rabbitmq.newVhost(t)
  const proxy = await startTcpProxy(t, rabbitmq.port)
  const { producer, connection } = produce(t, [proxy.through(url)], { timeout: 3000 })
  await producer.publish(textMessage('before'), TO_QUEUE)
  proxy.stall()
  await assert.rejects(producer.publish(textMessage('x'), TO_QUEUE), (error) => {
    assert.ok(error instanceof OperationalError)
    assert.match(
      error.message,
      /'tasks' through amqp:\/\/guest:\*\*@127\.0\.0\.1:\d+\/.* 3000 ms have passed/,
    )
    return true
  })
  assert.equal(connection.ready, undefined)
  await proxy.resume()
  await eventually(() => producer.publish(textMessage('after'), TO_QUEUE))
  assert.equal(connection.generation, 2)
})

test('one that falls silent while a queue is declared is left as well', server, async (t) => {
  const rabbitmq = await sharedRabbitmq()
  const { url } = await rabbitmq.newVhost(t)
  const proxy = await startTcpProxy(t, rabbitmq.port)
  const { producer, connection } = produce(t, [proxy.through(url)], { timeout: 300 })
  const first = { target: { exchange: '', routingKey: 'first' }, declare: [new Queue('first')] }
  await producer.publish(textMessage('before'), first)
  proxy.stall()
  await assert.rejects(producer.publish(textMessage('x'), TO_QUEUE), /300 ms have passed/)
  assert.equal(connection.ready, undefined)
  await proxy.resume()
  await eventually(() => producer.publish(textMessage('after'), TO_QUEUE))
  assert.equal(connection.generation, 2)
})

test('a broker that is silent from the start does not, either [1-018]', server, async (t) => {
  const rabbitmq = await sharedRabbitmq()
  const proxy = await startTcpProxy(t, rabbitmq.port)
  proxy.stall()
  const connection = new BrokerConnection({
    candidates: [transportOptions(proxy.through(rabbitmq.url), { connectTimeout: 200 })],
    resolve: resolveTransport,
  })
  const producer = new Producer({ connection, retry: false })
  await assert.rejects(producer.publish(textMessage('x'), TO_QUEUE), /ETIMEDOUT/)
})

test('publishing goes on after a restart of the broker', server, async (t) => {
  const broker = await startRabbitmq(t)
  const { producer } = produce(t, [broker.url], {
    retry: { start: 0, step: 100, max: 500 },
    timeout: 240_000,
  })
  await producer.publish(textMessage('before'), TO_QUEUE)
  const restarting = broker.restart()
  const during = Array.from({ length: 20 }, (_, index) => producer.publish(textMessage(`${index}`), TO_QUEUE))
  await restarting
  await Promise.all(during)
  const arrived = await drainTexts(await openChannel(t, broker.url), 'tasks')
  assert.ok(arrived.includes('before'))
  assert.equal(new Set(arrived).size, 21)
})

test('a queue that somebody deleted is declared again', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const { producer } = produce(t, [url])
  await producer.publish(textMessage('1'), TO_QUEUE)
  const channel = await openChannel(t, url)
  await channel.deleteQueue('tasks')
  await producer.publish(textMessage('2'), TO_QUEUE)
  assert.deepEqual(await drainTexts(channel, 'tasks'), ['2'])
  await channel.deleteQueue('tasks')
  await assert.rejects(producer.publish(textMessage('3'), { target: TO_QUEUE.target }), PublishError)
})

test('an exchange that somebody deleted is declared again', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const { producer } = produce(t, [url])
  const queue = new Queue('q', { exchange: 'media', routingKey: 'k' })
  const options = { target: { exchange: 'media', routingKey: 'k' }, declare: [queue] }
  await producer.publish(textMessage('1'), options)
  const channel = await openChannel(t, url)
  await channel.deleteExchange('media')
  await producer.publish(textMessage('2'), options)
  assert.deepEqual(await drainTexts(channel, 'q'), ['1', '2'])
})

test('a queue that exists otherwise is refused, and the next publish works', server, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const { producer, connection } = produce(t, [url])
  await producer.publish(textMessage('1'), TO_QUEUE)
  const other = { ...TO_QUEUE, declare: [QUEUE.with({ maxPriority: 3 })] }
  const slow = producer.publish(textMessage('2'), TO_QUEUE)
  await assert.rejects(producer.publish(textMessage('x'), other), (error) => {
    assert.ok(error instanceof ChannelError)
    assert.match(error.message, /inequivalent arg 'x-max-priority'/)
    return true
  })
  await slow
  await producer.publish(textMessage('3'), TO_QUEUE)
  assert.equal(connection.generation, 1)
  assert.deepEqual(await drainTexts(await openChannel(t, url), 'tasks'), ['1', '2', '3'])
})

test('wrong passwords and virtual hosts are told at once, with the remedy', server, async (t) => {
  const rabbitmq = await sharedRabbitmq()
  const at = `127.0.0.1:${rabbitmq.port}`
  const login = produce(t, [`amqp://guest:wrong@${at}//`])
  await assert.rejects(login.producer.publish(textMessage('x'), TO_QUEUE), (error) => {
    assert.ok(error instanceof OperationalError)
    assert.match(error.message, /refused the login of "guest"\. Check user and password/)
    assert.doesNotMatch(error.message, /wrong/)
    return true
  })
  const vhost = produce(t, [`amqp://guest:guest@${at}/nowhere`])
  await assert.rejects(
    vhost.producer.publish(textMessage('x'), TO_QUEUE),
    /the virtual host "nowhere" does not exist, or "guest" may not use it/,
  )
})

function produce(
  t: TestContext,
  urls: readonly string[],
  options: Partial<ProducerOptions> = {},
): { readonly producer: Producer; readonly connection: BrokerConnection } {
  const connection = new BrokerConnection({
    candidates: urls.map((url) => transportOptions(url)),
    resolve: resolveTransport,
    logger: silentLogger,
  })
  const producer = new Producer({ connection, ...options })
  const end = async (): Promise<void> => {
    await producer.close()
    await connection.close()
  }
  onCleanup(t, end, () => undefined)
  return { producer, connection }
}
