/** `celery amqp` and `celery list bindings` on brokers that are really there. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect } from 'amqplib'
import { runProgram } from '../../src/cli/program.ts'
import { Celery } from '../../src/index.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { needs } from '../support/require-server.ts'
import { sharedRabbitmq } from '../support/servers/rabbitmq.ts'
import { startRedis } from '../support/servers/redis.ts'
import { tempDir } from '../support/temp-dir.ts'
import { testIo } from '../unit/cli/fake-app.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

interface Ended {
  readonly code: unknown
  readonly output: string
}

async function celery(broker: string, argv: readonly string[], transportOptions = {}): Promise<Ended> {
  const settings = { broker, brokerTransportOptions: transportOptions, setAsCurrent: false }
  const app = new Celery('amqp', { ...settings, logger: silentLogger })
  const io = testIo()
  const code = await runProgram(argv, io, { app, reference: '' })
  return { code, output: io.output() + io.errors() }
}

/** What the command says between connecting and the end. */
async function amqp(broker: string, ...argv: readonly string[]): Promise<Ended> {
  const { code, output } = await celery(broker, ['amqp', ...argv])
  assert.match(output, /^-> connecting to amqp:\/\/guest:\*\*@127\.0\.0\.1:\d+\/\S+\.\n-> connected\.\n/)
  return { code, output: output.split('\n').slice(2).join('\n') }
}

test('amqp commands exchanges and queues [6-041]', { skip: needs('rabbitmq-server').skip }, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const ok = { code: 0, output: 'OK\n' }
  assert.deepEqual(await amqp(url, 'exchange.declare', 'media', 'topic', 'no', 'yes'), ok)
  assert.deepEqual(await amqp(url, 'queue.declare', 'images', 'no', 'yes'), {
    code: 0,
    output: 'queue:images messages:0 consumers:0\nOK\n',
  })
  assert.deepEqual(await amqp(url, 'queue.bind', 'images', 'media', 'image.#'), ok)
  assert.deepEqual(await amqp(url, 'basic.publish', 'hello there', 'media', 'image.png'), ok)
  const busy = await amqp(url, 'exchange.delete', 'media', 'yes')
  assert.equal(busy.code, 1)
  assert.match(busy.output, /^ERROR: .*in use/)
  const got = await amqp(url, 'basic.get', 'images', 'yes')
  assert.match(
    got.output,
    /body: 'hello there'[\s\S]*exchange: 'media',\s+routing_key: 'image\.png'[\s\S]*OK\n$/,
  )
  await amqp(url, 'basic.publish', 'again', '', 'images')
  assert.deepEqual(await amqp(url, 'queue.purge', 'images'), { code: 0, output: '1 messages deleted.\nOK\n' })
  assert.deepEqual(await amqp(url, 'queue.delete', 'images'), {
    code: 0,
    output: '0 messages deleted.\nOK\n',
  })
  assert.deepEqual(await amqp(url, 'exchange.delete', 'media', 'yes'), ok)
  assert.match((await amqp(url, 'queue.declare', 'images', 'yes')).output, /^ERROR: .*images/m)
  assert.match((await amqp(url, 'queue.declare', 'x', 'maybe')).output, /ERROR: passive must be yes or no/)
})

test('amqp reads its commands from a pipe; a message is acknowledged in the session that took it [6-041]', {
  skip: needs('rabbitmq-server').skip,
}, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const lines = [
    ...['queue.declare jobs', 'basic.publish "one job" "" jobs', 'basic.get jobs', 'basic.ack 1'],
    ...[
      'queue.declare absent yes',
      'queue.declare jobs',
      'nonsense',
      'basic.get',
      'help',
      'exit',
      'queue.delete jobs',
    ],
  ]
  const child = spawn(process.execPath, [CLI, '-b', url, 'amqp'], {
    cwd: tempDir(t),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.end(`${lines.join('\n')}\n`)
  const ends = Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  const [output, errors, [code]] = await ends
  assert.match(output, /queue:jobs messages:0 consumers:0\nOK\nOK\n\{\s+body: 'one job'[\s\S]+?\}\nOK\nOK\n/)
  assert.match(errors, /^ERROR: .*absent/m)
  assert.match(output, /OK\n-> connecting to .*\n-> connected\.\nqueue:jobs messages:0 consumers:0\nOK\n/)
  assert.match(errors, /There is no command 'nonsense'/)
  assert.match(errors, /^ERROR: basic\.get <queue> \[no_ack\]$/m)
  assert.match(output, /^basic\.ack <delivery_tag> +Acknowledge/m)
  assert.doesNotMatch(output, /deleted/)
  assert.equal(code, 1)
})

test('purge takes queues as they are, and makes none [6-032 10-037]', {
  skip: needs('rabbitmq-server').skip,
}, async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  // Whoever declared it said more of it than the app knows.
  const connection = await connect(url)
  try {
    const channel = await connection.createChannel()
    await channel.assertQueue('images', { durable: true, maxPriority: 5 })
    channel.sendToQueue('images', Buffer.from('a'))
    await eventually(async () => assert.equal((await channel.checkQueue('images')).messageCount, 1))
    assert.deepEqual(await celery(url, ['purge', '-f', '-Q', 'images,imagse']), {
      code: 0,
      output: 'images: 1 message\nPurged 1 message from 2 known task queues.\n',
    })
    const missing = await connection.createChannel()
    missing.once('error', () => undefined)
    await assert.rejects(missing.checkQueue('imagse'), /NOT_FOUND/)
  } finally {
    await connection.close()
  }
})

test('bindings of the queues of the app are listed [6-034]', {
  skip: needs('redis-server').skip,
}, async (t) => {
  const { url } = await startRedis(t)
  const { code, output } = await celery(url, ['list', 'bindings'])
  assert.equal(code, 0)
  assert.deepEqual(
    output.split('\n').map((line) => line.split(/\s+/)),
    [
      ['Queue', 'Exchange', 'Routing', 'Key'],
      ['----------------', '----------------', '----------------'],
      ['celery', 'celery', 'celery'],
      [''],
    ],
  )
})

test('RabbitMQ is asked for its bindings through its management [6-034]', {
  skip: needs('rabbitmq-server').skip,
}, async (t) => {
  const { url, name } = await (await sharedRabbitmq()).newVhost(t)
  const asked: unknown[] = []
  const server = createServer((request, response) => {
    asked.push([request.url, request.headers.authorization])
    const binding = { destination: 'celery', destination_type: 'queue', source: 'celery', routing_key: 'key' }
    response.setHeader('content-type', 'application/json')
    response.end(
      JSON.stringify([binding, { ...binding, destination: 'other', destination_type: 'exchange' }]),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const listed = await celery(url, ['list', 'bindings'], { manager_port: address.port })
  assert.match(listed.output, /\ncelery {23}celery {23}key\n$/)
  assert.deepEqual(asked, [
    [`/api/bindings/${name}`, `Basic ${Buffer.from('guest:guest').toString('base64')}`],
  ])
  const without = await celery(url, ['list', 'bindings'], { manager_port: 1 })
  assert.equal(without.code, 1)
  assert.match(without.output, /rabbitmq-plugins enable rabbitmq_management/)
})

test('amqp says once that there is no broker [6-017]', async () => {
  const broker = `redis://127.0.0.1:${await freePort()}`
  const { code, output } = await celery(broker, ['amqp', 'queue.purge', 'x'])
  assert.equal(code, 1)
  assert.equal(output.match(/ECONNREFUSED/g)?.length, 1, output)
})
