/** Log lines in the notation of Python's `logging`, so that `worker_log_format` means here what it means there. */

import { styleText } from 'node:util'
import { ImproperlyConfigured } from '../errors.ts'
import { errorText, fieldText } from './log-fields.ts'
import type { LogLevel, LogRecord } from './logger.ts'
import { LOG_LEVELS } from './logger.ts'
import { didYouMean } from './text.ts'

/** How lines are made. */
export interface LogFormatOptions {
  /** E.g. `[%(asctime)s: %(levelname)s/%(processName)s] %(message)s`. */
  readonly format: string
  /** Stands for `%(processName)s`: `MainProcess`, `ForkPoolWorker-1`. */
  readonly processName: string
  /** Whether lines are coloured by their severity. */
  readonly color: boolean
  /** Where the format comes from, for errors. */
  readonly setting?: string
}

type Part = (record: LogRecord, message: string) => string

/** Celery's colours. */
const COLORS: Readonly<Partial<Record<LogLevel, Parameters<typeof styleText>[0]>>> = {
  DEBUG: 'blue',
  WARNING: 'yellow',
  ERROR: 'red',
  CRITICAL: 'magenta',
}

/** Fields that stand in a line by themselves, or are for programs alone, and aren't repeated behind the message. */
const NAMED_FIELDS: ReadonlySet<string> = new Set(['task_name', 'task_id', 'error', 'data'])

/**
 * Makes the function that makes lines out of records. Fields of a record follow its message, the stack of its error
 * follows on lines of its own.
 *
 * @throws ImproperlyConfigured when a placeholder is unknown.
 */
export function compileLogFormat(options: LogFormatOptions): (record: LogRecord) => string {
  const { setting = 'workerLogFormat' } = options
  const parts = compile(options.format, options.processName, setting)
  return (record) => {
    const message = record.message + fieldsOf(record)
    let line = ''
    for (const part of parts) line += part(record, message)
    line += errorText(record.fields?.['error'])
    const color = options.color ? COLORS[record.level] : undefined
    return color === undefined ? line : styleText(color, line, { validateStream: false })
  }
}

function placeholders(processName: string): Readonly<Record<string, Part>> {
  const field =
    (name: string): Part =>
    ({ fields }) =>
      String(fields?.[name] ?? '???')
  return {
    asctime: ({ time }) => localTimestamp(time),
    created: ({ time }) => String(time.getTime() / 1000),
    msecs: ({ time }) => String(time.getMilliseconds()),
    levelname: ({ level }) => level,
    levelno: ({ level }) => String(LOG_LEVELS[level]),
    message: (_, message) => message,
    name: ({ logger }) => logger,
    process: () => String(process.pid),
    processName: () => processName,
    threadName: () => 'MainThread',
    task_name: field('task_name'),
    task_id: field('task_id'),
  }
}

/** `%(name)s`, with Python's width and `-` for alignment to the left, or `%%`. */
const PLACEHOLDER = /%(?:\((\w+)\)(-?)(\d*)(?:\.\d+)?[sdif]|%)/g

function compile(format: string, processName: string, setting: string): Part[] {
  const known = placeholders(processName)
  const parts: Part[] = []
  let end = 0
  for (const match of format.matchAll(PLACEHOLDER)) {
    parts.push(constant(format.slice(end, match.index)))
    end = match.index + match[0].length
    const [, name, left, width] = match
    if (name === undefined) {
      parts.push(constant('%'))
      continue
    }
    const part = known[name]
    if (part === undefined) {
      throw new ImproperlyConfigured(
        `${setting}: there is no %(${name})s${didYouMean(name, Object.keys(known))}`,
      )
    }
    parts.push(padded(part, Number(width), left === '-'))
  }
  parts.push(constant(format.slice(end)))
  return parts
}

function constant(text: string): Part {
  return () => text
}

function padded(part: Part, width: number, left: boolean): Part {
  if (width === 0) return part
  return (record, message) => {
    const text = part(record, message)
    return left ? text.padEnd(width) : text.padStart(width)
  }
}

function fieldsOf({ fields }: LogRecord): string {
  let text = ''
  for (const [name, value] of Object.entries(fields ?? {})) {
    if (NAMED_FIELDS.has(name)) continue
    text += ` ${name}=${fieldText(value)}`
  }
  return text
}

/** `2030-01-02 03:04:05,678` on the clock of this machine, as Python writes it. */
function localTimestamp(date: Date): string {
  const pad = (number: number, digits = 2): string => String(number).padStart(digits, '0')
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`
  return `${day} ${time},${pad(date.getMilliseconds(), 3)}`
}
