import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { Backend, BackendOptions, SaveOptions } from '../../src/backends/backend.ts'
import { createRpcBackend } from '../../src/backends/rpc.ts'
import { BackendStoreError } from '../../src/errors.ts'
import type { TransportConnection } from '../../src/messaging/transport.ts'
import { resolveTransport } from '../../src/messaging/transports/resolve-transport.ts'
import type { ResultMeta } from '../../src/protocol/result-meta.ts'
import { readResultMeta } from '../../src/protocol/result-meta.ts'
import { exerciseBackend } from '../../src/testing/conformance/backend.ts'
import { backendOptions, resultMeta } from '../../src/testing/conformance/backend-session.ts'
import { Deferred } from '../../src/util/deferred.ts'
import { uuid } from '../../src/util/uuid.ts'
import { testBrokers } from '../support/brokers.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { needs } from '../support/require-server.ts'
import { sharedRabbitmq } from '../support/servers/rabbitmq.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { transportOptions } from './amqp-connect.ts'

const server = needs('rabbitmq-server')

for (const broker of testBrokers) {
  if (broker.needs.skip) {
    test(`backend rpc on ${broker.name}`, broker.needs, () => undefined)
    continue
  }
  const clients = new WeakMap<TestContext, Promise<Place>>()
  exerciseBackend({
    name: `rpc on ${broker.name}`,
    // Expiry is the reply queue's, and is tested below.
    features: { persistent: false, autoExpire: false, nativeJoin: true, groups: false },
    chords: false,
    create: async (t, overrides) => {
      let place = clients.get(t)
      if (place === undefined) {
        place = openPlace(t, (await broker.open(t)).broker)
        clients.set(t, place)
      }
      const { client, backend } = await place
      await client.beforeSend?.('')
      return new SeenByClient(client, await backend(overrides))
    },
  })
}

test(
  'replies are what Celery sends, and what more we know comes behind [4-070 5-093 12-030]',
  server,
  async (t) => {
    const place = await openPlace(t, (await (await sharedRabbitmq()).newVhost(t)).url)
    const channel = await place.connection.openChannel()
    const { entries } = JSON.parse(
      readFileSync(new URL('../wire/vectors/results-rpc.json', import.meta.url), 'utf8'),
    )
    for (const { name, messages, settings } of entries) {
      const golden = messages?.at(-1)
      if (golden?.exchange !== '' || golden.body === undefined || golden.headers.id !== undefined) continue
      const replyTo = golden.routing_key
      await channel.declareQueue({
        name: replyTo,
        durable: false,
        exclusive: false,
        autoDelete: false,
        arguments: {},
      })
      const worker = await place.backend({ settings: settings ?? {} })
      const document = JSON.parse(golden.body)
      await worker.save(readResultMeta(document), { expires: undefined, replyTo })
      const delivery = await channel.get(replyTo, { noAck: true })
      assert.ok(delivery !== undefined)
      assert.equal(Buffer.from(delivery.body).toString(), JSON.stringify(document), name)
      const { content_type, content_encoding, delivery_mode, priority, correlation_id } = golden.properties
      assert.deepEqual(
        delivery.properties,
        {
          contentType: content_type,
          contentEncoding: content_encoding,
          deliveryMode: delivery_mode,
          priority,
          correlationId: correlation_id,
        },
        name,
      )
      assert.deepEqual([delivery.exchange, delivery.headers], ['', {}])
      await worker.save(resultMeta({ task_id: 'more', name: 'tasks.add' }), { expires: undefined, replyTo })
      const more = JSON.parse(
        Buffer.from((await channel.get(replyTo, { noAck: true }))?.body ?? []).toString(),
      )
      assert.deepEqual(Object.keys(more), [
        'task_id',
        'status',
        'result',
        'traceback',
        'children',
        'date_done',
        'name',
      ])
    }
  },
)

test(
  'the reply queue is opened before the first task is sent, and goes with its client [4-070]',
  server,
  async (t) => {
    const place = await openPlace(t, (await (await sharedRabbitmq()).newVhost(t)).url)
    const channel = await place.connection.openChannel()
    const client = await place.backend({ expires: 86_400_000 })
    const { replyTo = '' } = client
    const asDeclared = { name: replyTo, durable: true, exclusive: false, autoDelete: true }
    await client.beforeSend?.(uuid())
    // A declaration with other arguments would be refused.
    const status = await channel.declareQueue({ ...asDeclared, arguments: { 'x-expires': 86_400_000 } })
    assert.deepEqual(status, { name: replyTo, messages: 0, consumers: 1 })
    await client.close()
    await assert.rejects(channel.declareQueue({ ...asDeclared, passive: true, arguments: {} }), /no queue/)
  },
)

test('a result without anybody to tell is not sent', server, async (t) => {
  const place = await openPlace(t, (await (await sharedRabbitmq()).newVhost(t)).url)
  const worker = await place.backend()
  await worker.save(resultMeta(), { expires: undefined, replyTo: undefined })
  await worker.save(resultMeta(), { expires: undefined, replyTo: 'a-client-that-has-left' })
})

test('after a loss of the connection the reply queue is opened again', server, async (t) => {
  const rabbitmq = await sharedRabbitmq()
  const { url } = await rabbitmq.newVhost(t)
  const proxy = await startTcpProxy(t, rabbitmq.port)
  const transport = await resolveTransport(url)
  const warnings: string[] = []
  const connections: TransportConnection[] = []
  const client = await createRpcBackend(
    backendOptions('rpc://', {
      warn: (message) => warnings.push(message),
      openChannel: async () => {
        const connection = await transport.connect(transportOptions(proxy.through(url)))
        connections.push(connection)
        return connection.openChannel()
      },
    }),
  )
  t.after(async () => {
    await client.close()
    for (const connection of connections) await connection.close()
  })
  const reported: ResultMeta[] = []
  const watch = client.watch?.((meta) => reported.push(meta))
  const meta = resultMeta()
  await watch?.add([meta.task_id])

  await proxy.refuse()
  await eventually(() => assert.ok(warnings.length > 0))
  assert.match(warnings[0] ?? '', /could not be opened again: .*Cannot connect/)
  await proxy.resume()
  await client.beforeSend?.(uuid())

  const place = await openPlace(t, url)
  const worker = await place.backend()
  await worker.save(meta, { expires: undefined, replyTo: client.replyTo })
  await eventually(() => assert.deepEqual(reported, [meta]))
})

test('a worker that cannot reach the broker says so, and works again later', server, async (t) => {
  const place = await openPlace(t, (await (await sharedRabbitmq()).newVhost(t)).url)
  let down = true
  const worker = await place.backend({
    openChannel: async () => {
      if (down) throw new Error('no broker')
      return place.connection.openChannel()
    },
  })
  const options = { expires: undefined, replyTo: place.client.replyTo }
  await place.client.beforeSend?.('')
  const meta = resultMeta()
  await assert.rejects(worker.save(meta, options), (error) => {
    assert.ok(error instanceof BackendStoreError)
    assert.match(error.message, new RegExp(`The result of task ${meta.task_id} could not be sent.*no broker`))
    return true
  })
  down = false
  await worker.save(meta, options)
  await eventually(async () => assert.deepEqual(await place.client.load([meta.task_id]), [meta]))
})

test('a reply that cannot be read ends the wait as a failure', server, async (t) => {
  const place = await openPlace(t, (await (await sharedRabbitmq()).newVhost(t)).url)
  const warnings: string[] = []
  const client = await place.backend({ warn: (message) => warnings.push(message) })
  const reported = new Deferred<ResultMeta>()
  const watch = client.watch?.((meta) => reported.resolve(meta))
  await watch?.add(['task'])
  const channel = await place.connection.openChannel()
  const target = { exchange: '', routingKey: client.replyTo ?? '' }
  await channel.publish(
    { body: Buffer.from('{'), properties: { correlationId: 'task' }, headers: {} },
    target,
  )
  const { status, result } = await reported.promise
  assert.equal(status, 'FAILURE')
  assert.deepEqual(Object.keys(result ?? {}), ['exc_type', 'exc_message', 'exc_module'])
  assert.match(warnings[0] ?? '', /A result could not be read/)
})

test('memory is bounded: the oldest results are forgotten [4-070]', server, async (t) => {
  const place = await openPlace(t, (await (await sharedRabbitmq()).newVhost(t)).url)
  const client = await place.backend({ transportOptions: { max_results: 10 } })
  await client.beforeSend?.('')
  const metas = Array.from({ length: 30 }, () => resultMeta())
  const worker = await place.backend()
  for (const meta of metas) await worker.save(meta, { expires: undefined, replyTo: client.replyTo })
  const ids = metas.map(({ task_id }) => task_id)
  await eventually(async () => assert.deepEqual((await client.load(ids)).at(-1), metas.at(-1)))
  assert.equal((await client.load(ids)).filter((meta) => meta !== undefined).length, 10)
})

test(
  'delivery carries what the content is, for workers with other serializers [4-070]',
  server,
  async (t) => {
    const place = await openPlace(t, (await (await sharedRabbitmq()).newVhost(t)).url)
    const seen: (string | undefined)[][] = []
    const { codec } = backendOptions('rpc://')
    const client = await place.backend({
      codec: {
        ...codec,
        decode: (bytes, contentType, contentEncoding) => {
          seen.push([contentType, contentEncoding])
          return codec.decode(bytes)
        },
      },
    })
    await client.beforeSend?.('')
    const worker = await place.backend({ codec: { ...codec, contentType: 'application/x-other' } })
    const meta = resultMeta()
    await worker.save(meta, { expires: undefined, replyTo: client.replyTo })
    await eventually(async () => assert.deepEqual(await client.load([meta.task_id]), [meta]))
    assert.deepEqual(seen, [['application/x-other', 'utf-8']])
  },
)

interface Place {
  readonly connection: TransportConnection
  /** Who gets the replies. */
  readonly client: Backend
  backend(overrides?: Partial<BackendOptions>): Promise<Backend>
}

/** A client, and backends for workers, on one connection that ends with the test. */
async function openPlace(t: TestContext, url: string): Promise<Place> {
  const transport = await resolveTransport(url)
  const connection = await transport.connect(transportOptions(url))
  const backends: Backend[] = []
  const end = async (): Promise<void> => {
    for (const backend of backends) await backend.close()
    await connection.close()
  }
  onCleanup(t, end, () => undefined)
  const backend = async (overrides: Partial<BackendOptions> = {}): Promise<Backend> => {
    const options = backendOptions('rpc://', { openChannel: () => connection.openChannel(), ...overrides })
    const made = await createRpcBackend(options)
    backends.push(made)
    return made
  }
  return { connection, client: await backend(), backend }
}

/**
 * The suite lets everybody read what anybody saved. With `rpc://` only one client can, so all read through that one; and
 * what is saved has been seen by it when `save` settles.
 */
class SeenByClient implements Backend {
  readonly features
  readonly #client: Backend
  readonly #own: Backend

  constructor(client: Backend, own: Backend) {
    this.#client = client
    this.#own = own
    this.features = own.features
  }

  async save(meta: ResultMeta, options: SaveOptions): Promise<void> {
    const last = resultMeta()
    const { replyTo } = this.#client
    await Promise.all([
      this.#own.save(meta, { ...options, replyTo }),
      this.#own.save(last, { ...options, replyTo }),
    ])
    while ((await this.#client.load([last.task_id]))[0] === undefined) {
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async load(ids: readonly string[]): Promise<readonly (ResultMeta | undefined)[]> {
    await this.#own.load([])
    return this.#client.load(ids)
  }

  forget(ids: readonly string[]): Promise<void> {
    return this.#client.forget(ids)
  }

  watch(deliver: (meta: ResultMeta) => void): ReturnType<NonNullable<Backend['watch']>> {
    const watch = this.#client.watch?.(deliver)
    if (watch === undefined) throw new Error('rpc pushes')
    return watch
  }

  async close(): Promise<void> {
    await this.#own.close()
  }
}
