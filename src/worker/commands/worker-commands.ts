/** Commands that tell about the worker itself. */

import { queueDict } from '../../messaging/queue-to-dict.ts'
import { repr } from '../../util/repr.ts'
import { encodeRevoked, readRevoked } from '../remote-control/revoked-wire.ts'
import { type Command, controls, inspects, NO_REPLY, ok } from './command.ts'
import { workerStats } from './worker-stats.ts'

const ping: Command = inspects({ name: 'ping', help: 'Ping worker(s).', defaultTimeout: 0.2 }, () =>
  ok('pong'),
)

const clock: Command = inspects(
  { name: 'clock', help: 'Get current logical clock value.' },
  ({ services }) => ({ clock: services.clock.value }),
)

const hello: Command = inspects(
  { name: 'hello', help: 'Request mingle sync-data.', visible: false, required: ['from_node'] },
  ({ hostname, logger, revokes, services }, args) => {
    const from = args.text('from_node')
    // One's own request comes back, too; there is nothing to say to it.
    if (from === hostname) return null
    logger.info(`sync with ${from}`)
    revokes.merge(readRevoked(args.get('revoked'), revokes.expires))
    return { revoked: encodeRevoked(revokes.recent), clock: services.clock.forward() }
  },
)

const stats: Command = inspects(
  { name: 'stats', help: 'Request worker statistics/information.' },
  workerStats,
)

const report: Command = inspects(
  { name: 'report', help: 'Information about Celery installation for bug reports.' },
  ({ services }) => ok(services.bugReport()),
)

const conf: Command = inspects(
  {
    name: 'conf',
    alias: 'dump_conf',
    help: 'List configuration.',
    signature: '[include_defaults=False]',
    args: [['with_defaults', 'flag']],
  },
  ({ services }, args) => plain(services.settingsTable({ withDefaults: args.flag('with_defaults') })),
)

const activeQueues: Command = inspects(
  { name: 'active_queues', help: 'List the task queues a worker is currently consuming from.' },
  ({ consumer }) => consumer.queues.map(queueDict),
)

const memsample: Command = inspects({ name: 'memsample', help: 'Sample current RSS memory usage.' }, () => {
  samples.push(process.memoryUsage.rss())
  if (samples.length > MOST_SAMPLES) samples.shift()
  return megabytes(samples.at(-1) ?? 0)
})

/** What was sampled in this process, oldest first. */
const samples: number[] = []
const MOST_SAMPLES = 500

const memdump: Command = inspects(
  {
    name: 'memdump',
    help: 'Dump statistics of previous memsample requests.',
    signature: '[n_samples=10]',
    args: [['samples', 'integer']],
  },
  (_state, args) => {
    const wanted = samples.slice(-(args.integer('samples') ?? 10))
    const lines = wanted.map((bytes) => `-    > ${megabytes(bytes)},\n`).join('')
    return `- rss (sample):\n${lines}- rss (end): ${megabytes(process.memoryUsage.rss())}.\n`
  },
)

const objgraph: Command = inspects(
  {
    name: 'objgraph',
    help: 'Create graph of uncollected objects (memory-leak debugging).',
    signature: '[object_type=Request] [num=200 [max_depth=10]]',
    args: [
      ['type', 'text'],
      ['num', 'integer'],
      ['max_depth', 'integer'],
    ],
    defaultTimeout: 60,
  },
  () => {
    throw new Error('There is no objgraph for Node: start the worker with --inspect and take a heap snapshot')
  },
)

const shutdown: Command = controls({ name: 'shutdown', help: 'Shutdown worker(s).' }, (state, args) => {
  state.logger.warn(args.text('msg') ?? 'Got shutdown from remote')
  state.shutDown()
  return NO_REPLY
})

/** As Celery writes it: `47.309MB`. */
function megabytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(3)}MB`
}

/** Values that any serializer can carry; the others as text. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null) {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) return repr(value)
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]))
  }
  return typeof value === 'function' || typeof value === 'symbol' ? String(value) : value
}

export const workerCommands: readonly Command[] = [
  ping,
  clock,
  hello,
  stats,
  report,
  conf,
  activeQueues,
  memsample,
  memdump,
  objgraph,
  shutdown,
]
