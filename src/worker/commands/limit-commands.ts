/** Commands that change the limits of tasks. */
import { toMilliseconds } from '../../util/duration.ts'
import { parseRate } from '../../util/rate.ts'
import { type Command, controls, nok, ok } from './command.ts'
import type { CommandArguments } from './command-arguments.ts'

const rateLimit: Command = controls(
  {
    name: 'rate_limit',
    help: 'Tell worker(s) to modify the rate limit for a task by type.',
    args: [
      ['task_name', 'text'],
      ['rate_limit', 'text'],
    ],
    signature: '<task_name> <rate_limit (e.g., 5/s | 5/m | 5/h)>',
    required: ['task_name', 'rate_limit'],
  },
  ({ logger, rateLimits, tasks }, args) => {
    const name = args.text('task_name') ?? ''
    const rate = readRate(args)
    try {
      parseRate(rate, 'rate_limit')
    } catch (error) {
      return nok(`Invalid rate limit string: ${error instanceof Error ? error.message : String(error)}`)
    }
    if (tasks.get(name) === undefined) {
      logger.error(`Rate limit attempt for unknown task ${name}`)
      return nok('unknown task')
    }
    rateLimits?.change(name, rate)
    if (parseRate(rate, 'rate_limit') === 0) {
      logger.info(`Rate limits disabled for tasks of type ${name}`)
      return ok('rate limit disabled successfully')
    }
    logger.info(`New rate limit for tasks of type ${name}: ${rate}.`)
    return ok('new rate limit set successfully')
  },
)

function readRate(args: CommandArguments): string | number | null {
  const rate = args.get('rate_limit') ?? null
  return typeof rate === 'number' || rate === null ? rate : String(rate)
}

const timeLimit: Command = controls(
  {
    name: 'time_limit',
    help: 'Tell worker(s) to modify the time limit for task by type.',
    args: [
      ['task_name', 'text'],
      ['soft', 'number'],
      ['hard', 'number'],
    ],
    signature: '<task_name> <soft_secs> [hard_secs]',
  },
  ({ logger, tasks, timeLimits }, args) => {
    const name = args.text('task_name') ?? ''
    const [soft, hard] = [args.number('soft'), args.number('hard')]
    if (tasks.get(name) === undefined) {
      logger.error(`Change time limit attempt for unknown task ${name}`)
      return nok('unknown task')
    }
    timeLimits.set(name, {
      // 0 takes a limit away, as nothing does.
      softTimeLimit: soft ? toMilliseconds(soft, 'soft') : undefined,
      timeLimit: hard ? toMilliseconds(hard, 'hard') : undefined,
    })
    logger.info(`New time limits for tasks of type ${name}: soft=${soft ?? 'None'} hard=${hard ?? 'None'}`)
    return ok('time limits set successfully')
  },
)

export const limitCommands: readonly Command[] = [rateLimit, timeLimit]
