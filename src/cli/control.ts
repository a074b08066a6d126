/** `celery control`. */
import { Command } from 'commander'
import type { NodeReply } from '../control/reply-collector.ts'
import type { CliContext } from './cli-context.ts'
import { addOption } from './options.ts'
import type { RemoteOptions } from './remote-commands.ts'
import { addRemoteOptions, readRemoteCall } from './remote-commands.ts'
import { echoJson, noReplies, sayReply } from './remote-replies.ts'

interface ControlOptions extends RemoteOptions {
  readonly list?: boolean
}

/** Declares the command. */
export function controlCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('control')
    .description('Tell workers what to do. Needs a broker that can broadcast.')
    .argument('[command]', 'what to tell; --list shows what there is')
    .argument('[arguments...]', 'arguments of the command')
  addOption(command, { group: 'Options:', flags: '--list', help: 'list the commands, and tell nothing' })
  addRemoteOptions(command)
  return command.action(
    async (name: string | undefined, more: readonly string[], options: ControlOptions, self: Command) => {
      await control(contextOf(self), name === undefined ? [] : [name, ...more], options)
    },
  )
}

async function control(
  context: CliContext,
  words: readonly string[],
  options: ControlOptions,
): Promise<void> {
  const call = await readRemoteCall(context, 'control', words, options)
  if (call === undefined) return
  const { app, command, args } = call
  const { timeout, destination, json = false } = options
  const say = (reply: NodeReply): void => sayReply(context, reply, { body: true })
  const replies = await app.control.broadcast(command.name, {
    arguments: args,
    reply: true,
    timeout,
    destination,
    callback: json ? undefined : say,
  })
  if (replies.length === 0) throw noReplies(app)
  if (json) echoJson(context, app, replies)
}
