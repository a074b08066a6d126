/** Options of commands, and how the environment stands in for those that weren't given. */

import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import { truth } from './option-values.ts'

/** What there is to say about an option. */
export interface OptionDeclaration<Value> {
  /** As in `-c, --concurrency <number>`; without a value in brackets it is a flag. */
  readonly flags: string
  readonly help: string
  /** Heading in the help under which it stands. */
  readonly group: string
  /** Makes the value out of its text. Default: the text. @throws InvalidArgumentError */
  readonly parse?: (text: string) => Value
  readonly default?: Value
  readonly choices?: readonly string[]
  /** Other names for it, which the help doesn't show. */
  readonly aliases?: readonly string[]
  /** A variable without the prefix `CELERY_` that stands in for it, too, and before the other one. */
  readonly environment?: string
}

/** Variables without prefix, by option. */
const environmentOf = new WeakMap<Option, string>()

/** Options that only stand for another one. */
const aliases = new WeakMap<Option, Option>()

/** Adds an option to a command. */
export function addOption<Value>(command: Command, declaration: OptionDeclaration<Value>): void {
  const { flags, help, group, parse, choices, environment } = declaration
  const option = new Option(flags, help).helpGroup(group)
  if (declaration.default !== undefined) option.default(declaration.default)
  if (choices !== undefined) option.choices(choices)
  else if (parse !== undefined) option.argParser(parse)
  if (environment !== undefined) environmentOf.set(option, environment)
  command.addOption(option)
  for (const alias of declaration.aliases ?? []) addAlias(command, option, alias)
}

function addAlias(command: Command, option: Option, alias: string): void {
  const value = / [<[].*/.exec(option.flags)?.[0] ?? ''
  const hidden = new Option(`${alias}${value}`).hideHelp()
  if (option.helpGroupHeading !== undefined) hidden.helpGroup(option.helpGroupHeading)
  if (option.parseArg !== undefined) hidden.parseArg = option.parseArg
  aliases.set(hidden, option)
  command.addOption(hidden)
}

/** Variables of the environment. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Gives options what was given under their other names, and then what the environment has for the others. */
export function settleOptions(command: Command, environment: Environment): void {
  for (const alias of command.options) {
    const option = aliases.get(alias)
    const name = alias.attributeName()
    if (option === undefined || command.getOptionValueSource(name) === undefined) continue
    command.setOptionValueWithSource(option.attributeName(), command.getOptionValue(name), 'cli')
  }
  applyEnvironment(command, environment)
}

/**
 * Gives a command's options the values that the environment has for them: `CELERY_WORKER_CONCURRENCY` is
 * `--concurrency` of `celery worker`, `CELERY_APP` is the global `--app`. Options that were given win. Empty variables
 * count as none.
 */
function applyEnvironment(command: Command, environment: Environment): void {
  const prefix = ['CELERY', ...pathOf(command)].join('_')
  for (const option of command.options.filter((each) => !aliases.has(each))) {
    const key = option.attributeName()
    const source = command.getOptionValueSource(key)
    if (source !== undefined && source !== 'default') continue
    const variables = [environmentOf.get(option), `${prefix}_${option.name()}`]
      .filter((variable) => variable !== undefined)
      .map((variable) => variable.toUpperCase().replaceAll('-', '_'))
    const variable = variables.find((name) => environment[name])
    const text = variable && environment[variable]
    if (!variable || !text) continue
    const isFlag = !option.required && !option.optional
    const value = isFlag ? flagValue(option, text) : optionValue(command, option, variable, text)
    if (value === undefined) {
      command.error(`error: ${variable}='${text}' is neither yes nor no`, { code: 'celery.environment' })
    }
    command.setOptionValueWithSource(key, value, 'env')
  }
}

/** By convention `NO_COLOR` is up whatever it says; so is Django's `SKIP_CHECKS`. Others say yes or no. */
function flagValue(option: Option, text: string): boolean | undefined {
  const up = environmentOf.has(option) ? (truth(text) ?? true) : truth(text)
  return option.negate && up !== undefined ? !up : up
}

function optionValue(command: Command, option: Option, variable: string, text: string): unknown {
  const { parseArg } = option
  if (parseArg === undefined) return text
  try {
    return parseArg(text, undefined)
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error
    return command.error(`error: ${variable}='${text}' is invalid. ${error.message}`, {
      code: 'celery.environment',
    })
  }
}

/** Names of the command and its parents, without the program itself. */
function pathOf(command: Command): string[] {
  return command.parent === null ? [] : [...pathOf(command.parent), command.name()]
}

/** The last lines of a command's help. */
export function environmentNote(command: Command): string {
  const prefix = ['CELERY', ...pathOf(command)].join('_').toUpperCase()
  return `\nOptions can also be given in the environment, as ${prefix}_<OPTION>.`
}
