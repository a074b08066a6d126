/** Results as rows of `celery_taskmeta`. Celery's columns have no room for children, group, parent and stamps. */
import { decodePickle, encodePickle } from '../../messaging/serialization/pickle/pickle.ts'
import type { ResultMeta } from '../../protocol/result-meta.ts'
import { readResultMeta } from '../../protocol/result-meta.ts'
import type { ResultCodec } from '../backend.ts'
import { encodeWithErrors } from '../sendable-errors.ts'
import type { SqlRow, SqlValue } from './sql-driver.ts'

/** Columns of every result. */
export const BASE_COLUMNS = ['status', 'result', 'date_done', 'traceback'] as const
/** Columns with `resultExtended`. */
export const EXTENDED_COLUMNS = ['name', 'args', 'kwargs', 'worker', 'retries', 'queue'] as const

/** The values of the columns behind `task_id`. @throws EncodeError for what cannot be pickled. */
export function rowOfMeta(meta: ResultMeta, codec: ResultCodec, extended: boolean): readonly SqlValue[] {
  const base: readonly SqlValue[] = [
    meta.status,
    pickled(meta.result),
    meta.date_done === null ? null : databaseDate(new Date(meta.date_done), microseconds(meta.date_done)),
    // PostgreSQL has no texts with the character 0.
    meta.traceback?.replaceAll('\0', '\ufffd') ?? null,
  ]
  if (!extended) return base
  return [
    ...base,
    meta.name ?? null,
    meta.args === undefined ? null : codec.encode(meta.args),
    meta.kwargs === undefined ? null : codec.encode(meta.kwargs),
    meta.worker ?? null,
    meta.retries ?? null,
    meta.queue ?? null,
  ]
}

/** @throws BackendGetMetaError, DecodeError, ContentDisallowed when it is unreadable. */
export function metaOfRow(row: SqlRow, id: string, codec: ResultCodec): ResultMeta {
  const { status, traceback, name, worker, retries, queue } = row
  const document: Record<string, unknown> = {
    status,
    result: unpickled(row['result']),
    traceback,
    date_done: isoDate(row['date_done']),
    task_id: id,
  }
  for (const [key, value] of Object.entries({ name, worker, retries, queue })) {
    if (value !== null && value !== undefined) document[key] = value
  }
  for (const key of ['args', 'kwargs']) {
    const bytes = row[key]
    if (bytes instanceof Uint8Array) document[key] = codec.decode(bytes)
  }
  return readResultMeta(document, id)
}

/** SQLAlchemy writes None as NULL. */
function pickled(value: unknown): Uint8Array | null {
  return value === null || value === undefined ? null : encodeWithErrors(value, encodePickle)
}

function unpickled(value: unknown): unknown {
  return value instanceof Uint8Array ? decodePickle(value) : null
}

/** In UTC and without a zone, as the columns are. @param microsecond of the second. */
export function databaseDate(date: Date, microsecond: number = date.getUTCMilliseconds() * 1000): string {
  const seconds = date.toISOString().slice(0, 19).replace('T', ' ')
  return `${seconds}.${String(microsecond).padStart(6, '0')}`
}

function microseconds(iso: string): number {
  const [, digits = ''] = /\.(\d{1,6})/.exec(iso) ?? []
  return Number(digits.padEnd(6, '0'))
}

function isoDate(value: unknown): string | null {
  const [, day, time, fraction = ''] =
    /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?/.exec(String(value)) ?? []
  if (day === undefined) return null
  const digits = fraction.padEnd(6, '0')
  return `${day}T${time}${digits === '000000' ? '' : `.${digits}`}+00:00`
}
