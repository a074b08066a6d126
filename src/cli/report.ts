/** `celery report`. */

import { arch, release, type } from 'node:os'
import { Command } from 'commander'
import type { Celery } from '../app/celery.ts'
import { sanitizeUrl } from '../util/url.ts'
import type { CliContext } from './cli-context.ts'
import { environmentNote } from './options.ts'
import { CELERY_VERSION, versionBanner } from './version.ts'

/** Declares the command. */
export function reportCommand(contextOf: (command: Command) => CliContext): Command {
  const command = new Command('report').description(
    'Print versions, platform and settings (without passwords), as reports of bugs should have them.',
  )
  command.addHelpText('after', () => environmentNote(command))
  return command.action(async (_options: object, self: Command) => {
    const context = contextOf(self)
    const { app, reference } = await context.loadApp()
    await app.loadModules()
    context.echo(bugReport(app, reference))
  })
}

/** Celery: `app.bugreport()`. */
function bugReport(app: Celery, reference: string): string {
  const { conf } = app
  const broker = sanitizeUrl(conf.brokerUrl)
  const results = typeof conf.resultBackend === 'string' ? sanitizeUrl(conf.resultBackend) : 'disabled'
  return `
software -> celeriac:${versionBanner()} celery:${CELERY_VERSION} node:${process.versions.node}
            v8:${process.versions.v8} openssl:${process.versions.openssl ?? 'none'}
platform -> system:${type()} arch:${arch()}
            kernel version:${release()} imp:Node.js
app      -> ${app.main ?? '__main__'} (${reference})
settings -> transport:${broker.split('://', 1)[0]} (${broker}) results:${results}

${conf.humanize()}`
}
