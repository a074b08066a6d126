import { ConnectionError } from '../errors.ts'

/** Primary result codes of SQLite (https://sqlite.org/rescode.html) that people can do something about. */
const BUSY = 5
const LOCKED = 6
const READONLY = 8
const IOERR = 10
const CORRUPT = 11
const FULL = 13
const CANTOPEN = 14
const NOTADB = 26

interface Advice {
  readonly text: string
  /** Whether trying again later can help. */
  readonly recoverable: boolean
}

const ADVICE: ReadonlyMap<number, Advice> = new Map([
  [
    READONLY,
    {
      text: 'is read-only: make the file and its folder writable for this user (SQLite keeps files beside it)',
      recoverable: false,
    },
  ],
  [IOERR, { text: 'could not be read or written: check the disk and its file system', recoverable: true }],
  [
    CORRUPT,
    {
      text: 'is damaged: stop everything that uses it, then restore a backup or move it out of the way',
      recoverable: false,
    },
  ],
  [
    FULL,
    { text: 'cannot grow: the disk is full; make room, nothing that was stored is lost', recoverable: true },
  ],
  [
    CANTOPEN,
    { text: 'cannot be opened: its folder must exist and be writable for this user', recoverable: false },
  ],
  [
    NOTADB,
    { text: 'is no SQLite database: move it out of the way or name another file', recoverable: false },
  ],
])

/** SQLite's primary result code; undefined when the error is not SQLite's. */
function codeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
    return undefined
  return error.errcode & 0xff
}

/** Whether another process holds the lock, so that trying again soon may work. */
export function isLocked(error: unknown): boolean {
  const code = codeOf(error)
  return code === BUSY || code === LOCKED
}

/**
 * An error of SQLite as ours: it names the file and what to do. Errors that are not SQLite's come back as they are.
 *
 * @param waited milliseconds for which a lock was waited for.
 */
export function explainSqliteError(error: unknown, path: string, waited: number): unknown {
  const code = codeOf(error)
  if (code === undefined || !(error instanceof Error)) return error
  if (isLocked(error)) {
    return new ConnectionError(
      `${path} was locked by another program for ${waited / 1000} s: end what holds it (an open sqlite3 shell, a ` +
        'backup), or raise the transport option busy_timeout',
      { cause: error, recoverable: true },
    )
  }
  const advice = ADVICE.get(code)
  return new ConnectionError(`${path} ${advice?.text ?? `cannot be used: ${error.message}`}`, {
    cause: error,
    recoverable: advice?.recoverable ?? false,
  })
}
