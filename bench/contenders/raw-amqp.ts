/** The least that must be done on RabbitMQ: consume with a prefetch count and acknowledge each message. */
import { connect } from 'amqplib'

const connection = await connect(process.env['BENCH_AMQP'] ?? '')
const channel = await connection.createChannel()
await channel.prefetch(400)
await channel.assertQueue('celery', { durable: true })
await channel.consume('celery', (message) => {
  if (message !== null) channel.ack(message)
})
console.log('ready.')
process.on('SIGTERM', () => process.exit(0))
