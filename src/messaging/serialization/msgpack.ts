/**
 * MessagePack as Python's `msgpack` package writes and reads it (`use_bin_type=True`, `raw=False`).
 *
 * The format is small and Python's side uses no extension but the timestamp, so it is written out here: nothing to
 * install, and none of the extensions by which libraries let a message choose what gets built.
 *
 * What goes over and comes back: as in JSON, but without envelopes: `Uint8Array` and `Date` (a `Timestamp` to Python)
 * are the only objects with a form of their own, and `bigint`s must fit into 64 bits. Keys are texts, as Python insists.
 */

import { CeleryError, DecodeError } from '../../errors.ts'
import type { WireBuilder } from './build-wire.ts'
import { buildWire } from './build-wire.ts'
import { Decimal } from './decimal.ts'
import { MsgpackReader } from './msgpack-reader.ts'
import type { MsgpackValue } from './msgpack-writer.ts'
import { writeMsgpack } from './msgpack-writer.ts'
import { PlainDate } from './plain-date.ts'
import { PlainTime } from './plain-time.ts'
import type { Serializer } from './serializer.ts'
import { Uuid } from './uuid.ts'

/** See the module's description. */
export class MsgpackSerializer implements Serializer {
  readonly name = 'msgpack'
  readonly contentType = 'application/x-msgpack'
  readonly contentEncoding = 'binary'

  encode(value: unknown): Uint8Array {
    return writeMsgpack(buildWire(value, builder))
  }

  decode(bytes: Uint8Array): unknown {
    try {
      return new MsgpackReader(bytes).readAll()
    } catch (cause) {
      if (cause instanceof CeleryError) throw cause
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new DecodeError(`The body is no valid MessagePack: ${reason}`, { cause })
    }
  }
}

const builder: WireBuilder<MsgpackValue> = {
  primitive(value) {
    if (
      typeof value === 'bigint' &&
      BigInt.asIntN(64, value) !== value &&
      BigInt.asUintN(64, value) !== value
    ) {
      throw new RangeError(`the integer ${value} does not fit into the 64 bits that MessagePack has`)
    }
    return value
  },
  special(value) {
    if (value instanceof Uint8Array) return value
    if (value instanceof Date) {
      if (Number.isNaN(value.getTime())) throw new RangeError('an invalid Date cannot be sent')
      return value
    }
    for (const kind of [PlainDate, PlainTime, Decimal, Uuid]) {
      if (value instanceof kind)
        throw new TypeError(`MessagePack has no form for a ${kind.name}; send a text`)
    }
    return undefined
  },
  float: (value) => value,
  list: (items) => items,
  map: (entries) => new Map(entries),
}
