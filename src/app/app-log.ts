/** The log of an app: where its lines go, and how they look. Celery: `app.log`. */
import { writeSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import type { Settings } from '../config/settings.ts'
import { ImproperlyConfigured } from '../errors.ts'
import { LogFile } from '../util/log-file.ts'
import { compileLogFormat } from '../util/log-format.ts'
import type { Logger, LogLevel, LogRecord } from '../util/logger.ts'
import { LOG_LEVELS, StreamLogger } from '../util/logger.ts'
import type { SwitchLogger } from '../util/switch-logger.ts'
import { redirectOutput, writeDirectly } from './output-redirect.ts'
import { captureWarnings } from './warning-capture.ts'
import type { SetupLogging, WorkerSignals } from './worker-signals.ts'

/** What an `AppLog` works with. */
export interface AppLogOptions {
  /** What everybody in the app logs to. */
  readonly logger: SwitchLogger
  /** The user has given the app a logger, which nothing here replaces. */
  readonly isCustom: boolean
  readonly settings: () => Settings
  readonly signals: Pick<WorkerSignals, 'setupLogging' | 'afterSetupLogger' | 'afterSetupTaskLogger'>
}

/** How a log is set up. */
export interface LogSetup {
  /** Least severity that is written. Default `WARNING`. */
  readonly loglevel?: LogLevel
  /** File that lines are added to; default standard error. */
  readonly logfile?: string | undefined
  /** Default: the setting `workerLogFormat`. */
  readonly format?: string
  /** For lines of tasks. Default: the setting `workerTaskLogFormat`. */
  readonly taskFormat?: string
  /** Default: the setting `workerLogColor`; if it says nothing, as standard error can. Files have no colours. */
  readonly colorize?: boolean
  /** `%(processName)s`. Default `MainProcess`. */
  readonly processName?: string
  /** Takes the finished lines instead of standard error. */
  readonly write?: (text: string) => void
  /**
   * What is printed (`console.log`, …) becomes lines of `celery.redirected`. Default: the setting
   * `workerRedirectStdouts`; false: it is printed.
   */
  readonly redirect?: boolean
  /** Default: the setting `workerRedirectStdoutsLevel`. */
  readonly redirectLevel?: LogLevel
}

/** See the module's description. */
export class AppLog {
  readonly #options: AppLogOptions
  #file: LogFile | undefined
  #endRedirect: (() => void) | undefined
  #endCapture: (() => void) | undefined
  #isSetUp = false

  constructor(options: AppLogOptions) {
    this.#options = options
  }

  /** What everybody in the app logs to; also once it is set up differently. Celery: `get_default_logger`. */
  get logger(): Logger {
    return this.#options.logger
  }

  /** Celery: `already_setup`. */
  get alreadySetup(): boolean {
    return this.#isSetUp || this.#options.isCustom
  }

  /** Log to another logger from now on: for receivers of `setupLogging`, say. */
  use(logger: Logger): void {
    this.#options.logger.switchTo(logger)
    this.#isSetUp = true
  }

  /** Whether standard error shows colours. Celery: `supports_color`. */
  supportsColor(logfile?: string): boolean {
    return logfile === undefined && (process.stderr.isTTY ?? false)
  }

  /**
   * Sets logging up, as a worker does at its start. Not if the app was given a logger of its own, or a receiver of
   * `setupLogging` has taken it upon itself. Celery: `setup`, `setup_logging_subsystem`.
   * @throws ImproperlyConfigured when a format cannot be understood or the file cannot be written.
   */
  async setup(setup: LogSetup = {}): Promise<Logger> {
    if (this.#options.isCustom) return this.logger
    const { signals } = this.#options
    const settings = this.#options.settings()
    const { loglevel = 'WARNING', logfile, format = settings.workerLogFormat } = setup
    const colorize =
      logfile === undefined && (setup.colorize ?? settings.workerLogColor ?? this.supportsColor())
    const told: SetupLogging = { sender: undefined, loglevel, logfile, format, colorize }
    if (signals.setupLogging.hasReceivers) {
      await signals.setupLogging.send(told)
      this.#isSetUp = true
      return this.logger
    }
    this.#configure({ ...setup, loglevel, format, colorize }, settings)
    await signals.afterSetupLogger.send({ ...told, logger: this.logger })
    const task = {
      format: setup.taskFormat ?? settings.workerTaskLogFormat,
      logger: this.logger.child('task'),
    }
    await signals.afterSetupTaskLogger.send({ ...told, ...task })
    return this.logger
  }

  /**
   * In a process of a pool: as the worker has told in the environment (`CELERY_LOG_LEVEL`, `CELERY_LOG_FILE`,
   * `CELERY_LOG_REDIRECT`, `CELERY_LOG_REDIRECT_LEVEL`); nothing when it has told nothing.
   */
  async setupChild(environment: Readonly<Record<string, string | undefined>>): Promise<void> {
    const level = environment['CELERY_LOG_LEVEL']
    if (level === undefined || !isLogLevel(level)) return
    const processName = isMainThread ? `ForkPoolWorker-${process.pid}` : 'ThreadPoolWorker'
    await this.setup({
      loglevel: level,
      logfile: environment['CELERY_LOG_FILE'] || undefined,
      processName,
      colorize: environment['CELERY_LOG_COLOR'] === '1',
      ...redirectOf(environment),
    })
  }

  /**
   * What is printed becomes lines of the log. Celery: `redirect_stdouts_to_logger`.
   * @param level default: the setting `workerRedirectStdoutsLevel`.
   */
  redirectStdouts(level?: LogLevel): void {
    this.#endRedirect?.()
    const named = level ?? String(this.#options.settings().workerRedirectStdoutsLevel).toUpperCase()
    if (!isLogLevel(named)) {
      throw new ImproperlyConfigured(
        `workerRedirectStdoutsLevel: '${named}' is none of ${Object.keys(LOG_LEVELS).join(', ')}`,
      )
    }
    this.#endRedirect = redirectOutput(this.logger.child('redirected'), named)
  }

  /** Writes what is waiting, and leaves standard output and standard error as they were. */
  close(): void {
    this.#endRedirect?.()
    this.#endRedirect = undefined
    this.#endCapture?.()
    this.#endCapture = undefined
    this.#file?.close()
    this.#file = undefined
  }

  #configure(
    setup: LogSetup & { readonly loglevel: LogLevel; readonly format: string; readonly colorize: boolean },
    settings: Settings,
  ): void {
    this.close()
    const { loglevel, logfile, format, colorize: color, processName = 'MainProcess' } = setup
    const { taskFormat = settings.workerTaskLogFormat } = setup
    const worker = compileLogFormat({ format, processName, color, setting: 'workerLogFormat' })
    const task = compileLogFormat({ format: taskFormat, processName, color, setting: 'workerTaskLogFormat' })
    const file = logfile === undefined ? undefined : new LogFile(logfile)
    this.#file = file
    const write = file === undefined ? (setup.write ?? toStandardError) : (text: string) => file.write(text)
    const logger = new StreamLogger('celery', {
      level: loglevel,
      format: (record) => (isOfTask(record) ? task(record) : worker(record)),
      write,
    })
    this.use(logger)
    this.#endCapture = captureWarnings(this.logger.child('warnings'))
    if (setup.redirect ?? settings.workerRedirectStdouts) this.redirectStdouts(setup.redirectLevel)
  }
}

/** A thread's standard error arrives at that of its process, which may be redirected to the log again. */
function toStandardError(text: string): void {
  if (isMainThread) writeDirectly(process.stderr, text)
  else writeSync(2, text)
}

function isOfTask({ logger, fields }: LogRecord): boolean {
  return fields?.['task_name'] !== undefined || logger === 'celery.task' || logger.startsWith('celery.task.')
}

/** What is not told is as the settings say. */
function redirectOf(
  environment: Readonly<Record<string, string | undefined>>,
): Pick<LogSetup, 'redirect' | 'redirectLevel'> {
  const { CELERY_LOG_REDIRECT: redirect, CELERY_LOG_REDIRECT_LEVEL: level = '' } = environment
  return {
    ...(redirect === undefined ? {} : { redirect: redirect !== '' }),
    ...(isLogLevel(level) ? { redirectLevel: level } : {}),
  }
}

function isLogLevel(name: string): name is LogLevel {
  return Object.hasOwn(LOG_LEVELS, name)
}
