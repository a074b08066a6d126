import type { Command } from 'commander'
import type { FoundApp } from '../app/find-app.ts'
import type { UserOption, UserOptions } from '../app/user-options.ts'
import type { GlobalOptions } from './cli-context.ts'
import { CliError, EXIT } from './exit-code.ts'
import { addOption } from './options.ts'

/** Commands that are about no app. */
const WITHOUT_APP: ReadonlySet<string> = new Set(['multi', 'upgrade', 'logtool'])

/** How the app is found. */
export interface UserOptionsSource {
  readonly options: GlobalOptions
  /** The app that is meant unless `-A` names one. */
  readonly found: FoundApp | undefined
  /** Whether an app that can't be loaded matters. */
  readonly tolerant: boolean
  /** Whether its errors are shown with their stack. */
  readonly trace: boolean
}

/**
 * Gives a command the options that the app has for it, if one is named.
 * @throws CliError when the app can't be loaded, or an option is there already.
 */
export async function addUserOptions(command: Command, source: UserOptionsSource): Promise<void> {
  const name = command.name()
  if (WITHOUT_APP.has(name)) return
  const added = await userOptionsOf(source)
  if (added === undefined) return
  const own = isProgram(name) ? added[name] : []
  for (const option of [...own, ...added.preload]) add(command, option)
}

async function userOptionsOf({
  options,
  found,
  tolerant,
  trace,
}: UserOptionsSource): Promise<UserOptions | undefined> {
  if (options.app === undefined) return found?.app.userOptions
  const { findApp } = await import('./find-app.ts')
  try {
    return (await findApp(options.app, { trace })).app.userOptions
  } catch (error) {
    // The help is needed most when the app doesn't load.
    if (tolerant && error instanceof CliError) return undefined
    throw error
  }
}

function isProgram(name: string): name is 'worker' | 'beat' | 'events' {
  return ['worker', 'beat', 'events'].includes(name)
}

function add(command: Command, option: UserOption): void {
  try {
    addOption(command, { group: 'User options:', ...option })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CliError(
      `The app's option ${option.flags} can't be added to celery ${command.name()}: ${reason}`,
      {
        exitCode: EXIT.usage,
        cause,
      },
    )
  }
}
