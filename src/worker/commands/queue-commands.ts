/** Commands that change which queues the worker consumes. */
import { type Command, controls, ok } from './command.ts'
import type { CommandState } from './command-state.ts'

const addConsumer: Command = controls(
  {
    name: 'add_consumer',
    help: 'Tell worker(s) to consume from task queue by name.',
    args: [
      ['queue', 'text'],
      ['exchange', 'text'],
      ['exchange_type', 'text'],
      ['routing_key', 'text'],
    ],
    signature: '<queue> [exchange [type [routing_key]]]',
    required: ['queue'],
  },
  (state, args) => {
    const { queue: _, ...options } = args.values
    const name = args.text('queue') ?? ''
    const exchange = args.text('exchange') ?? name
    const exchangeType = args.text('exchange_type') ?? 'direct'
    void addQueue(state, name, { ...options, exchange, exchange_type: exchangeType })
    return ok(`add consumer ${name}`)
  },
)

/** Not waited for: a broker may take its time, and the reply says no more than that it will be tried. */
async function addQueue(
  { consumer, logger, services }: CommandState,
  name: string,
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  try {
    await consumer.addQueue(services.queue(name, options))
    logger.info(`Started consuming from ${name}`)
  } catch (error) {
    logger.error(`Cannot consume from ${name}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const cancelConsumer: Command = controls(
  {
    name: 'cancel_consumer',
    help: 'Tell worker(s) to stop consuming from task queue by name.',
    args: [['queue', 'text']],
    signature: '<queue>',
    required: ['queue'],
  },
  ({ consumer, logger }, args) => {
    const name = args.text('queue') ?? ''
    logger.info(`Canceling queue ${name}`)
    consumer.cancelQueue(name).catch((error: unknown) => {
      logger.error(`Cannot cancel the consumer of ${name}: ${String(error)}`)
    })
    return ok(`no longer consuming from ${name}`)
  },
)

export const queueCommands: readonly Command[] = [addConsumer, cancelConsumer]
