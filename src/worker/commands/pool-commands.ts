/** Commands that change the pool. */
import type { Command } from './command.ts'
import { controls, nok, ok } from './command.ts'
import type { CommandState } from './command-state.ts'

const poolGrow: Command = controls(
  {
    name: 'pool_grow',
    help: 'Grow pool by n processes/threads.',
    args: [['n', 'integer']],
    signature: '[N=1]',
  },
  (state, args) => {
    if (state.hooks.autoscaler !== undefined) return nok(notWithAutoscale('pool_grow'))
    resize(state, args.integer('n') ?? 1)
    return ok('pool will grow')
  },
)

const poolShrink: Command = controls(
  {
    name: 'pool_shrink',
    help: 'Shrink pool by n processes/threads.',
    args: [['n', 'integer']],
    signature: '[N=1]',
  },
  (state, args) => {
    if (state.hooks.autoscaler !== undefined) return nok(notWithAutoscale('pool_shrink'))
    resize(state, -(args.integer('n') ?? 1))
    return ok('pool will shrink')
  },
)

function notWithAutoscale(name: string): string {
  return `${name} is not supported with autoscale. Adjust autoscale range instead.`
}

/** The reply does not wait for processes that start: whoever asked listens for a second. */
function resize(state: CommandState, change: number): void {
  const { logger, pool } = state
  const { size } = pool
  if (pool.resize === undefined || !pool.features.resizes) {
    throw new RangeError(`The pool '${state.options.pool}' has a fixed size`)
  }
  if (size + change < 1)
    throw new RangeError(`The pool runs ${size} tasks at once: it cannot shrink by ${-change}`)
  pool.resize(size + change).catch((error: unknown) => {
    logger.error(`The pool could not be resized to ${size + change}: ${String(error)}`)
  })
  state.poolChanged()
}

const poolRestart: Command = controls(
  { name: 'pool_restart', help: 'Restart execution pool.' },
  async ({ logger, options, pool }) => {
    if (!options.poolRestarts) throw new RangeError('Pool restarts not enabled')
    if (pool.restart === undefined) {
      throw new RangeError(`The pool '${options.pool}' cannot load modules anew: restart the worker`)
    }
    pool.restart().catch((error: unknown) => {
      logger.error(`The pool could not be restarted; it goes on as it was: ${String(error)}`)
    })
    return ok('reload started')
  },
)

const autoscale: Command = controls(
  {
    name: 'autoscale',
    help: 'Modify autoscale settings.',
    args: [
      ['max', 'integer'],
      ['min', 'integer'],
    ],
    signature: '[max [min]]',
  },
  ({ hooks }, args) => {
    if (hooks.autoscaler === undefined) throw new RangeError('Autoscale not enabled')
    const { max, min } = hooks.autoscaler.update({ max: args.integer('max'), min: args.integer('min') })
    return ok(`autoscale now max=${max} min=${min}`)
  },
)

export const poolCommands: readonly Command[] = [poolGrow, poolShrink, poolRestart, autoscale]
