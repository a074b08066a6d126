/**
 * Python's pickles, as far as they hold plain values: Celery's database backend keeps results in them.
 *
 * A pickle is a program for a little stack machine, which in Python may import and call anything. Here it may not: the
 * names it can use are a closed list of makers of plain values (`pickle-globals.ts`), and whatever else it names is
 * refused with an error. No code is loaded or run, no property but data is set, and sizes are checked before memory is
 * taken.
 *
 * Protocols 2 to 5 are read, 4 is written, which Python reads since 3.4. What comes over: None, bool, int of any size,
 * float, str, bytes, list, tuple (as array), dict with keys of texts, numbers, bool and None (as texts), set (as `Set`),
 * datetime, date, time, Decimal, UUID. What goes: the same without tuples; a `timedelta` comes as a number of seconds.
 */
import { CeleryError, DecodeError } from '../../../errors.ts'
import { buildWire } from '../build-wire.ts'
import type { PickleGlobals } from './pickle-globals.ts'
import { PLAIN_GLOBALS } from './pickle-globals.ts'
import { PickleReader } from './pickle-reader.ts'
import { finishPickle, pickleBuilder } from './pickle-writer.ts'

/** The pickle of a plain value. @throws EncodeError naming the place in the value that cannot be pickled. */
export function encodePickle(value: unknown): Uint8Array {
  return finishPickle(buildWire(value, pickleBuilder))
}

/**
 * The value in a pickle.
 *
 * @param globals what it may name; default: makers of plain values.
 * @throws DecodeError when it is damaged, or names anything else.
 */
export function decodePickle(bytes: Uint8Array, globals: PickleGlobals = PLAIN_GLOBALS): unknown {
  try {
    return new PickleReader(bytes, globals).read()
  } catch (cause) {
    if (cause instanceof CeleryError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new DecodeError(`The pickle is damaged: ${reason}`, { cause })
  }
}
