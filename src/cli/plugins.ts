/**
 * Commands that other packages add to `celery`. Celery: the entry point `celery.commands`.
 *
 * A package says in its manifest where they are, `"celery": { "commands": "./dist/celery-commands.js" }`, and exports
 * them there as `commands`. Packages that the project in the working folder depends on are asked.
 */

import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { Command } from 'commander'
import type { Celery } from '../app/celery.ts'
import { isRecord } from '../util/is-record.ts'
import type { CliContext } from './cli-context.ts'
import type { OptionDeclaration } from './options.ts'
import { addOption, environmentNote } from './options.ts'

/** A command of a package. */
export interface CommandPlugin {
  readonly name: string
  /** A sentence for the help. */
  readonly help: string
  /** As in `<task_id> [queues...]`. */
  readonly arguments?: string
  readonly options?: readonly OptionDeclaration<unknown>[]
  /** Does it; may answer an exit code other than 0. Its errors end the program with 1. */
  run(call: PluginCall): Promise<number | undefined> | number | undefined
}

/** What a command of a package is given. */
export interface PluginCall {
  /** Loads the app that `-A` names. */
  readonly app: () => Promise<Celery>
  readonly args: readonly unknown[]
  /** By their long names in camel case. */
  readonly options: Readonly<Record<string, unknown>>
  /** Writes a line to standard output. */
  readonly echo: (text: string) => void
}

/** The commands that the dependencies of a project add. */
export async function pluginCommands(
  cwd: string,
  contextOf: (command: Command) => CliContext,
): Promise<Command[]> {
  const commands: Command[] = []
  for (const file of pluginFiles(cwd)) {
    const exports: Readonly<Record<string, unknown>> = await import(pathToFileURL(file).href)
    const plugins = exports['commands']
    if (!Array.isArray(plugins) || !plugins.every(isPlugin)) {
      throw new TypeError(`${file} must export commands: a list of { name, help, run }`)
    }
    commands.push(...plugins.map((plugin) => pluginCommand(plugin, contextOf)))
  }
  return commands
}

function pluginCommand(plugin: CommandPlugin, contextOf: (command: Command) => CliContext): Command {
  const command = new Command(plugin.name).description(plugin.help)
  if (plugin.arguments !== undefined) command.arguments(plugin.arguments)
  for (const option of plugin.options ?? []) addOption(command, option)
  command.addHelpText('after', () => environmentNote(command))
  return command.action(async (...given: unknown[]) => {
    const context = contextOf(command)
    const code = await plugin.run({
      app: async () => (await context.loadApp()).app,
      args: given.slice(0, -2),
      options: command.opts<Record<string, unknown>>(),
      echo: (text) => context.echo(text),
    })
    if (code !== undefined) context.exitCode = code
  })
}

function isPlugin(value: unknown): value is CommandPlugin {
  return (
    isRecord(value) &&
    typeof value['name'] === 'string' &&
    typeof value['help'] === 'string' &&
    typeof value['run'] === 'function'
  )
}

function pluginFiles(cwd: string): string[] {
  const project = readManifest(path.join(cwd, 'package.json'))
  const names = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((kind) => {
    const list = project?.[kind]
    return isRecord(list) ? Object.keys(list) : []
  })
  const require = createRequire(path.join(cwd, 'noop.js'))
  return [...new Set(names)].flatMap((name) => {
    // Not by `resolve`: most packages don't export their manifest.
    const folder = (require.resolve.paths(name) ?? [])
      .map((modules) => path.join(modules, name))
      .find((each) => existsSync(path.join(each, 'package.json')))
    const celery =
      folder === undefined ? undefined : readManifest(path.join(folder, 'package.json'))?.['celery']
    const file = isRecord(celery) ? celery['commands'] : undefined
    return folder !== undefined && typeof file === 'string' ? [path.join(folder, file)] : []
  })
}

function readManifest(file: string): Readonly<Record<string, unknown>> | undefined {
  if (!existsSync(file)) return undefined
  const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'))
  return isRecord(manifest) ? manifest : undefined
}
