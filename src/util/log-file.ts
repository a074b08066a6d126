import { closeSync, fstatSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs'
import path from 'node:path'
import { ImproperlyConfigured } from '../errors.ts'

/**
 * A file for log lines. Lines of one turn of the event loop are written together, and whatever is left when the
 * process exits. When somebody moves the file away (logrotate), the next lines go into a new one.
 */
export class LogFile {
  readonly path: string
  #descriptor: number
  #lines = ''
  #closed = false
  readonly #flushAtExit = (): void => this.flush()

  /** Makes the file, and its folder, if there is none. @throws ImproperlyConfigured when that can't be. */
  constructor(file: string) {
    this.path = path.resolve(file)
    this.#descriptor = open(this.path)
    process.once('exit', this.#flushAtExit)
  }

  /** Takes a text with its line break. */
  write(text: string): void {
    if (this.#lines === '') setImmediate(() => this.flush())
    this.#lines += text
  }

  /** Writes what is waiting. */
  flush(): void {
    if (this.#lines === '' || this.#closed) return
    const lines = this.#lines
    this.#lines = ''
    if (this.#wasMoved()) {
      closeSync(this.#descriptor)
      this.#descriptor = open(this.path)
    }
    writeSync(this.#descriptor, lines)
  }

  /** Writes what is waiting; nothing can be written any more. */
  close(): void {
    if (this.#closed) return
    this.flush()
    this.#closed = true
    process.off('exit', this.#flushAtExit)
    closeSync(this.#descriptor)
  }

  #wasMoved(): boolean {
    const now = statSync(this.path, { throwIfNoEntry: false })
    const mine = fstatSync(this.#descriptor)
    return now === undefined || now.ino !== mine.ino || now.dev !== mine.dev
  }
}

function open(file: string): number {
  try {
    mkdirSync(path.dirname(file), { recursive: true })
    return openSync(file, 'a')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ImproperlyConfigured(`Cannot write the log file ${file}: ${reason}`, { cause })
  }
}
