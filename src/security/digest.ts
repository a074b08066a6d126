/** The hashes that signatures may be made with, and what RSA-PSS makes of them. */
import { ImproperlyConfigured, SecurityError } from '../errors.ts'
import { didYouMean } from '../util/text.ts'

/** A hash. */
export interface Digest {
  /** As OpenSSL calls it. */
  readonly name: string
  /** Length of its values. */
  readonly bytes: number
}

/** By the names that Python's `cryptography` has for them. MD5 is not among them: it can be forged. */
const DIGESTS: ReadonlyMap<string, Digest> = new Map([
  ['sha1', { name: 'sha1', bytes: 20 }],
  ['sha224', { name: 'sha224', bytes: 28 }],
  ['sha256', { name: 'sha256', bytes: 32 }],
  ['sha384', { name: 'sha384', bytes: 48 }],
  ['sha512', { name: 'sha512', bytes: 64 }],
  ['sha512_224', { name: 'sha512-224', bytes: 28 }],
  ['sha512_256', { name: 'sha512-256', bytes: 32 }],
  ['sha3_224', { name: 'sha3-224', bytes: 28 }],
  ['sha3_256', { name: 'sha3-256', bytes: 32 }],
  ['sha3_384', { name: 'sha3-384', bytes: 48 }],
  ['sha3_512', { name: 'sha3-512', bytes: 64 }],
])

/** The hash of a name, as in the setting `securityDigest`. @throws ImproperlyConfigured when there is none. */
export function digestOf(name: string): Digest {
  const digest = DIGESTS.get(name.toLowerCase())
  if (digest !== undefined) return digest
  throw new ImproperlyConfigured(
    `Messages cannot be signed with the digest '${name}'${didYouMean(name, DIGESTS.keys())}; ` +
      `there are ${[...DIGESTS.keys()].join(', ')}`,
  )
}

/**
 * How many bytes of salt a signature has: as many as there is room for. Celery writes no others and reads no others.
 *
 * @throws SecurityError when the key is so small that there is not even room for the hash.
 */
export function maxSaltLength(keyBits: number, digest: Digest): number {
  const length = Math.ceil((keyBits - 1) / 8) - digest.bytes - 2
  if (length >= 0) return length
  throw new SecurityError(`An RSA key of ${keyBits} bits is too small for signatures with ${digest.name}`)
}
