/** Looks at options of `get()` that no compiler has seen: a time limit that nobody reads is a wait for ever. */
import { ImproperlyConfigured } from '../errors.ts'
import { isRecord } from '../util/is-record.ts'
import { repr } from '../util/repr.ts'
import { camelCase, didYouMean } from '../util/text.ts'
import type { GetOptions } from './ports.ts'

const KNOWN: ReadonlySet<string> = new Set(
  Object.keys({
    timeout: true,
    signal: true,
    propagate: true,
    interval: true,
    onMessage: true,
    callback: true,
    followParents: true,
    disableSyncSubtasks: true,
  } satisfies Record<keyof GetOptions, true>),
)

/** @throws TypeError for `get(10)`, which is Python's; ImproperlyConfigured for options that there are not. */
export function checkGetOptions(options: unknown): void {
  if (!isRecord(options)) {
    throw new TypeError(`get() takes an object of options, such as { timeout: 10 }, not ${repr(options)}`)
  }
  for (const name in options) {
    if (KNOWN.has(name)) continue
    throw new ImproperlyConfigured(`get(): there is no option '${name}'${didYouMean(camelCase(name), KNOWN)}`)
  }
}
