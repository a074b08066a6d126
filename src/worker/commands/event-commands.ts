/** Commands about events and elections, which belong to parts that not every worker has. */
import { type Command, controls, ok } from './command.ts'

const enableEvents: Command = controls(
  { name: 'enable_events', help: 'Tell worker(s) to send task-related events.' },
  ({ hooks }) => {
    if (hooks.events === undefined) throw new RangeError('This worker sends no events')
    if (!hooks.events.enable()) return ok('task events already enabled')
    return ok('task events enabled')
  },
)

const disableEvents: Command = controls(
  { name: 'disable_events', help: 'Tell worker(s) to stop sending task-related events.' },
  ({ hooks }) => {
    if (hooks.events?.disable() !== true) return ok('task events already disabled')
    return ok('task events disabled')
  },
)

const heartbeat: Command = controls(
  { name: 'heartbeat', help: 'Tell worker(s) to send event heartbeat immediately.' },
  ({ hooks, logger }) => {
    logger.debug('Heartbeat requested by remote.')
    hooks.events?.heartbeat()
    return null
  },
)

const election: Command = controls(
  { name: 'election', help: 'Hold election.', required: ['id', 'topic'] },
  ({ hooks }, args) => {
    hooks.elect?.(args.text('id') ?? '', args.text('topic') ?? '', args.get('action'))
    return null
  },
)

export const eventCommands: readonly Command[] = [enableEvents, disableEvents, heartbeat, election]
