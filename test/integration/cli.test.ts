/** The commands, as processes: on the embedded broker, and on Redis where it makes a difference. */
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { freePort } from '../support/free-port.ts'
import { needs } from '../support/require-server.ts'
import { startRedis } from '../support/servers/redis.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { cliPlace } from './cli-process.ts'

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\n$/

test('a task is called, run and its result shown, with nothing but this package [6-018, 6-031, 6-033, 11-027]', async (t) => {
  const place = cliPlace(t)
  const worker = await place.worker('-c', '1')
  const { code, output: id } = await place.run('call', 'cli.add', '--args', '[4, 4]')
  assert.equal(code, 0)
  assert.match(id, UUID)
  assert.deepEqual(await place.run('result', id.trim()), { code: 0, output: '8\n' })
  assert.match(worker.output(), new RegExp(`Task cli\\.add\\[${id.trim()}\\] received`))
  assert.ok(existsSync(place.file('celery.sqlite3')))
  assert.equal(await worker.stop(), 0)
})

test('the same on Redis [6-002, 6-003, 11-001]', needs('redis-server'), async (t) => {
  const redis = await startRedis(t)
  const place = cliPlace(t, { CELERY_BROKER_URL: redis.url, CELERY_RESULT_BACKEND: redis.url })
  const worker = await place.worker('-c', '1')
  const { output: id } = await place.run('call', 'cli.add', '-a', '[20, 22]')
  assert.equal((await place.run('result', id.trim())).output, '42\n')
  assert.ok(!existsSync(place.file('celery.sqlite3')))
  assert.match(worker.output(), new RegExp(`transport: {3}redis://127\\.0\\.0\\.1:${redis.port}`))
  assert.equal(await worker.stop(), 0)
})

test(
  'the broker of the command line wins over everything [6-002, 6-003]',
  needs('redis-server'),
  async (t) => {
    const redis = await startRedis(t)
    const place = cliPlace(t, { CELERY_BROKER_URL: 'amqp://nowhere.invalid' })
    const options = ['-b', redis.url, '--result-backend', redis.url]
    const { code, output } = await place.run(...options, 'call', 'cli.add', '-a', '[1, 2]', '--queue', 'mine')
    assert.equal(code, 0, output)
    assert.deepEqual(await redis.command('LLEN mine'), ['1'])
  },
)

test('the result of a task that failed is its error, without a stack of ours [6-031, 6-017]', async (t) => {
  const place = cliPlace(t)
  const worker = await place.worker('-c', '1')
  const { id } = await place.send('cli.fail', ['no luck'])
  const { code, output } = await place.run('result', id)
  assert.deepEqual({ code, output }, { code: 1, output: 'RangeError: no luck\n' })
  const stack = await place.run('result', id, '--traceback')
  assert.equal(stack.code, 0)
  assert.match(stack.output, /RangeError.*no luck[\s\S]*tasks\.ts|tasks\.ts[\s\S]*RangeError.*no luck/)
  assert.equal(await worker.stop(), 0)
})

test('a result that cannot be read: the command says what it tries, and ends with the attempts [6-031, 6-017]', async (t) => {
  const place = cliPlace(t)
  const nobody = await startTcpProxy(t, await freePort())
  const settings = {
    broker: 'memory://',
    backend: nobody.through('redis://127.0.0.1:1'),
    resultBackendTransportOptions: { retry_policy: { max_retries: 1, interval_start: 0 } },
  }
  writeFileSync(
    place.file('far.mjs'),
    `import { Celery } from ${JSON.stringify(import.meta.resolve('../../src/index.ts'))}
export const app = new Celery('far', ${JSON.stringify(settings)})`,
  )
  const { code, output } = await place.withoutApp('-A', place.file('far.mjs'), 'result', 'some-id')
  assert.equal(code, 1)
  assert.match(
    output,
    /^.*\. Trying again in 0\.00 seconds\.\.\. \(1\/1\)\nConnectionError: .*could not be reached in 2 attempts.*\n$/,
  )
  assert.equal(nobody.accepted, 2)
})

test('purge empties the queues of the app, after a question [6-032, 11-015]', async (t) => {
  const place = cliPlace(t)
  for (const number of [1, 2, 3]) await place.send('cli.add', [number, 1])
  const unasked = await place.run('purge')
  assert.equal(unasked.code, 1)
  assert.match(unasked.output, /This will remove all tasks from 1 queue: celery\.[\s\S]*use -f to purge/)
  const purged = await place.run('purge', '-f')
  assert.deepEqual(purged, { code: 0, output: 'Purged 3 messages from 1 known task queue.\n' })
  assert.deepEqual(await place.run('purge', '-f'), {
    code: 0,
    output: 'No messages purged from 1 known task queue.\n',
  })
})

test('report describes the app [6-038]', async (t) => {
  const { code, output } = await cliPlace(t).run('-b', 'redis://:secret@127.0.0.1', 'report')
  assert.equal(code, 0)
  assert.match(output, /^software -> celeriac:\S+/m)
  assert.match(output, /^app {6}-> cli \(.*tasks\.ts#app\)$/m)
  assert.match(output, /transport:redis/)
  assert.match(output, /^publish_timeout: 3$/m)
  assert.doesNotMatch(output, /secret/)
})

test('a broker that is not there is one clear message [6-017]', needs('redis-server'), async (t) => {
  const url = `redis://127.0.0.1:${await freePort()}`
  const place = cliPlace(t, { CELERY_BROKER_URL: url })
  const { code, output } = await place.run('call', 'cli.add', '-a', '[1, 1]')
  assert.equal(code, 1)
  assert.match(output, new RegExp(url))
  assert.doesNotMatch(output, /^\s+at /m)
  assert.equal(output.trim().split('\n').length, 1, output)
})

test('without -A the settings are those of celeryconfig, and tasks those of its imports [6-049, 1-232]', async (t) => {
  const place = cliPlace(t)
  writeFileSync(place.file('celeryconfig.mjs'), "export const task_default_queue = 'configured'")
  const { code, output } = await place.withoutApp('report')
  assert.equal(code, 0, output)
  assert.match(output, /^task_default_queue: 'configured'$/m)
})
