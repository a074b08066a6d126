import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Celery } from '../../../src/index.ts'
import { resolveTransport } from '../../../src/messaging/transports/resolve-transport.ts'
import { StreamLogger } from '../../../src/util/logger.ts'
import { uuid } from '../../../src/util/uuid.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { eventually } from '../../support/eventually.ts'

test('a command that expires at no time that there is, as with an infinite timeout of Python, harms nobody', async (t) => {
  const url = `memory://${uuid()}`
  const lines: string[] = []
  const logger = new StreamLogger('test', { level: 'ERROR', write: (line) => void lines.push(line) })
  const app = new Celery('pidbox', { broker: url, logger, setAsCurrent: false })
  const worker = new Worker(app, { pool: 'async' })
  t.after(() => app.close())
  t.after(() => worker.stop())
  await worker.start()
  const transport = await resolveTransport(url)
  const connection = await transport.connect({
    ...{ url, transportOptions: {}, connectTimeout: undefined, heartbeat: 0, ssl: false, clientName: 'test' },
  })
  t.after(() => connection.close())
  const channel = await connection.openChannel()
  const message = {
    body: new TextEncoder().encode('{"method": "ping", "arguments": {}}'),
    headers: { expires: Number.POSITIVE_INFINITY },
    properties: { contentType: 'application/json', contentEncoding: 'utf-8' },
  }
  await channel.publish(message, { exchange: 'celery.pidbox', routingKey: '' })
  await eventually(() =>
    assert.match(lines.join(''), /Cannot decode message: .*expires: Infinity is no duration/),
  )
  assert.deepEqual(await app.control.ping({ limit: 1 }), [{ [worker.hostname]: { ok: 'pong' } }])
})
