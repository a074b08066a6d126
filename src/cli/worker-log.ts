import type { Settings } from '../config/settings.ts'
import type { Logger, LogLevel } from '../util/logger.ts'
import { StreamLogger } from '../util/logger.ts'
import type { CliContext } from './cli-context.ts'
import { LogFile } from './log-file.ts'
import { compileLogFormat } from './log-format.ts'

/** The log of a long-running program: to a file, or to standard error. */
export class WorkerLog {
  readonly logger: Logger
  readonly #file: LogFile | undefined

  /**
   * Level and file are put into the environment as well (`CELERY_LOG_LEVEL`, `CELERY_LOG_FILE`), where child processes
   * find them.
   *
   * @param file with its `%n` and the like filled in; undefined: standard error.
   * @throws CliError when the file can't be written, ImproperlyConfigured when the format can't be understood.
   */
  constructor(context: CliContext, settings: Settings, level: LogLevel, file: string | undefined) {
    const { io, options } = context
    this.#file = file === undefined ? undefined : new LogFile(file)
    // As in Celery: colours are for terminals, even if the setting is true.
    const color = options.color && settings.workerLogColor !== false && file === undefined && io.errIsTerminal
    this.logger = new StreamLogger('celery', {
      level,
      format: compileLogFormat({ format: settings.workerLogFormat, processName: 'MainProcess', color }),
      write: (text) => (this.#file === undefined ? io.err(text) : this.#file.write(text)),
    })
    io.environment['CELERY_LOG_LEVEL'] = level
    io.environment['CELERY_LOG_FILE'] = this.#file?.path ?? ''
  }

  /** Writes what is waiting, and closes the file. */
  close(): void {
    this.#file?.close()
  }
}
