import type { Clock } from '../../util/clock.ts'
import type { SqliteFile } from '../../util/sqlite-file.ts'
import type { ResultCodec } from '../backend.ts'
import { expiryOf } from './expiry.ts'

/** What everything that keeps results in a file works with. */
export interface SqlitePartOptions {
  /** Opened and closed by the backend. */
  readonly file: SqliteFile
  readonly codec: ResultCodec
  readonly clock: Clock
}

/** A part of the backend that has tables of its own in the file. */
export abstract class SqlitePart {
  protected readonly file: SqliteFile
  protected readonly codec: ResultCodec
  protected readonly clock: Clock

  constructor({ file, codec, clock }: SqlitePartOptions) {
    this.file = file
    this.codec = codec
    this.clock = clock
  }

  /** When something that is kept from now on for `expires` milliseconds is over; null: never. */
  protected endOf(expires: number | undefined): number | null {
    return expiryOf(expires, this.clock.now())
  }
}
