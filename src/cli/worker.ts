/** `celery worker`. */

import { Command } from 'commander'
import type { CliContext } from './cli-context.ts'
import { addDaemonOptions } from './daemon-options.ts'
import {
  autoscale,
  commaList,
  logLevel,
  poolName,
  positiveInteger,
  seconds,
  wholeNumber,
} from './option-values.ts'
import { addOption, environmentNote } from './options.ts'
import type { WorkerCommandOptions } from './run-worker.ts'

/** Declares the command. */
export function workerCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('worker')
    .description('Take tasks from queues and run them, until it is told to stop.')
    .argument(
      '[settings...]',
      'settings for this worker, as key=value: broker.pool_limit=5 .prefetch_multiplier=1',
    )
  addWorkerOptions(command)
  addPoolOptions(command)
  addQueueOptions(command)
  addFeatureOptions(command)
  addDaemonOptions(command, 'worker')
  command.addHelpText(
    'after',
    () => `
Examples:
  $ celery -A tasks worker -l INFO
  $ celery -A tasks worker -l INFO -c 8 -Q hipri,celery
  $ celery -A tasks worker -P async -c 200
  $ celery -A proj/app.ts worker -n w1@%h --pidfile=/run/celery/%n.pid -f /var/log/celery/%n.log

Signals:
  TERM         finish the running tasks, then exit
  INT          the same; a second one ends running tasks
  QUIT         end running tasks; what acknowledges late goes back to its queue
  HUP          finish the running tasks, then start again (without a terminal only)
  USR1         print what goes on
${environmentNote(command)}`,
  )
  return command.action(async (settings: string[], options: WorkerCommandOptions, self: Command) => {
    const { runWorker } = await import('./run-worker.ts')
    await runWorker(contextOf(self), options, settings)
  })
}

function addWorkerOptions(command: Command): void {
  const group = 'Worker:'
  addOption(command, {
    group,
    flags: '-n, --hostname <name>',
    help: 'name of this worker; %h is the host, %n its first part, %d its domain (default: celery@%h)',
  })
  addOption(command, { group, flags: '-D, --detach', help: 'run in the background' })
  addOption(command, { group, flags: '-S, --statedb <file>', help: 'keep revoked tasks in this file' })
  addOption(command, {
    group,
    flags: '-l, --loglevel <level>',
    help: 'least severity that is logged: DEBUG, INFO, WARNING, ERROR, CRITICAL or FATAL',
    parse: logLevel,
    default: 'WARNING' as const,
  })
  addOption(command, {
    group,
    flags: '-O, --optimization <profile>',
    help: 'processes always get a task only when they are free, as with fair in Celery; both are accepted',
    choices: ['default', 'fair'],
    default: 'default',
  })
  addOption(command, {
    group,
    flags: '--prefetch-multiplier <number>',
    help: 'messages fetched ahead, per task that can run at once; 0: no limit',
    parse: wholeNumber,
  })
  addOption(command, {
    group,
    flags: '--disable-prefetch',
    help: 'fetch only what can run at once (not RabbitMQ)',
  })
}

function addPoolOptions(command: Command): void {
  const group = 'Pool:'
  addOption(command, {
    group,
    flags: '-c, --concurrency <number>',
    help: 'tasks that run at once (default: number of processors; with async 100)',
    parse: wholeNumber,
  })
  addOption(command, {
    group,
    flags: '-P, --pool <name>',
    help: 'what runs tasks: prefork (processes), threads, async (this event loop), solo (one at a time), custom (CELERY_CUSTOM_WORKER_POOL), or a class: ./pool.ts#MyPool',
    parse: poolName,
  })
  addOption(command, {
    group,
    flags: '--tasks-per-process <number>',
    help: 'asynchronous tasks that one process or thread runs at once (default: 1)',
    parse: positiveInteger,
  })
  addOption(command, {
    group,
    flags: '-E, --task-events',
    aliases: ['--events'],
    help: 'send events about tasks, for monitors',
  })
  addOption(command, {
    group,
    flags: '--time-limit <seconds>',
    help: 'end tasks by force after that time',
    parse: seconds,
  })
  addOption(command, {
    group,
    flags: '--soft-time-limit <seconds>',
    help: 'ask tasks to end after that time: their signal is aborted',
    parse: seconds,
  })
  addOption(command, {
    group,
    flags: '--max-tasks-per-child <number>',
    help: 'replace a process after so many tasks',
    parse: positiveInteger,
  })
  addOption(command, {
    group,
    flags: '--max-memory-per-child <KiB>',
    help: 'replace a process, after its task, when it has more memory',
    parse: wholeNumber,
  })
}

function addQueueOptions(command: Command): void {
  const group = 'Queues:'
  addOption(command, {
    group,
    flags: '--purge',
    aliases: ['--discard'],
    help: 'first remove all waiting messages from the queues',
  })
  addOption(command, { group, flags: '-Q, --queues <names>', help: 'queues to take from', parse: commaList })
  addOption(command, {
    group,
    flags: '-X, --exclude-queues <names>',
    help: 'queues not to take from, of those that are configured',
    parse: commaList,
  })
  addOption(command, {
    group,
    flags: '-I, --include <modules>',
    help: 'more modules with tasks to load',
    parse: commaList,
  })
}

function addFeatureOptions(command: Command): void {
  const group = 'Features:'
  addOption(command, { group, flags: '--without-gossip', help: "don't listen to other workers" })
  addOption(command, { group, flags: '--without-mingle', help: "don't ask other workers at the start" })
  addOption(command, { group, flags: '--without-heartbeat', help: "don't send heartbeats" })
  addOption(command, {
    group,
    flags: '--heartbeat-interval <seconds>',
    help: 'time between heartbeats',
    parse: wholeNumber,
  })
  addOption(command, {
    group,
    flags: '--autoscale <max,min>',
    help: 'let the number of processes follow the load',
    parse: autoscale,
  })
  addOption(command, { group, flags: '-B, --beat', help: 'also run the scheduler of periodic tasks' })
  addOption(command, {
    group,
    flags: '-s, --schedule-filename <file>',
    aliases: ['--schedule'],
    help: 'where the scheduler keeps its state',
  })
  addOption(command, { group, flags: '--scheduler <class>', help: 'the scheduler' })
}
