/** `celery status`. */
import { Command } from 'commander'
import type { NodeReply } from '../control/reply-collector.ts'
import type { CliContext } from './cli-context.ts'
import type { RemoteOptions } from './remote-commands.ts'
import { addRemoteOptions } from './remote-commands.ts'
import { echoJson, noReplies, sayNodeCount, sayReply } from './remote-replies.ts'

/** Declares the command. */
export function statusCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('status').description('Show which workers are online.')
  addRemoteOptions(command)
  return command.action(
    async (options: RemoteOptions, self: Command) => await status(contextOf(self), options),
  )
}

async function status(context: CliContext, options: RemoteOptions): Promise<void> {
  const { app } = await context.loadApp()
  const { timeout, destination, json = false } = options
  const say = (reply: NodeReply): void => sayReply(context, reply, { body: false })
  const replies = await app.control.inspect({ timeout, destination, callback: json ? undefined : say }).ping()
  const count = Object.keys(replies).length
  if (count === 0) throw noReplies(app)
  if (json) echoJson(context, app, replies)
  sayNodeCount(context, count)
}
