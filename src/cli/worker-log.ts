import path from 'node:path'
import type { Celery } from '../app/celery.ts'
import type { Logger, LogLevel } from '../util/logger.ts'
import type { CliContext } from './cli-context.ts'

/**
 * Sets up the log of a long-running program: to a file, or to standard error. Level, file and colours are put into the
 * environment as well, where the processes of its pool find them.
 *
 * @param file with its `%n` and the like filled in; undefined: standard error.
 * @throws ImproperlyConfigured when the file cannot be written or the format cannot be understood.
 */
export async function setUpWorkerLog(
  { io, options }: CliContext,
  app: Celery,
  loglevel: LogLevel,
  file: string | undefined,
): Promise<Logger> {
  const logfile = file === undefined ? undefined : path.resolve(file)
  // As in Celery: colours are for terminals, even if the setting is true.
  const colorize =
    options.color && app.conf.workerLogColor !== false && file === undefined && io.errIsTerminal
  io.environment['CELERY_LOG_LEVEL'] = loglevel
  io.environment['CELERY_LOG_FILE'] = logfile ?? ''
  io.environment['CELERY_LOG_COLOR'] = colorize ? '1' : ''
  io.environment['CELERY_LOG_REDIRECT'] = app.settings.workerRedirectStdouts ? '1' : ''
  io.environment['CELERY_LOG_REDIRECT_LEVEL'] = String(app.settings.workerRedirectStdoutsLevel).toUpperCase()
  return app.log.setup({ loglevel, logfile, colorize, write: io.err })
}
