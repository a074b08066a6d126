/** `celery list`. */

import { Command } from 'commander'
import type { Celery } from '../app/celery.ts'
import type { Binding, Channel } from '../messaging/transport.ts'
import type { CliContext } from './cli-context.ts'
import { CliError, EXIT } from './exit-code.ts'
import { environmentNote } from './options.ts'

type ListedBinding = Omit<Binding, 'arguments'>

/** Declares the command. */
export function listCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('list').description('Ask the broker what there is.')
  const bindings = new Command('bindings')
    .description(
      'Print which queues are bound to which exchanges, after those of the app have been declared. ' +
        'RabbitMQ needs its management plug-in for that.',
    )
    .action(async (_options: object, self: Command) => await listBindings(contextOf(self)))
  command.addHelpText('after', () => environmentNote(command))
  return command.addCommand(bindings)
}

async function listBindings(context: CliContext): Promise<void> {
  const { app } = await context.loadApp()
  const channel = await app.amqp.broker.openChannelSoon()
  try {
    for (const queue of app.consumedQueues()) await queue.declare(channel)
    const bindings = await bindingsOf(app, channel)
    const line = (queue: string, exchange: string, key: string): void =>
      context.echo(`${queue.padEnd(28)} ${exchange.padEnd(28)} ${key}`)
    line('Queue', 'Exchange', 'Routing Key')
    line('-'.repeat(16), '-'.repeat(16), '-'.repeat(16))
    for (const { queue, exchange, routingKey } of bindings) line(queue, exchange, routingKey)
  } finally {
    await channel.close()
  }
}

/** Brokers that have no list of their exchanges are asked for those that the app knows. */
async function bindingsOf(app: Celery, channel: Channel): Promise<readonly ListedBinding[]> {
  if (channel.bindings !== undefined) {
    const named = app
      .consumedQueues()
      .flatMap((queue) => [
        ...(queue.exchange === undefined ? [] : [queue.exchange.name]),
        ...queue.bindings.map(({ exchange }) => exchange.name),
      ])
    const exchanges = [...new Set(named)].filter((name) => name !== '')
    const lists = await Promise.all(exchanges.map((name) => channel.bindings?.(name) ?? []))
    return lists.flat()
  }
  const [broker] = app.brokers('write')
  if (broker === undefined || !/^(?:py)?amqps?:/i.test(broker.url)) {
    throw new CliError('Your transport cannot list bindings.', { exitCode: EXIT.usage })
  }
  const { managementBindings } = await import('../messaging/transports/amqp/management.ts')
  return await managementBindings(broker)
}
