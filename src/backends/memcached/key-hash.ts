/** Which server has a key: its hash modulo the number of servers. All clients of the servers must use the same. */
import { crc32 } from 'node:zlib'

/** A number of 32 bits, unsigned. */
export type KeyHash = (key: Uint8Array) => number

/** Bob Jenkins' "one at a time": what libmemcached, and so pylibmc, does unless told otherwise. */
export function oneAtATime(key: Uint8Array): number {
  let hash = 0
  for (const byte of key) {
    // libmemcached takes bytes for signed numbers.
    hash = (hash + ((byte << 24) >> 24)) | 0
    hash = (hash + (hash << 10)) | 0
    hash ^= hash >>> 6
  }
  hash = (hash + (hash << 3)) | 0
  hash ^= hash >>> 11
  hash = (hash + (hash << 15)) | 0
  return hash >>> 0
}

/** Part of the CRC-32: `crc` in pylibmc, and the only one of python-memcached. */
function shortCrc(key: Uint8Array): number {
  return (crc32(key) >>> 16) & 0x7fff
}

/** By pylibmc's names. */
export const KEY_HASHES: ReadonlyMap<string, KeyHash> = new Map([
  ['default', oneAtATime],
  ['crc', shortCrc],
])
