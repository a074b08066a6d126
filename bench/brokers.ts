/** The brokers of the benchmark: private servers, and how to look at the length of their queues. */
import { join } from 'node:path'
import { connect } from 'amqplib'
import { Redis } from 'ioredis'
import { resolveTransport } from '../src/messaging/transports/resolve-transport.ts'
import { startRabbitmq } from '../test/support/servers/rabbitmq.ts'
import { startRedis } from '../test/support/servers/redis.ts'
import { tempDir } from '../test/support/temp-dir.ts'
import type { Broker } from './contenders.ts'

/** One broker. */
export interface BrokerAccess {
  /** Environment of producers and workers. */
  readonly env: NodeJS.ProcessEnv
  /** Messages that wait. */
  length(queue: string): Promise<number>
  clear(): Promise<void>
  stop(): Promise<void>
}

const contenders = join(import.meta.dirname, 'contenders')

function environment(broker: string, backend: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    NODE_ENV: 'production',
    PYTHONPATH: contenders,
    CELERY_BROKER_URL: broker,
    CELERY_RESULT_BACKEND: backend,
    BENCH_REDIS: broker,
    BENCH_AMQP: broker,
  }
}

/** Starts the brokers that are asked for. */
export async function startBrokers(wanted: ReadonlySet<Broker>): Promise<ReadonlyMap<Broker, BrokerAccess>> {
  const brokers = new Map<Broker, BrokerAccess>()
  if (wanted.has('redis')) brokers.set('redis', await redisBroker())
  if (wanted.has('rabbitmq')) brokers.set('rabbitmq', await rabbitBroker())
  if (wanted.has('sqlite')) brokers.set('sqlite', await sqliteBroker())
  return brokers
}

async function redisBroker(): Promise<BrokerAccess> {
  const server = await startRedis()
  const redis = new Redis(server.url)
  return {
    env: environment(server.url, server.url),
    length: (queue) => redis.llen(queue),
    clear: async () => {
      await redis.flushall()
    },
    stop: async () => {
      redis.disconnect()
      await server.stop()
    },
  }
}

async function rabbitBroker(): Promise<BrokerAccess> {
  const server = await startRabbitmq()
  const connection = await connect(server.url)
  const channel = await connection.createChannel()
  return {
    env: environment(server.url, 'rpc://'),
    length: async (queue) => (await channel.checkQueue(queue)).messageCount,
    clear: async () => {
      await channel.deleteQueue('celery')
    },
    stop: async () => {
      await connection.close()
      await server.stop()
    },
  }
}

async function sqliteBroker(): Promise<BrokerAccess> {
  const url = `sqlite:///${join(tempDir(undefined, 'celeriac-bench'), 'celery.sqlite3')}`
  const transport = await resolveTransport(url)
  const options = {
    url,
    transportOptions: {},
    connectTimeout: undefined,
    heartbeat: 0,
    ssl: false,
    clientName: 'bench',
  }
  const connection = await transport.connect(options)
  const channel = await connection.openChannel()
  const queue = { durable: true, exclusive: false, autoDelete: false, arguments: {} }
  return {
    env: environment(url, url),
    length: async (name) => (await channel.declareQueue({ ...queue, name, passive: true })).messages,
    clear: async () => {
      await channel.declareQueue({ ...queue, name: 'celery' })
      await channel.purge('celery')
    },
    stop: () => connection.close(),
  }
}
