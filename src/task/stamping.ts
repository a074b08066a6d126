/** Stamps: headers that a call and all that follows from it carry, to be found, told apart and revoked by. */

/** Stamps by name. With `stamped_headers`, only the names listed there are stamps; the rest become plain options. */
export type Stamps = Readonly<Record<string, unknown>>

/** Options of `stamp()`. */
export interface StampOptions {
  /** Where there is a value already: keep both, in a list, instead of only the new one. Default false. */
  readonly appendStamps?: boolean | undefined
  /** Stamps besides those of the visitor. */
  readonly stamps?: Stamps | undefined
}

/** What a visitor says, and what is known to be a stamp. */
export interface NamedStamps extends Stamps {
  readonly stamped_headers: readonly string[]
}

const NAMES = 'stamped_headers'

/** Stamps with the list of their names: all of them unless they bring one. */
function named(stamps: Stamps): NamedStamps {
  const { [NAMES]: names = Object.keys(stamps) } = stamps
  return { ...stamps, [NAMES]: textsOf(names) }
}

/**
 * What a signature is stamped with: the stamps that come from outside, then those of a visitor, then its own. Where two
 * of them clash, the first stays, or with `append` both do. Celery: `_stamp_headers`.
 */
export function mergeStamps(
  outer: Stamps,
  visited: Stamps | undefined,
  own: Stamps | undefined,
  append: boolean,
): NamedStamps {
  let stamps = named(outer)
  if (visited !== undefined) stamps = merge(stamps, named(visited), append)
  if (own === undefined) return stamps
  const names = new Set([...stamps.stamped_headers, ...textsOf(own[NAMES])])
  const known = Object.fromEntries(Object.entries(own).filter(([name]) => names.has(name)))
  return merge({ ...stamps, [NAMES]: [...names] }, named(known), append)
}

function merge(stamps: NamedStamps, more: NamedStamps, append: boolean): NamedStamps {
  const merged: Record<string, unknown> = { ...more, ...stamps }
  for (const [name, value] of Object.entries(stamps)) {
    if (Object.hasOwn(more, name)) merged[name] = mergeValues(value, more[name], append)
  }
  return { ...merged, [NAMES]: [...new Set([...stamps.stamped_headers, ...more.stamped_headers])] }
}

/** As Celery merges them: records by name, lists one after the other. */
function mergeValues(value: unknown, other: unknown, append: boolean): unknown {
  if (isMap(value)) return isMap(other) ? mergeMaps(value, other) : value
  if (Array.isArray(value) && Array.isArray(other)) return [...value, ...other]
  if (!append) return value
  const values: readonly unknown[] = Array.isArray(value) ? value : value === null ? [] : [value]
  return Array.isArray(other) ? [...values, ...other] : [...values, other]
}

function mergeMaps(value: Stamps, other: Stamps): Stamps {
  const merged: Record<string, unknown> = { ...other, ...value }
  for (const [name, own] of Object.entries(value)) {
    if (Object.hasOwn(other, name)) merged[name] = mergeValues(own, other[name], true)
  }
  return merged
}

function isMap(value: unknown): value is Stamps {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textsOf(names: unknown): readonly string[] {
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : []
}
