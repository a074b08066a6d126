/** `celery inspect`. */
import { Command } from 'commander'
import type { NodeReply } from '../control/reply-collector.ts'
import type { CliContext } from './cli-context.ts'
import { addOption } from './options.ts'
import type { RemoteOptions } from './remote-commands.ts'
import { addRemoteOptions, readRemoteCall } from './remote-commands.ts'
import { echoJson, noReplies, sayNodeCount, sayReply } from './remote-replies.ts'

interface InspectOptions extends RemoteOptions {
  readonly list?: boolean
}

/** Declares the command. */
export function inspectCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('inspect')
    .description('Ask workers what they do. Needs a broker that can broadcast.')
    .argument('[command]', 'what to ask; --list shows what there is')
    .argument('[arguments...]', 'arguments of the command')
  addOption(command, { group: 'Options:', flags: '--list', help: 'list the commands, and ask nothing' })
  addRemoteOptions(command)
  return command.action(
    async (name: string | undefined, more: readonly string[], options: InspectOptions, self: Command) => {
      await inspect(contextOf(self), name === undefined ? [] : [name, ...more], options)
    },
  )
}

async function inspect(
  context: CliContext,
  words: readonly string[],
  options: InspectOptions,
): Promise<void> {
  const call = await readRemoteCall(context, 'inspect', words, options)
  if (call === undefined) return
  const { app, command, args } = call
  const { timeout, destination, json = false } = options
  const say = (reply: NodeReply): void => sayReply(context, reply, { body: true })
  const replies = await app.control
    .inspect({ timeout, destination, callback: json ? undefined : say })
    .request(command.name, args)
  const count = Object.keys(replies).length
  if (count === 0) throw noReplies(app)
  if (json) echoJson(context, app, replies)
  else sayNodeCount(context, count)
}
