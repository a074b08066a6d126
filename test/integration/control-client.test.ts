/** The asking side of remote control, on every broker: workers are played by the test. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChannelError } from '../../src/errors.ts'
import { Celery } from '../../src/index.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { testBrokers } from '../support/brokers.ts'
import { onCleanup } from '../support/cleanup.ts'
import { startControlNode } from '../support/control-node.ts'

for (const { name, needs, open } of testBrokers) {
  test(
    `replies reach whom they are for, and leave no queue behind: ${name} [5-077] [5-082] [5-086]`,
    needs,
    async (t) => {
      const { broker, backend } = await open(t)
      const create = (): Celery => {
        const app = new Celery('control', { broker, backend, logger: silentLogger, setAsCurrent: false })
        const close = (): Promise<void> => app.close()
        onCleanup(t, close, () => void close())
        return app
      }
      const [one, two, workers] = [create(), create(), create()]
      const answer = ({ arguments: given }: { readonly arguments: object }): unknown => ({ ok: given })
      for (const node of ['a@h', 'b@h']) await startControlNode(t, workers, { name: node, answer })
      const destination = ['a@h', 'b@h']
      const ask = async (app: Celery, n: number): Promise<unknown> => {
        const told = { destination, timeout: 60, reply: true }
        const replies = await app.control.broadcast('echo', { ...told, arguments: { n } })
        return replies.map((reply) => Object.entries(reply)[0]).toSorted()
      }
      const numbers = [1, 2, 3, 4, 5, 6]
      const answers = await Promise.all(numbers.map((n) => ask(n % 2 === 0 ? one : two, n)))
      const expected = numbers.map((n) => destination.map((node) => [node, { ok: { n } }]))
      assert.deepEqual(answers, expected)
      for (const { amqp, oid } of [one, two]) {
        const channel = await amqp.broker.openChannel()
        const declaration = { durable: false, exclusive: false, autoDelete: true, arguments: {} }
        const queue = { ...declaration, name: `${oid}.reply.celery.pidbox`, passive: true }
        await assert.rejects(channel.declareQueue(queue), ChannelError)
      }
    },
  )
}
