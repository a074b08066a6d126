import { ImproperlyConfigured } from '../errors.ts'
import { OptionReader } from './option-reader.ts'
import type { SqliteFileOptions } from './sqlite-file.ts'

const DEFAULT_FILE = 'celery.sqlite3'
const DEFAULT_BUSY_TIMEOUT_MS = 30_000

/** What an `sqlite://` URL and its options say. */
export interface SqliteLocation extends Omit<SqliteFileOptions, 'tables'> {
  /** Path of the file, as given: relative ones count from the working folder. */
  readonly path: string
}

/**
 * Reads an `sqlite://` URL, written as in SQLAlchemy: `sqlite:///relative.db`, `sqlite:////absolute/path.db`,
 * `sqlite:///C:/path.db`; `sqlite://` alone is `celery.sqlite3` in the working folder.
 *
 * Options, in the URL's query or as transport options: `busy_timeout` (seconds to wait for other processes, default
 * 30), `synchronous` (`normal` or `full`, default `normal`: see `sqlite-file.ts`).
 *
 * @throws ImproperlyConfigured
 */
export function parseSqliteUrl(url: string, options: Readonly<Record<string, unknown>>): SqliteLocation {
  const match = /^[a-z+]+:\/\/([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/i.exec(url)
  if (match === null || match[1] !== '') {
    const rest = url.replace(/^[a-z+]+:\/\//i, '')
    throw new ImproperlyConfigured(
      `${JSON.stringify(url)} names no file: write sqlite:///${rest} for a path from the working folder, or ` +
        'sqlite:////absolute/path.sqlite3',
    )
  }
  const path = decodeURIComponent(match[2]?.slice(1) ?? '')
  if (path === ':memory:') {
    throw new ImproperlyConfigured(
      `${JSON.stringify(url)} would be private to each connection: use memory:// (and cache+memory:// for results)`,
    )
  }
  const reader = new OptionReader(
    { ...options, ...Object.fromEntries(new URLSearchParams(match[3] ?? '')) },
    'the transport options of sqlite://',
  )
  const synchronous = reader.text('synchronous')?.toLowerCase() ?? 'normal'
  if (synchronous !== 'normal' && synchronous !== 'full') {
    throw new ImproperlyConfigured(
      `synchronous must be "normal" or "full", not ${JSON.stringify(synchronous)}`,
    )
  }
  return {
    path: path === '' ? DEFAULT_FILE : path,
    busyTimeout: reader.milliseconds('busy_timeout') ?? DEFAULT_BUSY_TIMEOUT_MS,
    synchronous,
  }
}
