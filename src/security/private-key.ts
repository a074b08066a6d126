import type { KeyObject } from 'node:crypto'
import { constants, createPrivateKey, sign } from 'node:crypto'
import { SecurityError } from '../errors.ts'
import { asBuffer } from '../util/as-buffer.ts'
import type { Digest } from './digest.ts'
import { maxSaltLength } from './digest.ts'

/** The key that messages are signed with. */
export class PrivateKey {
  readonly keyObject: KeyObject
  readonly #bits: number

  /**
   * @param pem the key.
   * @param options `place`: the file, for messages; `password`: of the key, if it is encrypted.
   * @throws SecurityError when it is no private key, cannot be decrypted, or is not RSA.
   */
  constructor(
    pem: Uint8Array,
    { place, password }: { readonly place: string; readonly password: Uint8Array | undefined },
  ) {
    this.keyObject = parse(pem, place, password)
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = this.keyObject
    if (type !== 'rsa') {
      throw new SecurityError(`The private key ${place} is of type ${type}; only RSA can sign messages`)
    }
    this.#bits = details?.modulusLength ?? 0
  }

  /** The signature of these bytes. It is another one each time. @throws SecurityError when the key is too small. */
  sign(bytes: Uint8Array, digest: Digest): Buffer {
    return sign(digest.name, bytes, {
      key: this.keyObject,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: maxSaltLength(this.#bits, digest),
    })
  }
}

const ENCRYPTED = /ENCRYPTED/

function parse(pem: Uint8Array, place: string, password: Uint8Array | undefined): KeyObject {
  const key = asBuffer(pem)
  try {
    return createPrivateKey({ key, ...(password === undefined ? {} : { passphrase: asBuffer(password) }) })
  } catch (cause) {
    throw new SecurityError(`Invalid private key: ${complaint(key, place, password)}`, { cause })
  }
}

function complaint(key: Buffer, place: string, password: Uint8Array | undefined): string {
  if (!ENCRYPTED.test(key.toString('latin1'))) return `${place} holds no private key in PEM`
  return password === undefined
    ? `${place} is encrypted; give its password as keyPassword or in the setting securityKeyPassword (security_key_password)`
    : `${place} cannot be decrypted with the password that was given`
}
