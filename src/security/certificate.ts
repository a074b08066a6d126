import type { KeyObject } from 'node:crypto'
import { constants, verify, X509Certificate } from 'node:crypto'
import { SecurityError } from '../errors.ts'
import { certificateId } from './certificate-id.ts'
import type { Digest } from './digest.ts'
import { maxSaltLength } from './digest.ts'
import type { PrivateKey } from './private-key.ts'

/** The certificate of somebody who signs: whose signature it is, how to check it, and until when it counts. */
export class Certificate {
  /** What messages call it: see `certificate-id.ts`. Celery: `get_id`. */
  readonly id: string
  readonly #certificate: X509Certificate
  readonly #publicKey: KeyObject
  readonly #keyBits: number
  readonly #expires: number

  /**
   * @param pem the certificate; of several, the first.
   * @param place the file, for messages.
   * @throws SecurityError when it is no X.509 certificate, or not of an RSA key.
   */
  constructor(pem: Uint8Array, place: string) {
    this.#certificate = parse(pem, place)
    this.#publicKey = this.#certificate.publicKey
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = this.#publicKey
    if (type !== 'rsa') {
      throw new SecurityError(
        `The certificate ${place} is of a key of type ${type}; only RSA can sign messages`,
      )
    }
    this.id = certificateId(this.#certificate.raw)
    this.#keyBits = details?.modulusLength ?? 0
    this.#expires = this.#certificate.validToDate.getTime()
  }

  /** @param now milliseconds since 1970. Celery: `has_expired`. */
  hasExpired(now: number): boolean {
    return now >= this.#expires
  }

  /** Whether it was made for this key. */
  belongsTo(key: PrivateKey): boolean {
    return this.#certificate.checkPrivateKey(key.keyObject)
  }

  /** @throws SecurityError when the signature isn't that of its key for these bytes. */
  verify(bytes: Uint8Array, signature: Uint8Array, digest: Digest): void {
    const key = {
      key: this.#publicKey,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: maxSaltLength(this.#keyBits, digest),
    }
    if (verify(digest.name, bytes, key, signature)) return
    throw new SecurityError(
      `Bad signature of '${this.id}': the message was changed on its way, ` +
        `or whoever signed it has another key or another security_digest than ${digest.name}`,
    )
  }
}

function parse(pem: Uint8Array, place: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw new SecurityError(`Invalid certificate: ${place} holds no X.509 certificate in PEM`, { cause })
  }
}
