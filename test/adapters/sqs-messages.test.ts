/** What SQS keeps, and for how long it hides what is held. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { after, test } from 'node:test'
import { SQS } from '@aws-sdk/client-sqs'
import { ChannelError, PublishError } from '../../src/errors.ts'
import type { Delivery, OutgoingMessage } from '../../src/messaging/message.ts'
import type { Channel } from '../../src/messaging/transport.ts'
import { sqsTransport } from '../../src/messaging/transports/sqs/transport.ts'
import { eventuallyValue } from '../support/eventually.ts'
import { startAws } from '../support/servers/aws.ts'

const aws = await startAws(after)
const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' }
const sqs = new SQS({ endpoint: aws.endpoint, region: 'us-east-1', credentials })
after(() => sqs.destroy())

const HELD = 1800_000
let count = 0

async function open(t: TestContext, transportOptions: Readonly<Record<string, unknown>> = {}) {
  const connection = await sqsTransport.connect({
    url: aws.sqsUrl,
    transportOptions: { wait_time_seconds: 0, polling_interval: '50ms', ...transportOptions },
    connectTimeout: undefined,
    heartbeat: 0,
    ssl: false,
    clientName: 'test',
  })
  t.after(() => connection.close())
  return connection.openChannel()
}

function queueName(ending = ''): string {
  count += 1
  return `queue${count}${ending}`
}

async function declare(channel: Channel, name: string): Promise<void> {
  await channel.declareQueue({ name, durable: true, exclusive: false, autoDelete: false, arguments: {} })
}

async function urlOf(name: string): Promise<string> {
  const { QueueUrl = '' } = await sqs.getQueueUrl({ QueueName: name })
  return QueueUrl
}

function message(text: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  const properties = { contentType: 'application/json', contentEncoding: 'utf-8' }
  return { body: Buffer.from(text), properties, headers: { task: 't.add', id: text }, ...more }
}

async function received(name: string) {
  const found = await sqs.receiveMessage({
    QueueUrl: await urlOf(name),
    MaxNumberOfMessages: 10,
    MessageSystemAttributeNames: ['All'],
    MessageAttributeNames: ['All'],
  })
  return found.Messages ?? []
}

/** Seconds for which the only held message is still hidden. */
async function hiddenFor(queue: string): Promise<number> {
  const { messages } = await aws.inspect(queue)
  const [held] = messages.inflight
  assert.ok(held, 'a message is held')
  return (held.visibilityDeadline - Date.now()) / 1000
}

async function taken(channel: Channel, queue: string): Promise<Delivery> {
  return eventuallyValue(() => channel.get(queue), { message: `a message in ${queue}` })
}

test('a message is kept as an envelope in base64 [5-118] [1-294]', async (t) => {
  const channel = await open(t)
  await channel.publish(message('[1]'), { exchange: '', routingKey: 'my.queue:a@b' })
  const [found] = await received('my-queue_a_b')
  const envelope = JSON.parse(Buffer.from(found?.Body ?? '', 'base64').toString())
  assert.equal(Buffer.from(envelope.body, 'base64').toString(), '[1]')
  assert.deepEqual(envelope.headers, { task: 't.add', id: '[1]' })
  assert.deepEqual(envelope.properties.delivery_info, { exchange: '', routing_key: 'my.queue:a@b' })
  assert.equal(envelope.properties.body_encoding, 'base64')
  assert.equal(envelope['content-type'], 'application/json')
})

test('or as plain JSON without a letter that SQS might refuse; both are read everywhere [1-294]', async (t) => {
  const [plain, encoded] = [await open(t, { sqs_base64_encoding: false }), await open(t)]
  const queue = queueName()
  const headers = { task: 't.add', note: 'snö 😀 \uffff' }
  await plain.publish(message('"snö"', { headers }), { exchange: '', routingKey: queue })
  const [found] = await received(queue)
  assert.match(found?.Body ?? '', /^\{[ -~]+\}$/)
  await plain.publish(message('"snö"', { headers }), { exchange: '', routingKey: queue })
  assert.deepEqual((await taken(encoded, queue)).headers, headers)
  await encoded.publish(message('"a"'), { exchange: '', routingKey: queue })
  assert.equal(Buffer.from((await taken(plain, queue)).body).toString(), '"a"')
})

test('what others send is a message without headers [5-118]', async (t) => {
  const channel = await open(t)
  const queue = queueName()
  await declare(channel, queue)
  const texts = ['hello', '{"a": 1}', 'aGVsbG8gd29ybGQ=', '[1]', '{}']
  for (const text of texts) await sqs.sendMessage({ QueueUrl: await urlOf(queue), MessageBody: text })
  const bodies: string[] = []
  for (const _ of texts) bodies.push(Buffer.from((await taken(channel, queue)).body).toString())
  assert.deepEqual(bodies, ['hello', '{"a": 1}', 'hello world', '[1]', '{}'])
})

test('queues get the prefix, the timeout, and the attributes and tags that are asked for [1-281] [1-284] [1-290] [1-291]', async (t) => {
  const channel = await open(t, {
    queue_name_prefix: 'team.',
    visibility_timeout: 77,
    'sqs-creation-attributes': { MessageRetentionPeriod: '3600' },
    queue_tags: { team: 'a' },
  })
  await declare(channel, 'x.y')
  const url = await urlOf('team-x-y')
  const { Attributes } = await sqs.getQueueAttributes({ QueueUrl: url, AttributeNames: ['All'] })
  assert.equal(Attributes?.VisibilityTimeout, '77')
  assert.equal(Attributes?.MessageRetentionPeriod, '3600')
  assert.deepEqual((await sqs.listQueueTags({ QueueUrl: url })).Tags, { team: 'a' })
})

test('FIFO queues: groups and deduplication by the options of the call, or by default [5-118]', async (t) => {
  const channel = await open(t)
  const queue = queueName('.fifo')
  await declare(channel, queue)
  const target = { exchange: '', routingKey: queue }
  const extra = { MessageGroupId: 'customer-1', MessageDeduplicationId: 'once' }
  await channel.publish(message('1', { properties: { extra } }), target)
  await channel.publish(message('2', { properties: { extra } }), target)
  await channel.publish(message('3'), target)
  const found = (await received(queue)).map(({ Attributes }) => [
    Attributes?.MessageGroupId,
    Attributes?.MessageDeduplicationId?.length,
  ])
  assert.deepEqual(found.sort(), [
    ['customer-1', 4],
    ['default', 36],
  ])
})

test('messages of a FIFO group keep their order, also when they come back', async (t) => {
  const channel = await open(t)
  const queue = queueName('.fifo')
  await declare(channel, queue)
  const texts = Array.from({ length: 25 }, (_, index) => `${index}`)
  await Promise.all(texts.map((text) => channel.publish(message(text), { exchange: '', routingKey: queue })))
  const first = await taken(channel, queue)
  await channel.reject([first.tag], { requeue: true })
  const found: string[] = []
  for (const _ of texts) {
    const delivery = await taken(channel, queue)
    found.push(Buffer.from(delivery.body).toString())
    await channel.ack([delivery.tag])
  }
  assert.deepEqual(found, texts)
})

test('DelaySeconds of a call delays its message', async (t) => {
  const channel = await open(t)
  const queue = queueName()
  await channel.publish(message('1', { properties: { extra: { DelaySeconds: 600 } } }), {
    exchange: '',
    routingKey: queue,
  })
  assert.equal((await aws.inspect(queue)).messages.delayed.length, 1)
})

test('attributes of a message go beside it, and are fetched when they are asked for [1-295]', async (t) => {
  const tenant = { DataType: 'String', StringValue: 'acme' }
  const attributes = { tenant, secret: { DataType: 'String', StringValue: 'x' } }
  const options = { MessageSystemAttributeNames: ['SenderId'], MessageAttributeNames: ['tenant'] }
  const [plain, fetching] = [await open(t), await open(t, { fetch_message_attributes: options })]
  const queue = queueName()
  const properties = { extra: { message_attributes: attributes, other: 1 } }
  await plain.publish(message('1', { properties }), { exchange: '', routingKey: queue })
  const { extra } = (await taken(fetching, queue)).properties
  assert.deepEqual(extra, { other: 1, message_attributes: { tenant } })
})

test('predefined queues are used without being looked for, and there are no others [1-287]', async (t) => {
  const queue = queueName()
  await declare(await open(t), queue)
  const url = await urlOf(queue)
  const channel = await open(t, { predefined_queues: { tasks: { url, region: 'eu-west-1' } } })
  await declare(channel, 'tasks')
  await channel.publish(message('1'), { exchange: '', routingKey: 'tasks' })
  const delivery = await taken(channel, 'tasks')
  await channel.ack([delivery.tag])
  await assert.rejects(declare(channel, 'elsewhere'), (error) => {
    return error instanceof ChannelError && /add it to predefined_queues/.test(error.message)
  })
  await channel.deleteQueue('tasks')
  assert.equal(await urlOf(queue), url)
})

test('a rejected task waits as long as the backoff policy of its queue says [1-287]', async (t) => {
  const queue = queueName()
  await declare(await open(t), queue)
  const policy = { backoff_policy: { 1: 100, 2: 300 }, backoff_tasks: ['t.add'] }
  const channel = await open(t, { predefined_queues: { tasks: { url: await urlOf(queue), ...policy } } })
  for (const [requeue, task] of [
    [true, 't.add'],
    [false, 't.add'],
    [false, 't.other'],
  ] as const) {
    await channel.publish(message('1', { headers: { task } }), { exchange: '', routingKey: 'tasks' })
    const delivery = await taken(channel, 'tasks')
    await channel.reject([delivery.tag], { requeue })
    const { messages } = await aws.inspect(queue)
    assert.equal(messages.inflight.length, task === 't.add' ? 1 : 0)
    if (task === 't.add') {
      const seconds = await hiddenFor(queue)
      assert.ok(seconds > 10 && seconds <= 100, `${seconds} seconds`)
    }
    await sqs.purgeQueue({ QueueUrl: await urlOf(queue) })
  }
})

test('a rejected message stays for the redrive policy of its queue, and is gone without one', async (t) => {
  const channel = await open(t)
  const [dead, kept, plain] = [queueName(), queueName(), queueName()]
  for (const queue of [dead, kept, plain]) await declare(channel, queue)
  const wanted = { QueueUrl: await urlOf(dead), AttributeNames: ['QueueArn' as const] }
  const { Attributes } = await sqs.getQueueAttributes(wanted)
  const policy = { deadLetterTargetArn: Attributes?.QueueArn, maxReceiveCount: 1 }
  await sqs.setQueueAttributes({
    QueueUrl: await urlOf(kept),
    Attributes: { RedrivePolicy: JSON.stringify(policy) },
  })
  for (const [queue, left] of [
    [kept, 1],
    [plain, 0],
  ] as const) {
    await channel.publish(message('1'), { exchange: '', routingKey: queue })
    await channel.reject([(await taken(channel, queue)).tag], { requeue: false })
    assert.equal((await aws.inspect(queue)).messages.inflight.length, left)
  }
})

test('a message that is too large is refused before it is sent', async (t) => {
  const channel = await open(t)
  const queue = queueName()
  await declare(channel, queue)
  const large = message('x'.repeat(700_000))
  await assert.rejects(channel.publish(large, { exchange: '', routingKey: queue }), (error) => {
    return error instanceof PublishError && /1048576 at most/.test(error.message) && !error.recoverable
  })
  assert.equal(await channel.get(queue), undefined)
})

test('large messages go in as many requests as they need', async (t) => {
  const channel = await open(t)
  const queue = queueName()
  const texts = Array.from({ length: 12 }, (_, index) => `${index}`.padEnd(150_000, 'x'))
  await Promise.all(
    texts.map((text) => channel.publish(message(text, { headers: {} }), { exchange: '', routingKey: queue })),
  )
  assert.equal((await aws.inspect(queue)).messages.ready.length, 12)
})

test('what is held is hidden anew long before its time is over [1-281]', async (t) => {
  const channel = await open(t, { visibility_timeout: 3 })
  const queue = queueName()
  await channel.publish(message('1'), { exchange: '', routingKey: queue })
  const delivery = await taken(channel, queue)
  const first = (await aws.inspect(queue)).messages.inflight[0]?.visibilityDeadline ?? 0
  await eventuallyValue(
    async () => {
      const { messages } = await aws.inspect(queue)
      return (messages.inflight[0]?.visibilityDeadline ?? 0) > first ? true : undefined
    },
    { message: 'its time was prolonged' },
  )
  await channel.ack([delivery.tag])
})

test('what a dead worker held comes back after the timeout, and the death is counted [1-281]', async (t) => {
  const channel = await open(t)
  const queue = queueName()
  await channel.publish(message('1'), { exchange: '', routingKey: queue })
  await sqs.receiveMessage({ QueueUrl: await urlOf(queue), VisibilityTimeout: 1 })
  const { redelivered, deliveryCount } = await taken(channel, queue)
  assert.deepEqual({ redelivered, deliveryCount }, { redelivered: true, deliveryCount: 1 })
})

test('a task that is due later waits hidden in SQS, and is not redelivered when it comes', async (t) => {
  const channel = await open(t)
  const queue = queueName()
  const headers = { task: 't.add', eta: '2099-01-01T00:00:00+00:00' }
  await channel.publish(message('1', { headers }), { exchange: '', routingKey: queue })
  const first = await taken(channel, queue)
  await channel.postpone?.([{ tag: first.tag, until: Date.parse(headers.eta) }])
  const seconds = await hiddenFor(queue)
  assert.ok(seconds > HELD / 1000 && seconds <= 43_200, `hidden for ${seconds} seconds`)

  await channel.publish(message('2', { headers }), { exchange: '', routingKey: queue })
  const second = await taken(channel, queue)
  await channel.postpone?.([{ tag: second.tag, until: Date.now() }])
  const { redelivered, deliveryCount } = await taken(channel, queue)
  assert.deepEqual({ redelivered, deliveryCount }, { redelivered: false, deliveryCount: 0 })
})

test('a consumer is woken by a long poll, and what a poll brings too late is given back [1-282] [1-283]', async (t) => {
  const [worker, other] = [await open(t, { wait_time_seconds: 2 }), await open(t)]
  const queue = queueName()
  await declare(worker, queue)
  const arrived = Promise.withResolvers<Delivery>()
  const consumer = await worker.consume(queue, arrived.resolve)
  await other.publish(message('1'), { exchange: '', routingKey: queue })
  await worker.ack([(await arrived.promise).tag])
  const cancelled = consumer.cancel()
  await other.publish(message('2'), { exchange: '', routingKey: queue })
  await cancelled
  assert.equal((await taken(other, queue)).headers['id'], '2')
})
