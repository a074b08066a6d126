/**
 * A process that uses the embedded broker, for tests with several of them.
 *
 * `publish URL QUEUE NAME COUNT` publishes `NAME-0` …; `consume URL QUEUE` acknowledges all it gets and prints it;
 * `hold URL QUEUE COUNT [block]` takes so many and acknowledges none, and then perhaps blocks its event loop for good.
 */
import { sqliteTransport } from '../../src/messaging/transports/sqlite/transport.ts'
import { publishTexts, textOf } from '../../src/testing/conformance/transport-session.ts'

const [mode = '', url = '', queue = '', ...rest] = process.argv.slice(2)

const connection = await sqliteTransport.connect({
  url,
  transportOptions: {},
  connectTimeout: undefined,
  heartbeat: 0,
  ssl: false,
  clientName: mode,
})
const channel = await connection.openChannel()

if (mode === 'publish') {
  const [name, count] = rest
  const texts = Array.from({ length: Number(count) }, (_, index) => `${name}-${index}`)
  // In portions, as a program that publishes while it works.
  while (texts.length > 0) await publishTexts(channel, queue, texts.splice(0, 100))
  await connection.close()
}

if (mode === 'consume') {
  await channel.prefetch(50)
  await channel.consume(queue, (delivery) => {
    process.stdout.write(`${textOf(delivery)}\n`)
    void channel.ack([delivery.tag])
  })
  process.once('SIGTERM', () => void connection.close())
  process.stderr.write('ready\n')
}

if (mode === 'hold') {
  const [count, block] = rest
  let held = 0
  await channel.prefetch(Number(count))
  await channel.consume(queue, () => {
    held++
    if (held < Number(count)) return
    process.stderr.write('holding\n')
    if (block !== undefined) for (;;);
  })
}
