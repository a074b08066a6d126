import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  findPython,
  needsPython,
  runPython,
  startPythonCelery,
  startPythonWorker,
} from '../support/python.ts'
import { needs } from '../support/require-server.ts'
import { sharedRabbitmq } from '../support/servers/rabbitmq.ts'
import { startRedis } from '../support/servers/redis.ts'

const APP = fileURLToPath(new URL('fixtures/partner.py', import.meta.url))
const ADD = 'from partner import add; print(add.delay(2, 3).get(timeout=60))'

test('Python Celery is at hand', needsPython(), async () => {
  assert.match(findPython()?.celery ?? '', /^5\.\d+\.\d+/)
  assert.equal(await runPython('import sys; print(sys.argv[1])', ['hello']), 'hello\n')
  await assert.rejects(runPython('raise SystemExit(3)'), /ended with 3/)
})

test('a Python worker answers a Python client through Redis', needsBoth('redis-server'), async (t) => {
  const redis = await startRedis(t)
  const env = { BROKER_URL: `${redis.url}/0`, RESULT_BACKEND: `${redis.url}/1` }
  const worker = await startPythonWorker(t, { app: APP, args: ['-P', 'solo'], env })
  assert.equal(await runPython(ADD, [], { env, path: APP }), '5\n')
  assert.equal(await worker.stop(), 0)
  assert.match(worker.output(), /partner\.add\[.*succeeded/)
})

test('a Python worker answers a Python client through RabbitMQ', needsBoth('rabbitmq-server'), async (t) => {
  const { url } = await (await sharedRabbitmq()).newVhost(t)
  const env = { BROKER_URL: url, RESULT_BACKEND: 'rpc://' }
  await startPythonWorker(t, { app: APP, args: ['-P', 'solo'], env })
  assert.equal(await runPython(ADD, [], { env, path: APP }), '5\n')
  const ping = startPythonCelery(t, { app: APP, args: ['inspect', 'ping'], env })
  assert.equal(await ping.wait(), 0)
  assert.match(ping.output(), /pong/)
})

function needsBoth(server: string): { skip: string | false } {
  return { skip: needs(server).skip || needsPython().skip }
}
