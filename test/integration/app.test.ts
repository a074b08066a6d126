/** Apps on real brokers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Backend, BackendOptions } from '../../src/backends/backend.ts'
import { createBackend } from '../../src/backends/create-backend.ts'
import { Celery } from '../../src/index.ts'
import type { Channel } from '../../src/messaging/transport.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { testBrokers } from '../support/brokers.ts'
import { onCleanup } from '../support/cleanup.ts'

for (const kind of testBrokers) {
  test(
    `${kind.name}: channels of the result backend are not the producer's [4-070]`,
    kind.needs,
    async (t) => {
      const { broker } = await kind.open(t)
      const opened = Promise.withResolvers<() => Promise<Channel>>()
      const create = (options: BackendOptions): Promise<Backend> => {
        opened.resolve(options.openChannel)
        return createBackend({ ...options, url: 'cache+memory://' })
      }
      const app = new Celery('t', { broker, logger: silentLogger, setAsCurrent: false })
      app.conf.update({ resultBackend: 'own://', overrideBackends: { own: create } })
      onCleanup(
        t,
        () => app.close(),
        () => undefined,
      )
      await app.results.backend()
      const openChannel = await opened.promise
      const [one, other] = [await openChannel(), await openChannel()]
      assert.notEqual(one, other)

      const sent = Array.from({ length: 50 }, (_, index) => app.sendTask('t.any', [index]))
      await assert.rejects(one.declareQueue({ ...PASSIVE, name: 'is-not-there' }))
      sent.push(...Array.from({ length: 50 }, (_, index) => app.sendTask('t.any', [index])))
      await other.close()
      sent.push(app.sendTask('t.any'))
      await Promise.all(sent)
      // A channel that was lost on the way would have made the producer send again.
      assert.equal(await app.purge(), sent.length)
    },
  )
}

const PASSIVE = { durable: true, exclusive: false, autoDelete: false, passive: true, arguments: {} }
