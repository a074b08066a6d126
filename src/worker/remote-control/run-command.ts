import type { ControlRequest } from '../../protocol/control.ts'
import { pythonString } from '../../util/python-string.ts'
import { repr } from '../../util/repr.ts'
import type { Command } from '../commands/command.ts'
import { CommandArguments } from '../commands/command-arguments.ts'
import { findCommand } from '../commands/command-registry.ts'
import type { CommandState } from '../commands/command-state.ts'

/** Carries a command out. Never rejects: what goes wrong is logged, and is the reply. kombu: `Node.dispatch`. */
export async function runCommand(request: ControlRequest, state: CommandState): Promise<unknown> {
  const { method } = request
  const { logger } = state
  if (logger.isEnabled('DEBUG')) {
    logger.debug(`pidbox received method ${method}(${repr(request.arguments, { maxLength: 200 })})`)
  }
  const command = findCommand(method)
  if (command === undefined) {
    logger.error(`No such method: ${method}`)
    return { error: `KeyError(${pythonString(method)})` }
  }
  try {
    checkRequired(command, request.arguments)
    const value = await command.run(state, new CommandArguments(request.arguments))
    return value === undefined ? null : value
  } catch (error) {
    logger.error(`pidbox command error: ${describe(error)}`, { error })
    return { error: describe(error) }
  }
}

/** In Python's words, which callers know. */
function checkRequired({ name, required }: Command, given: Readonly<Record<string, unknown>>): void {
  const missing = required.filter((argument) => !(argument in given)).map((argument) => `'${argument}'`)
  if (missing.length === 0) return
  const last = missing.pop() ?? ''
  const comma = missing.length > 1 ? ',' : ''
  const names = missing.length === 0 ? last : `${missing.join(', ')}${comma} and ${last}`
  const count = missing.length + 1
  throw new TypeError(
    `${name}() missing ${count} required positional argument${count === 1 ? '' : 's'}: ${names}`,
  )
}

/** As Python shows an exception: `ValueError('…')`. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return repr(error)
  const { name, message } = error
  return `${name === 'RangeError' ? 'ValueError' : name}(${pythonString(message)})`
}
