/** `celery upgrade`. */

import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { Command } from 'commander'
import type { CliContext } from './cli-context.ts'
import { CliError } from './exit-code.ts'
import { addOption, environmentNote } from './options.ts'
import type { NameStyle } from './upgrade/upgrade-settings.ts'
import { upgradeSettings } from './upgrade/upgrade-settings.ts'

interface UpgradeOptions {
  readonly django?: boolean
  readonly compat?: boolean
  readonly backup: boolean
}

/** Declares the command. */
export function upgradeCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('upgrade').description('Bring files of before Celery 4 up to date.')
  const settings = new Command('settings')
    .description('Give the settings in a file (JavaScript, TypeScript, Python…) the names they have today.')
    .argument('<filename>', 'the file; a copy is kept beside it, with .orig at its end')
    .action(async (filename: string, options: UpgradeOptions, self: Command) =>
      upgradeFile(contextOf(self), filename, options),
    )
  const group = 'Upgrading:'
  addOption(settings, { group, flags: '--django', help: 'the same as --compat' })
  addOption(settings, {
    group,
    flags: '--compat',
    help: "names in capitals that begin with CELERY_, for configFromObject with the namespace 'CELERY'",
  })
  addOption(settings, { group, flags: '--no-backup', help: 'keep no copy' })
  settings.addHelpText(
    'after',
    () => `
Names are written as the language likes them: taskSerializer in JavaScript and TypeScript, task_serializer elsewhere.
Variables of the environment and imported names stay as they are.

Examples:
  $ celery upgrade settings celeryconfig.ts
${environmentNote(settings)}`,
  )
  return command.addCommand(settings)
}

function upgradeFile(context: CliContext, file: string, options: UpgradeOptions): void {
  const { out, err } = context.io
  const before = attempt(`Cannot read ${file}`, () => readFileSync(file, 'utf8'))
  err(`processing ${file}...\n`)
  const after = upgradeSettings(before, styleFor(file, options))
  if (after === before) {
    out('Does not seem to require any changes :-)\n')
    return
  }
  if (options.backup) {
    err(`writing backup to ${file}.orig...\n`)
    attempt(`Cannot write ${file}.orig`, () => copyFileSync(file, `${file}.orig`))
  }
  attempt(`Cannot write ${file}`, () => writeFileSync(file, after))
  out('Changes to your setting have been made!\n')
}

function styleFor(file: string, { django, compat }: UpgradeOptions): NameStyle {
  if (django || compat) return 'compat'
  return /\.[cm]?[jt]sx?$/.test(file) ? 'camelCase' : 'snake_case'
}

function attempt<T>(failure: string, deed: () => T): T {
  try {
    return deed()
  } catch (cause) {
    throw new CliError(`${failure}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}
