/** What tasks print becomes lines of the log. Celery: `worker_redirect_stdouts`. */
import { currentTask } from '../task/current-task.ts'
import type { LogFields, Logger, LogLevel } from '../util/logger.ts'

type Output = NodeJS.WritableStream
type Write = Output['write']

/** What is redirected: standard output and standard error. */
export interface Outputs {
  readonly stdout: Output
  readonly stderr: Output
}

/**
 * Makes lines of the log out of everything that is written to standard output and standard error: `console.log` above
 * all. What the log itself writes there goes through. Gives the function that ends it.
 */
export function redirectOutput(
  logger: Logger,
  level: LogLevel,
  { stdout, stderr }: Outputs = process,
): () => void {
  let isLogging = false
  const log = (line: string): void => {
    isLogging = true
    try {
      write(logger, level, line, fieldsOfTask())
    } finally {
      isLogging = false
    }
  }
  const restore = [stdout, stderr].map((stream) => redirect(stream, log, () => isLogging))
  return () => {
    for (const one of restore) one()
  }
}

/** Characters after which what has no end becomes a line all the same: who never ends a line must not fill the memory. */
const LONGEST_LINE = 64 * 1024

/** The original of a stream's `write`, which no redirection changes. */
const originals = new WeakMap<Output, Write>()

/** Writes to a stream itself, redirected or not. */
export function writeDirectly(stream: Output, text: string): void {
  const original = originals.get(stream)
  if (original === undefined) stream.write(text)
  else Reflect.apply(original, stream, [text])
}

function redirect(stream: Output, log: (line: string) => void, isLogging: () => boolean): () => void {
  const original = stream.write
  originals.set(stream, original)
  let rest = ''
  stream.write = (chunk: string | Uint8Array, ...more: readonly unknown[]): boolean => {
    if (isLogging()) return Reflect.apply(original, stream, [chunk, ...more])
    const lines = (rest + (typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString())).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > LONGEST_LINE) {
      lines.push(rest)
      rest = ''
    }
    for (const line of lines) if (line.trim() !== '') log(line)
    const callback = more.find((each) => typeof each === 'function')
    if (callback !== undefined) process.nextTick(callback)
    return true
  }
  return () => {
    if (rest !== '') log(rest)
    stream.write = original
    originals.delete(stream)
  }
}

function fieldsOfTask(): LogFields | undefined {
  const run = currentTask()
  return run === undefined ? undefined : { task_name: run.task.name, task_id: run.request.id }
}

function write(logger: Logger, level: LogLevel, line: string, fields: LogFields | undefined): void {
  if (level === 'DEBUG') logger.debug(line, fields)
  else if (level === 'INFO') logger.info(line, fields)
  else if (level === 'WARNING') logger.warn(line, fields)
  else if (level === 'ERROR') logger.error(line, fields)
  else logger.critical(line, fields)
}
