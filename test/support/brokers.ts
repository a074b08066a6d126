/** The brokers that integration tests run on, each private to the test. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { needs } from './require-server.ts'
import { sharedRabbitmq } from './servers/rabbitmq.ts'
import { startRedis } from './servers/redis.ts'
import { tempDir } from './temp-dir.ts'

/** A kind of broker with the result backend that goes with it. */
export interface TestBroker {
  readonly name: string
  /** Options of the test: skips it where the server is missing. */
  readonly needs: { readonly skip: string | false }
  /** A fresh, empty broker. */
  open(t: TestContext): Promise<{ readonly broker: string; readonly backend: string }>
}

/** Memory, the embedded file, Redis, RabbitMQ. */
export const testBrokers: readonly TestBroker[] = [
  {
    name: 'memory',
    needs: { skip: false },
    open: () => {
      const id = randomUUID()
      return Promise.resolve({ broker: `memory://${id}`, backend: 'cache+memory://' })
    },
  },
  {
    name: 'sqlite',
    needs: { skip: false },
    open: (t) => {
      const url = `sqlite:///${join(tempDir(t), 'celery.sqlite3')}`
      return Promise.resolve({ broker: url, backend: url })
    },
  },
  {
    name: 'redis',
    needs: needs('redis-server'),
    open: async (t) => {
      const { url } = await startRedis(t)
      return { broker: url, backend: url }
    },
  },
  {
    name: 'rabbitmq',
    needs: needs('rabbitmq-server'),
    open: async (t) => {
      const { url } = await (await sharedRabbitmq()).newVhost(t)
      return { broker: url, backend: 'rpc://' }
    },
  },
]
