/**
 * The logger that every room is handed: a small port that any logging library fits behind.
 *
 * Messages are plain texts, what varies goes into fields. On hot paths ask `isEnabled` before making a text.
 */

import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import { errorText, fieldText } from './log-fields.ts'

/** Severities with Python's numbers, so that they compare. */
export const LOG_LEVELS = { DEBUG: 10, INFO: 20, WARNING: 30, ERROR: 40, CRITICAL: 50 } as const

/** Name of a severity. */
export type LogLevel = keyof typeof LOG_LEVELS

/**
 * What belongs to a message. `error` holds an error whose stack is worth printing; `data` is what the text says already,
 * for loggers that keep records.
 */
export type LogFields = Readonly<Record<string, unknown>>

/** Takes messages; see the module's description. */
export interface Logger {
  readonly name: string
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  critical(message: string, fields?: LogFields): void
  /** Whether messages of that severity go anywhere. */
  isEnabled(level: LogLevel): boolean
  /** A logger for a part: its name is this one's, a dot, and `name`. */
  child(name: string): Logger
}

/** One message on its way out. */
export interface LogRecord {
  readonly time: Date
  readonly level: LogLevel
  readonly logger: string
  readonly message: string
  readonly fields: LogFields | undefined
}

/** How a `StreamLogger` works. */
export interface StreamLoggerOptions {
  /** Least severity that is written; default `WARNING`, as in Python. */
  readonly level?: LogLevel
  /** Makes a line, or several, out of a record; default: one line, see below. */
  readonly format?: (record: LogRecord) => string
  /** Takes the finished text with its line break; default: standard error. */
  readonly write?: (text: string) => void
  readonly clock?: Clock
}

/** Writes messages as lines of text. */
export class StreamLogger implements Logger {
  readonly name: string
  readonly #options: StreamLoggerOptions
  readonly #threshold: number
  readonly #format: (record: LogRecord) => string
  readonly #write: (text: string) => void
  readonly #clock: Clock

  constructor(name: string, options: StreamLoggerOptions = {}) {
    this.name = name
    this.#options = options
    this.#threshold = LOG_LEVELS[options.level ?? 'WARNING']
    this.#format = options.format ?? formatLogRecord
    this.#write = options.write ?? ((text) => void process.stderr.write(text))
    this.#clock = options.clock ?? systemClock
  }

  debug(message: string, fields?: LogFields): void {
    this.#log('DEBUG', message, fields)
  }

  info(message: string, fields?: LogFields): void {
    this.#log('INFO', message, fields)
  }

  warn(message: string, fields?: LogFields): void {
    this.#log('WARNING', message, fields)
  }

  error(message: string, fields?: LogFields): void {
    this.#log('ERROR', message, fields)
  }

  critical(message: string, fields?: LogFields): void {
    this.#log('CRITICAL', message, fields)
  }

  isEnabled(level: LogLevel): boolean {
    return LOG_LEVELS[level] >= this.#threshold
  }

  child(name: string): Logger {
    return new StreamLogger(`${this.name}.${name}`, this.#options)
  }

  #log(level: LogLevel, message: string, fields: LogFields | undefined): void {
    if (LOG_LEVELS[level] < this.#threshold) return
    const record = { time: new Date(this.#clock.now()), level, logger: this.name, message, fields }
    this.#write(`${this.#format(record)}\n`)
  }
}

/** `[2030-01-02 03:04:05,678: INFO/celery.worker] message key=value`, in UTC, then the stack of `fields.error`. */
function formatLogRecord({ time, level, logger, message, fields }: LogRecord): string {
  let line = `[${time.toISOString().replace('T', ' ').replace('.', ',').slice(0, -1)}: ${level}/${logger}] ${message}`
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (key !== 'data' && key !== 'error') line += ` ${key}=${fieldText(value)}`
  }
  return line + errorText(fields?.['error'])
}

/** A logger that drops everything. */
export const silentLogger: Logger = {
  name: 'silent',
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  critical: () => undefined,
  isEnabled: () => false,
  child: () => silentLogger,
}
