/** Workers that take signed messages alone, in every pool: what is forged is kept with the reason and never runs. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { threadId } from 'node:worker_threads'
import { BackendGetMetaError, Celery, SecurityError } from '../../src/index.ts'
import type { Delivery } from '../../src/messaging/message.ts'
import type { Serializer } from '../../src/messaging.ts'
import type { SignedEnvelope } from '../../src/security/signed-envelope.ts'
import { packSigned, unpackSigned } from '../../src/security/signed-envelope.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { Worker } from '../../src/worker/worker.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventuallyValue } from '../support/eventually.ts'
import { securitySettings } from '../support/signers.ts'
import { tempDir } from '../support/temp-dir.ts'
import { createSignedApp } from './fixtures/signed-app.ts'

const FIXTURE = new URL('./fixtures/signed-app.ts', import.meta.url).href

function closing<App extends Celery>(t: TestContext, app: App): App {
  onCleanup(
    t,
    () => app.close(),
    () => undefined,
  )
  return app
}

function setup(t: TestContext, more: Readonly<Record<string, unknown>> = {}) {
  const folder = tempDir(t)
  const url = `sqlite:///${join(folder, 'celery.sqlite3')}`
  const book = join(folder, 'book.txt')
  writeFileSync(book, '')
  const places = { broker_url: url, result_backend: url, result_serializer: 'auth', ...more }
  const settings = { ...places, ...securitySettings(t, { as: 'alice', trust: ['alice', 'bob'] }) }
  const made = createSignedApp(settings, book)
  closing(t, made.app)
  const appModule = join(folder, 'tasks.ts')
  writeFileSync(
    appModule,
    `import { createSignedApp } from ${JSON.stringify(FIXTURE)}
    export const { app } = createSignedApp(${JSON.stringify(settings)}, ${JSON.stringify(book)})`,
  )
  return {
    ...made,
    places,
    lines: () => readFileSync(book, 'utf8').split('\n').filter(Boolean),
    start: async (pool: string) => {
      const worker = new Worker(made.app, { pool, concurrency: 1, appModule, logger: silentLogger })
      onCleanup(
        t,
        () => worker.stop('cold'),
        () => undefined,
      )
      await worker.start()
      return worker
    },
  }
}

/** An app that signs nothing. */
function stranger(t: TestContext, places: Readonly<Record<string, unknown>>): Celery {
  const app = closing(t, new Celery('stranger', { logger: silentLogger, setAsCurrent: false }))
  app.conf.update({ ...places, result_serializer: 'json' })
  return app
}

/** An app that sends what it makes of signed messages of `as`. */
function forger(
  t: TestContext,
  places: Readonly<Record<string, unknown>>,
  as: 'alice' | 'bob',
  forge: (message: SignedEnvelope) => Uint8Array,
): Celery {
  const app = closing(t, new Celery('forger', { logger: silentLogger, setAsCurrent: false }))
  app.conf.update({ ...places, ...securitySettings(t, { as, trust: [as] }) })
  app.setupSecurity()
  const { name, contentType, contentEncoding, ...auth } = bound(app.serializers.get('auth'))
  app.serializers.register({
    name,
    contentType,
    contentEncoding,
    encode: (value) => forge(unpackSigned(auth.encode(value))),
    decode: auth.decode,
  })
  return app
}

function bound(serializer: Serializer): Serializer {
  const { name, contentType, contentEncoding } = serializer
  return {
    name,
    contentType,
    contentEncoding,
    encode: (value) => serializer.encode(value),
    decode: (bytes) => serializer.decode(bytes),
  }
}

/** The next message that was put aside, with the reason. */
async function nextDead(app: Celery): Promise<{ readonly reason: string; readonly message: Delivery }> {
  const channel = await app.amqp.broker.openChannel()
  try {
    const message = await eventuallyValue(() => channel.get('celeriac.dead', { noAck: true }))
    const death: unknown = message.headers['celeriac_death']
    assert.ok(typeof death === 'object' && death !== null && 'reason' in death && 'detail' in death)
    return { reason: `${death.reason}: ${death.detail}`, message }
  } finally {
    await channel.close()
  }
}

for (const pool of ['async', 'prefork', 'threads']) {
  test(`${pool}: signed tasks run and send signed tasks, results are signed [2-029, 10-047]`, async (t) => {
    const { app, send, lines, start } = setup(t)
    await start(pool)
    const { id, place } = await send.delay(2, 3).get({ timeout: 60 })
    assert.equal(place === `${process.pid}/${threadId}`, pool === 'async')
    assert.equal(await app.asyncResult(id).get({ timeout: 60 }), 5)
    assert.deepEqual(lines(), ['2 + 3'])
  })

  test(`${pool}: what is forged is kept with the reason and does not run [5-142, 12-058]`, async (t) => {
    const { app, add, places, lines, start } = setup(t)
    await start(pool)
    const unsigned = stranger(t, places)
    const cases: readonly (readonly [Celery, RegExp])[] = [
      [unsigned, /^disallowed: Refusing to decode content of type json/],
      [
        forger(t, places, 'bob', (message) => packSigned({ ...message, signer: 'mallory 1' })),
        /^disallowed: Unknown certificate: there is no "mallory 1"/,
      ],
      [
        forger(t, places, 'alice', ({ body, ...message }) =>
          packSigned({ ...message, body: Buffer.from(Buffer.from(body).toString().replace('6', '7')) }),
        ),
        /^disallowed: Bad signature of 'Celeriac tests alice 1'/,
      ],
      [
        forger(t, places, 'alice', (message) =>
          packSigned({ ...message, contentType: 'application/x-msgpack' }),
        ),
        /^disallowed: The content of a signed message says it is "application\/x-msgpack"/,
      ],
      [
        forger(t, places, 'alice', (message) => packSigned({ ...message, contentEncoding: 'binary' })),
        /^disallowed: The content of a signed message says .* in "binary"/,
      ],
      [
        forger(t, places, 'alice', ({ body }) => body),
        /^disallowed: The message is not signed, or was damaged/,
      ],
      [
        forger(t, places, 'alice', (message) => packSigned(message).subarray(0, 300)),
        /^disallowed: (?:Bad signature|The message is not signed)/,
      ],
    ]
    for (const [sender, expected] of cases) {
      const { id } = await sender.sendTask('signed.add', [6, 6])
      const { reason, message } = await nextDead(app)
      assert.match(reason, expected)
      assert.equal(message.headers['id'], id)
    }
    assert.equal(await add.delay(1, 1).get({ timeout: 60 }), 2)
    assert.deepEqual(lines(), ['1 + 1'])
  })
}

test('a forged message of protocol 1, which is read before it reaches the pool, is kept too [5-142]', async (t) => {
  const { app, places, lines, start } = setup(t)
  await start('async')
  const forged = forger(t, { ...places, task_protocol: 1 }, 'alice', (message) =>
    packSigned({ ...message, signer: 'mallory 1' }),
  )
  await forged.sendTask('signed.add', [6, 6])
  assert.match((await nextDead(app)).reason, /^disallowed: Unknown certificate/)
  assert.deepEqual(lines(), [])
})

test('remote control is signed both ways, and what is not signed has no effect [10-047]', async (t) => {
  const { app, places, start } = setup(t)
  const worker = await start('async')
  const unsigned = stranger(t, places)
  const forged = forger(t, places, 'alice', (message) => packSigned({ ...message, signer: 'mallory 1' }))
  for (const sender of [unsigned, forged]) await sender.control.broadcast('shutdown')
  // Commands come in the order in which they were sent, so these have been read by now.
  assert.deepEqual(await app.control.ping({ limit: 1, timeout: 60 }), [{ [worker.hostname]: { ok: 'pong' } }])
  assert.deepEqual(await app.control.inspect({ limit: 1, timeout: 60 }).ping(), {
    [worker.hostname]: { ok: 'pong' },
  })
})

test('a result that is not signed, or by a stranger, is a SecurityError to whoever waits [10-047]', async (t) => {
  const { app, places } = setup(t)
  const unsigned = stranger(t, places)
  const forged = forger(t, places, 'bob', (message) => packSigned({ ...message, signer: 'mallory 1' }))
  for (const [writer, id] of [
    [unsigned, 'unsigned'],
    [forged, 'forged'],
  ] as const) {
    await writer.results.save({
      task_id: id,
      status: 'SUCCESS',
      result: 42,
      traceback: null,
      children: [],
      date_done: null,
    })
    await assert.rejects(app.asyncResult(id).get({ timeout: 60 }), (error) => {
      assert.ok(error instanceof BackendGetMetaError && error.cause instanceof SecurityError, String(error))
      return true
    })
  }
})

test('rpc://: a result that a stranger sends is a SecurityError to whoever waits [10-047]', async (t) => {
  const id = randomUUID()
  const places = { broker_url: `memory://${id}`, result_backend: 'rpc://', result_serializer: 'auth' }
  const { app, add } = setup(t, places)
  const result = await add.delay(1, 1)
  const forged = forger(t, places, 'alice', (message) => packSigned({ ...message, signer: 'mallory 1' }))
  const meta = {
    task_id: result.id,
    status: 'SUCCESS',
    result: 2,
    traceback: null,
    children: [],
    date_done: null,
  }
  await forged.results.save(meta, { replyTo: app.results.replyTo })
  await assert.rejects(result.get({ timeout: 60 }), (error) => {
    assert.ok(error instanceof SecurityError, String(error))
    assert.match(error.message, /^Unknown certificate/)
    return true
  })
})
