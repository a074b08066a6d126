import { SecurityError } from '../errors.ts'
import type { Certificate } from './certificate.ts'
import type { CertificateStore } from './certificate-store.ts'
import type { Digest } from './digest.ts'
import type { PrivateKey } from './private-key.ts'
import { packSigned, unpackSigned } from './signed-envelope.ts'

/** What writes and reads the content of signed messages. */
export interface ContentSerializer {
  readonly name: string
  readonly contentType: string
  readonly contentEncoding: string
  encode(value: unknown): Uint8Array
  decode(bytes: Uint8Array): unknown
}

/** What a `SecureSerializer` works with. */
export interface SecureSerializerOptions {
  readonly key: PrivateKey
  /** Goes with `key`. */
  readonly certificate: Certificate
  /** Certificates of those who are trusted. */
  readonly store: CertificateStore
  readonly digest: Digest
  /** Writes what is signed. */
  readonly serializer: ContentSerializer
  /** Read what others have signed, besides `serializer`. */
  readonly allowed: readonly ContentSerializer[]
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/**
 * The serializer `auth`: content of another serializer, signed. Celery: `celery.security.serialization`.
 *
 * Nothing of a message is looked into before its signature was found good. As in Celery the signature covers the content
 * alone; what is said about its type only chooses between serializers that are allowed.
 */
export class SecureSerializer implements ContentSerializer {
  readonly name = 'auth'
  readonly contentType = 'application/data'
  readonly contentEncoding = 'utf-8'
  readonly #options: SecureSerializerOptions
  readonly #readers: ReadonlyMap<string, ContentSerializer>

  constructor(options: SecureSerializerOptions) {
    this.#options = options
    const readers = [options.serializer, ...options.allowed]
    this.#readers = new Map(readers.map((reader) => [reader.contentType, reader]))
  }

  /** @throws EncodeError when the value cannot be written; SecurityError when the own certificate has expired. */
  encode(value: unknown): Uint8Array {
    const { key, certificate, digest, serializer, now } = this.#options
    if (certificate.hasExpired(now())) {
      throw new SecurityError(`Cannot sign: the own certificate '${certificate.id}' has expired`)
    }
    const body = serializer.encode(value)
    const { contentType, contentEncoding } = serializer
    const signature = key.sign(body, digest)
    return packSigned({ signer: certificate.id, signature, contentType, contentEncoding, body })
  }

  /**
   * @throws SecurityError when it isn't signed, or not by somebody who is trusted, or was changed since, or its content
   *   is of a type that is not allowed; DecodeError when content with a good signature cannot be read.
   */
  decode(bytes: Uint8Array): unknown {
    const { store, digest, now } = this.#options
    const { signer, signature, contentType, contentEncoding, body } = unpackSigned(bytes)
    const certificate = store.get(signer)
    if (certificate.hasExpired(now())) throw new SecurityError(`Expired certificate: '${certificate.id}'`)
    certificate.verify(body, signature, digest)
    return this.#reader(contentType, contentEncoding).decode(body)
  }

  #reader(contentType: string, contentEncoding: string): ContentSerializer {
    const reader = this.#readers.get(contentType)
    if (reader?.contentEncoding === contentEncoding) return reader
    const names = [...this.#readers.values()].map(({ name }) => name).join(', ')
    throw new SecurityError(
      `The content of a signed message says it is ${JSON.stringify(contentType)} in ${JSON.stringify(contentEncoding)}, ` +
        `and only ${names} may be in one; setupSecurity({ allowedSerializers }) allows more`,
    )
  }
}
