import { globSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { ImproperlyConfigured, SecurityError } from '../errors.ts'
import { Certificate } from './certificate.ts'

/** The certificates whose signatures are trusted. Celery: `FSCertStore`. */
export class CertificateStore {
  readonly #certificates = new Map<string, Certificate>()

  /**
   * Reads all files of a folder (hidden ones apart), or all that a glob names.
   *
   * @param now milliseconds since 1970.
   * @throws ImproperlyConfigured when there are none, or one cannot be read; SecurityError when one holds no
   *   certificate, has expired, or has the id of another.
   */
  static read(folderOrGlob: string, now: number): CertificateStore {
    const store = new CertificateStore()
    for (const file of filesOf(folderOrGlob)) {
      const certificate = new Certificate(readCertificate(file), file)
      if (certificate.hasExpired(now)) {
        throw new SecurityError(
          `Expired certificate: '${certificate.id}' (${file}); take it out of the store`,
        )
      }
      store.add(certificate)
    }
    if (store.#certificates.size > 0) return store
    throw new ImproperlyConfigured(
      `There is no certificate in the certificate store ${folderOrGlob}: no message could be trusted. ` +
        'Put the certificates of all who send messages there, or name another folder or glob as store or in the ' +
        'setting securityCertStore (security_cert_store)',
    )
  }

  /** @throws SecurityError when there is one of that id. */
  add(certificate: Certificate): void {
    if (this.#certificates.has(certificate.id)) {
      throw new SecurityError(`Duplicate certificate: '${certificate.id}' is in the store more than once`)
    }
    this.#certificates.set(certificate.id, certificate)
  }

  /** @throws SecurityError when there is none of that id. */
  get(id: string): Certificate {
    const certificate = this.#certificates.get(id)
    if (certificate !== undefined) return certificate
    throw new SecurityError(`Unknown certificate: there is no ${JSON.stringify(id)} in the store`)
  }
}

function filesOf(folderOrGlob: string): string[] {
  if (isFolder(folderOrGlob)) {
    return readdirSync(folderOrGlob)
      .filter((name) => !name.startsWith('.'))
      .map((name) => path.join(folderOrGlob, name))
      .filter((file) => !isFolder(file))
      .sort()
  }
  return globSync(folderOrGlob)
    .filter((file) => !isFolder(file))
    .sort()
}

function isFolder(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isDirectory() === true
}

function readCertificate(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new ImproperlyConfigured(`The certificate ${file} of the store cannot be read: ${String(cause)}`, {
      cause,
    })
  }
}
