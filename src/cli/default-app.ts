import type { CliApp } from './cli-app.ts'
import { CliError, EXIT } from './exit-code.ts'

export function createDefaultApp(): CliApp {
  throw new CliError('name an app', { exitCode: EXIT.usage })
}
