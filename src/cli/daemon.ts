/** What programs that run for long have in common: the background, another user, a pid file, a log. */

import type { Celery } from '../app/celery.ts'
import type { Logger, LogLevel } from '../util/logger.ts'
import type { CliContext } from './cli-context.ts'
import { detach } from './detach.ts'
import { nodeFormat } from './node-format.ts'
import { createPidfile } from './pidfile.ts'
import { dropPrivileges } from './privileges.ts'
import { setUpWorkerLog } from './worker-log.ts'

/** Their options. Without one, its setting counts: `worker_pidfile`, `beat_uid`. */
export interface DaemonOptions {
  readonly detach?: boolean
  readonly loglevel: LogLevel
  readonly logfile?: string
  readonly pidfile?: string
  readonly uid?: string
  readonly gid?: string
  readonly umask?: string
  readonly executable?: string
}

/** Which program it is. */
export interface DaemonProgram {
  /** Prefix of its settings. */
  readonly name: 'worker' | 'beat' | 'events'
  /** As sentences begin with it: `The worker`. */
  readonly title: string
  /** For `%n` and `%h` in the names of files. */
  readonly nodename: string
}

/** Where it logs. */
export interface DaemonLog {
  readonly logger: Logger
  readonly logfile: string | undefined
}

/**
 * Runs a program, in the background if that is wanted: then this process only starts it.
 * @throws CliError when it can't be started, or be who it is to be; with exit code 73 when it runs already.
 */
export async function runDaemon(
  context: CliContext,
  app: Celery,
  { options, program }: { readonly options: DaemonOptions; readonly program: DaemonProgram },
  run: (log: DaemonLog) => Promise<void>,
): Promise<void> {
  const { name, title, nodename } = program
  const { settings } = app
  const file = (given: string | undefined, setting: string | null): string | undefined => {
    const template = given ?? setting
    return template ? nodeFormat(template, nodename) : undefined
  }
  const logfile = file(options.logfile, settings[`${name}Logfile` as const])
  const pidfile = file(options.pidfile, settings[`${name}Pidfile` as const])
  if (options.detach && !context.environment['C_FAKEFORK']) {
    const executable = options.executable ?? settings[`${name}Executable` as const] ?? undefined
    const pid = await detach({ argv: process.argv.slice(1), logfile, pidfile, executable })
    if (!context.quiet) context.echo(`${title} runs in the background (pid ${pid})`)
    return
  }
  dropPrivileges({
    uid: options.uid ?? settings[`${name}Uid` as const],
    gid: options.gid ?? settings[`${name}Gid` as const],
    umask: options.umask ?? settings[`${name}Umask` as const],
  })
  // Whoever reads the log may go (`| tee`, a collector that is restarted): no task is to be lost for that.
  context.io.outliveOutput?.()
  const warn = (text: string): void => context.io.err(`${text}\n`)
  const removePidfile = pidfile === undefined ? undefined : createPidfile(pidfile, warn)
  try {
    const logger = await setUpWorkerLog(context, app, options.loglevel, logfile)
    for (const text of app.conf.warnings) logger.warn(text)
    await run({ logger, logfile })
  } finally {
    removePidfile?.()
    app.log.close()
  }
}
