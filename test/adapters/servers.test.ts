import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createConnection } from 'node:net'
import { test } from 'node:test'
import { eventually, eventuallyValue } from '../support/eventually.ts'
import { isRunning } from '../support/is-running.ts'
import { needs } from '../support/require-server.ts'
import type { Rabbitmq } from '../support/servers/rabbitmq.ts'
import { environmentOf, startRabbitmq } from '../support/servers/rabbitmq.ts'
import { startRedis } from '../support/servers/redis.ts'
import { redisCommand } from '../support/servers/redis-command.ts'
import { startSentinel } from '../support/servers/sentinel.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const AMQP_GREETING = Buffer.from('AMQP\0\0\x09\x01', 'latin1')

test(
  'a private Redis answers, keeps its data over a restart, and leaves no process',
  needs('redis-server'),
  async (t) => {
    const redis = await startRedis(t, { appendonly: true })
    assert.deepEqual(await redis.command('PING'), ['PONG'])
    await redis.command('SET fruit celeriac')
    await redis.restart()
    assert.deepEqual(await redis.command('GET fruit'), ['celeriac'])
    const { pid } = redis
    assert.ok(isRunning(pid))
    await redis.stop()
    assert.ok(!isRunning(pid))
    await assert.rejects(redis.command('PING'), /ECONNREFUSED/)
  },
)

test('a killed Redis loses what was only in memory', needs('redis-server'), async (t) => {
  const redis = await startRedis(t)
  await redis.command('SET fruit celeriac')
  await redis.kill()
  await redis.restart()
  assert.deepEqual(await redis.command('EXISTS fruit'), ['0'])
})

test('sentinels promote the replica when the master dies', needs('redis-server'), async (t) => {
  const cluster = await startSentinel(t)
  assert.equal(await cluster.masterPort(), cluster.master.port)
  await cluster.failOver()
  assert.equal(await cluster.masterPort(), cluster.replica.port)
})

test(
  'a private RabbitMQ greets, has vhosts, keeps them over a restart, and leaves no process',
  needs('rabbitmq-server'),
  async (t) => {
    const rabbitmq = await startRabbitmq(t)
    const vhost = await rabbitmq.newVhost(t)
    assert.equal(vhost.url, `amqp://guest:guest@127.0.0.1:${rabbitmq.port}/${vhost.name}`)
    await greets(rabbitmq)
    const { pid } = rabbitmq
    await rabbitmq.restart()
    assert.ok(!isRunning(pid))
    await greets(rabbitmq)
    assert.match(await rabbitmq.ctl('list_vhosts', '--quiet'), new RegExp(vhost.name))
    assert.equal(JSON.parse(environmentOf(rabbitmq)['CELERIAC_TEST_RABBITMQ_NODE'] ?? '').port, rabbitmq.port)
    const last = rabbitmq.pid
    await rabbitmq.stop()
    assert.ok(!isRunning(last))
  },
)

test('the proxy forwards, stalls, resumes, cuts and refuses', needs('redis-server'), async (t) => {
  const redis = await startRedis(t)
  const proxy = await startTcpProxy(t, redis.port)
  assert.equal(proxy.through('redis://:secret@localhost:6379/3'), `redis://:secret@127.0.0.1:${proxy.port}/3`)
  assert.deepEqual(await redisCommand(proxy.port, 'PING'), ['PONG'])

  const socket = createConnection({ host: '127.0.0.1', port: proxy.port })
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  const heard = listenTo(socket)
  await eventually(() => proxy.connections === 1)
  proxy.stall()
  socket.write('SET stalled 1\r\n')
  for (let round = 0; round < 10; round++) {
    assert.deepEqual(await redis.command('EXISTS stalled'), ['0'])
  }
  await proxy.resume()
  await eventually(() => heard() === '+OK\r\n')

  const closed = new Promise((resolve) => socket.once('close', resolve))
  proxy.cut()
  await closed
  assert.deepEqual(await redisCommand(proxy.port, 'PING'), ['PONG'])
  await proxy.refuse()
  await assert.rejects(redisCommand(proxy.port, 'PING'), /ECONNREFUSED/)
  await proxy.resume()
  assert.deepEqual(await redisCommand(proxy.port, 'PING'), ['PONG'])
  assert.equal(proxy.accepted, 4)
})

test('eventually waits for an assertion, and tells what the last try said', async () => {
  let tries = 0
  await eventually(() => assert.ok(++tries > 2))
  assert.equal(tries, 3)
  assert.equal(await eventuallyValue(() => (++tries > 5 ? tries : undefined)), 6)
  await assert.rejects(
    eventually(() => assert.fail('still raining'), { timeout: 1, every: 1, message: 'dry' }),
    /Did not hold within 1 ms: dry\. The last try said: still raining/,
  )
})

async function greets(rabbitmq: Rabbitmq): Promise<void> {
  const socket = createConnection({ host: '127.0.0.1', port: rabbitmq.port })
  const heard = listenTo(socket)
  // A wrong protocol version is answered with the right one, without a log-in.
  socket.write(Buffer.concat([AMQP_GREETING.subarray(0, 7), Buffer.from([0])]))
  await eventually(() => heard().startsWith('AMQP'), { message: 'RabbitMQ answers' })
  socket.destroy()
}

/** Collects what comes. Errors are let pass: what matters is what was heard and that it is closed. */
function listenTo(socket: Socket): () => string {
  let heard = ''
  socket.on('error', () => {})
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    heard += chunk
  })
  return () => heard
}
