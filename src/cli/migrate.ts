/** `celery migrate`. */

import { Command } from 'commander'
import type { Celery } from '../app/celery.ts'
import { Broadcast } from '../messaging/broadcast.ts'
import { BrokerConnection } from '../messaging/connection.ts'
import { Exchange, Queue } from '../messaging/entity.ts'
import type { Delivery } from '../messaging/message.ts'
import type { TransportOptions } from '../messaging/transport.ts'
import { toMilliseconds } from '../util/duration.ts'
import { pluralise } from '../util/text.ts'
import { sanitizeUrl } from '../util/url.ts'
import type { CliContext } from './cli-context.ts'
import { CliError, EXIT } from './exit-code.ts'
import type { MigratedQueue, MigrationState } from './migrate/migration.ts'
import { Migration } from './migrate/migration.ts'
import { taskOf } from './migrate/task-of.ts'
import { positiveInteger, seconds, someNames } from './option-values.ts'
import { addOption, environmentNote } from './options.ts'
import { untilStopped } from './until-stopped.ts'

interface MigrateOptions {
  readonly limit?: number
  readonly timeout: string
  readonly ackMessages?: boolean
  readonly tasks?: readonly string[]
  readonly queues?: readonly string[]
  readonly forever?: boolean
}

/** Milliseconds to connect. */
const CONNECT_TIMEOUT = 4_000

/** Declares the command. */
export function migrateCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('migrate')
    .description('Move waiting tasks from one broker to another.')
    .argument('<source>', 'URL of the broker that has them')
    .argument('<destination>', 'URL of the broker that gets them')
  addMigrateOptions(command)
  command.addHelpText(
    'after',
    () => `
Without -a the tasks are copied: they stay at the source, too. With -a each is taken away as soon as the destination has
confirmed it; a migration that is interrupted loses none, and can be run again. Tasks that a worker holds are not moved.

Examples:
  $ celery -A tasks migrate redis://localhost amqp://guest@localhost// -a
  $ celery migrate sqlite:///celery.sqlite3 redis://localhost -a -Q celery,images:pictures
  $ celery migrate redis://old redis://new -a -T tasks.add,tasks.mul -n 100
${environmentNote(command)}`,
  )
  return command.action(
    async (source: string, destination: string, options: MigrateOptions, self: Command) =>
      await migrate(contextOf(self), { source, destination }, options),
  )
}

function addMigrateOptions(command: Command): void {
  const group = 'Migration:'
  addOption(command, {
    group,
    flags: '-n, --limit <number>',
    help: 'most tasks to move (default: all)',
    parse: positiveInteger,
  })
  addOption(command, {
    group,
    flags: '-t, --timeout <seconds>',
    help: 'end when none has come for that long',
    parse: seconds,
    default: '1.0',
  })
  addOption(command, { group, flags: '-a, --ack-messages', help: 'take them away from the source' })
  addOption(command, {
    group,
    flags: '-T, --tasks <names>',
    help: 'only these tasks (default: all)',
    parse: someNames,
  })
  addOption(command, {
    group,
    flags: '-Q, --queues <names>',
    help: 'only these queues; a:b moves what is in a to b (default: all queues of the app)',
    parse: someNames,
  })
  addOption(command, { group, flags: '-F, --forever', help: 'go on until it is stopped' })
}

async function migrate(
  context: CliContext,
  urls: { readonly source: string; readonly destination: string },
  options: MigrateOptions,
): Promise<void> {
  const { app } = await context.loadApp()
  const { limit, tasks = [], ackMessages: ack = false, forever = false } = options
  await using source = connectionTo(app, urls.source)
  await using destination = connectionTo(app, urls.destination)
  const say = ({ count, total }: MigrationState, delivery: Delivery): void => {
    const { name = 'no task', id = '?' } = taskOf(delivery)
    context.echo(`Migrating task ${count}/${total === 0 ? '?' : Math.max(total, count)}: ${name}[${id}]`)
  }
  await untilStopped(async (signal) => {
    const migration = new Migration({
      source,
      destination,
      queues: migratedQueues(app, options.queues),
      limit,
      tasks: new Set(tasks),
      ack,
      timeout: forever ? undefined : toMilliseconds(options.timeout, '--timeout'),
      signal,
      clock: app.clock,
      moved: say,
    })
    const { count } = await migration.run()
    const remark = ack || count === 0 ? '' : `; they are still at ${sanitizeUrl(urls.source)} (see -a)`
    context.echo(`${ack ? 'Moved' : 'Copied'} ${pluralise(count, 'task')}${remark}`)
    if (signal.aborted && !forever) context.exitCode = EXIT.failure
  })
}

/** Brokers of the app are reached as the app says. */
function connectionTo(app: Celery, url: string): BrokerConnection {
  const known = [...app.brokers('read'), ...app.brokers('write')].find((each) => each.url === url)
  const candidate: TransportOptions = known ?? {
    url,
    transportOptions: {},
    connectTimeout: CONNECT_TIMEOUT,
    heartbeat: 0,
    ssl: false,
    clientName: 'celery migrate',
  }
  return new BrokerConnection({
    candidates: [candidate],
    resolve: (each) => app.resolveTransport(each),
    logger: app.logger,
  })
}

/** `a:b` is the queue a, which is called b at the destination. */
function migratedQueues(app: Celery, words: readonly string[] | undefined): MigratedQueue[] {
  if (words === undefined) {
    const waiting = app.consumedQueues().filter((queue) => !(queue instanceof Broadcast))
    return waiting.map((queue) => ({ from: queue.name, to: queue }))
  }
  return words.map((word) => {
    const [from = '', to = from, ...more] = word.split(':')
    if (from === '' || to === '' || more.length > 0) {
      throw new CliError(`--queues: '${word}' must be the name of a queue, or two: old:new`, {
        exitCode: EXIT.usage,
      })
    }
    return { from, to: renamed(app.queues.get(from), from, to) }
  })
}

/** Exchange and routing key that are called like the queue go with it. */
function renamed(queue: Queue, from: string, to: string): Queue {
  if (from === to) return queue
  const { exchange, bindings, durable, exclusive, autoDelete, queueArguments, bindingArguments } = queue
  return new Queue(to, {
    exchange: exchange?.name === from ? exchangeCalled(to, exchange) : exchange,
    routingKey: queue.routingKey === from ? to : queue.routingKey,
    ...{ bindings, durable, exclusive, autoDelete, queueArguments, bindingArguments },
  })
}

function exchangeCalled(name: string, { arguments: all, ...like }: Exchange): Exchange {
  const { type, durable, autoDelete, deliveryMode, passive, noDeclare } = like
  return new Exchange(name, {
    ...{ type, durable, autoDelete, passive, noDeclare, arguments: all },
    ...(deliveryMode === undefined ? {} : { deliveryMode }),
  })
}
