/** Calls while the broker is not there: the caller is told, in time. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { Celery, OperationalError } from '../../src/index.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { onCleanup } from '../support/cleanup.ts'
import { freePort } from '../support/free-port.ts'

const POLICY = { maxRetries: 2, intervalStart: 0, intervalStep: 0.01, intervalMax: 0.01 }

function appOn(broker: string, settings: object = {}): Celery {
  return new Celery('down', {
    broker,
    logger: silentLogger,
    setAsCurrent: false,
    taskPublishRetryPolicy: POLICY,
    ...settings,
  })
}

for (const scheme of ['redis', 'amqp']) {
  test(`${scheme}: nobody listens: OperationalError when the retries are used up [3-006 3-035]`, async (t) => {
    const app = appOn(`${scheme}://127.0.0.1:${await freePort()}`)
    onCleanup(
      t,
      () => app.close(),
      () => undefined,
    )
    const add = app.task('t.add', (x: number) => x)
    await assert.rejects(
      async () => add.delay(1),
      (error) =>
        error instanceof OperationalError && /the retries are used up.*ECONNREFUSED/s.test(error.message),
    )
    await assert.rejects(
      async () => add.applyAsync([1], { retry: false }),
      (error) => error instanceof OperationalError && /ECONNREFUSED/.test(error.message),
    )
  })

  test(`${scheme}: somebody listens and says nothing: OperationalError in time [3-016 3-035]`, async (t) => {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => void sockets.add(socket.on('error', () => undefined)))
    const port = await freePort()
    await new Promise<void>((resolve) => {
      server.listen(port, '127.0.0.1', resolve)
    })
    const hangUp = (): void => {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
    onCleanup(t, hangUp, () => undefined)
    const app = appOn(`${scheme}://127.0.0.1:${port}`, { brokerConnectionTimeout: 0.1, publishTimeout: 20 })
    onCleanup(
      t,
      () => app.close(),
      () => undefined,
    )
    const add = app.task('t.add', (x: number) => x)
    await assert.rejects(async () => add.delay(1), OperationalError)
    // Shorter than connecting may take.
    app.conf.brokerConnectionTimeout = 60
    await assert.rejects(
      async () => add.applyAsync([1], { timeout: 60, confirmTimeout: 0.1 }),
      (error) => error instanceof OperationalError && /100 ms have passed/.test(error.message),
    )
    hangUp()
  })
}
