import type { Configuration } from '../config/configuration.ts'
import { ImproperlyConfigured } from '../errors.ts'
import { CliError, EXIT } from './exit-code.ts'

/**
 * Takes settings from words `key=value` behind a command.
 * @throws CliError, with exit code 2, when one of them is none.
 */
export function applyWords(conf: Configuration, words: readonly string[], namespace: string): void {
  try {
    conf.configFromWords(words, namespace)
  } catch (cause) {
    if (!(cause instanceof ImproperlyConfigured)) throw cause
    throw new CliError(cause.message, { exitCode: EXIT.usage, cause })
  }
}
