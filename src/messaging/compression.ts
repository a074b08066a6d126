/**
 * Compression of message bodies, by name and by the MIME type in the header `compression`. kombu: `kombu.compression`.
 *
 * Bodies come from outside, so decompression stops when they get too long. bzip2 and xz are only read.
 */

import {
  brotliCompressSync,
  brotliDecompressSync,
  deflateSync,
  unzipSync,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib'
import { CeleryError, DecodeError, EncodeError, SerializerNotInstalled } from '../errors.ts'
import { didYouMean } from '../util/text.ts'
import { tooLong } from './compression/bounded-output.ts'
import { decompressBzip2 } from './compression/bzip2.ts'
import { decompressXz } from './compression/xz.ts'

/** One way to compress. */
export interface Compression {
  /** What stands in the header `compression`, e.g. `application/x-gzip`. */
  readonly contentType: string
  /** Missing: it is only read here. */
  compress?(body: Uint8Array): Uint8Array
  /**
   * @param maxLength how many bytes may come out.
   * @throws anything when the bytes are corrupt or too many would come out.
   */
  decompress(body: Uint8Array, maxLength: number): Uint8Array
}

/** A body that was compressed. */
export interface CompressedBody {
  readonly body: Uint8Array
  /** For the header `compression`. */
  readonly contentType: string
}

const DEFAULT_MAX_OUTPUT_LENGTH = 256 * 1024 * 1024

/** Celery's `gzip` is a zlib stream (RFC 1950), not a gzip file; both are read. */
const zlib: Compression = {
  contentType: 'application/x-gzip',
  compress: (body) => deflateSync(body),
  decompress: (body, maxOutputLength) => unzipSync(body, { maxOutputLength }),
}

const brotli: Compression = {
  contentType: 'application/x-brotli',
  compress: (body) => brotliCompressSync(body),
  decompress: (body, maxOutputLength) => brotliDecompressSync(body, { maxOutputLength }),
}

const zstd: Compression = {
  contentType: 'application/zstd',
  compress: (body) => zstdCompressSync(body),
  decompress: (body, maxOutputLength) => zstdDecompressSync(body, { maxOutputLength }),
}

const bzip2: Compression = { contentType: 'application/x-bz2', decompress: decompressBzip2 }

const xz: Compression = { contentType: 'application/x-lzma', decompress: decompressXz }

/** The ways to compress that an application knows. */
export class CompressionRegistry {
  readonly #maxOutputLength: number
  readonly #byName = new Map<string, Compression>()

  /** @param options `maxOutputLength`: how many bytes a body may have when decompressed; default 256 MiB. */
  constructor({ maxOutputLength = DEFAULT_MAX_OUTPUT_LENGTH }: { readonly maxOutputLength?: number } = {}) {
    this.#maxOutputLength = maxOutputLength
    this.register(zlib, ['gzip', 'zlib'])
    this.register(bzip2, ['bzip2', 'bzip'])
    this.register(brotli, ['brotli'])
    this.register(xz, ['lzma', 'xz'])
    this.register(zstd, ['zstd', 'zstandard'])
  }

  /** Adds a way to compress, or replaces one. kombu: `register`. */
  register(compression: Compression, aliases: readonly string[] = []): void {
    for (const name of [compression.contentType, ...aliases]) this.#byName.set(name, compression)
  }

  /** All names and content types. kombu: `encoders`. */
  get names(): string[] {
    return [...this.#byName.keys()]
  }

  /**
   * Compresses a body.
   *
   * @param nameOrType e.g. `gzip`, from the setting `taskCompression`.
   * @throws SerializerNotInstalled when there is no such compression; EncodeError when it is only read here.
   */
  compress(body: Uint8Array, nameOrType: string): CompressedBody {
    const compression = this.#byName.get(nameOrType)
    if (compression === undefined) throw new SerializerNotInstalled(this.#unknown(nameOrType))
    const { contentType } = compression
    if (compression.compress === undefined) {
      throw new EncodeError(
        `The compression '${nameOrType}' can be read but not written here; use gzip, brotli or zstd, which Python reads, too`,
      )
    }
    return { body: compression.compress(body), contentType }
  }

  /**
   * Decompresses a body.
   *
   * @param nameOrType what the header `compression` says.
   * @throws DecodeError when the compression is unknown, the bytes are corrupt, or they would become too long.
   */
  decompress(body: Uint8Array, nameOrType: string): Uint8Array {
    const compression = this.#byName.get(nameOrType)
    if (compression === undefined) throw new DecodeError(this.#unknown(nameOrType))
    try {
      return compression.decompress(body, this.#maxOutputLength)
    } catch (cause) {
      if (cause instanceof CeleryError) throw cause
      if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE') {
        throw tooLong(this.#maxOutputLength, cause)
      }
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new DecodeError(`The body cannot be decompressed as ${compression.contentType}: ${reason}`, {
        cause,
      })
    }
  }

  #unknown(nameOrType: string): string {
    const hint = didYouMean(nameOrType, this.#byName.keys())
    return `There is no compression '${nameOrType}'${hint}; there are ${this.names.join(', ')}`
  }
}
