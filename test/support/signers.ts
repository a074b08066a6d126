/**
 * Keys and certificates, FOR TESTS ONLY, made with Python's `cryptography`: `alice` and `bob` are good until 2124;
 * `expired`, `odd-issuer` (special characters, BMP and universal strings, a part with two attributes) are certificates of
 * alice's key; `ec` is of another kind of key. The password of `alice.encrypted` is `open sesame`.
 */
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Certificate } from '../../src/security/certificate.ts'
import { PrivateKey } from '../../src/security/private-key.ts'
import type { CleanupContext } from './cleanup.ts'
import { tempDir } from './temp-dir.ts'

/** Path of a private key. */
export function keyFile(name: string): string {
  return join(import.meta.dirname, 'security', `${name}.key.pem`)
}

/** Path of a certificate. */
export function certificateFile(name: string): string {
  return join(import.meta.dirname, 'security', `${name}.cert.pem`)
}

export function readKey(name: string): PrivateKey {
  return new PrivateKey(readFileSync(keyFile(name)), { place: name, password: undefined })
}

export function readCertificate(name: string): Certificate {
  return new Certificate(readFileSync(certificateFile(name)), name)
}

/** A folder with the certificates of these. */
export function certificateFolder(t: CleanupContext, ...names: readonly string[]): string {
  const folder = tempDir(t, 'celeriac-certificates')
  for (const name of names) copyFileSync(certificateFile(name), join(folder, `${name}.pem`))
  return folder
}

/** Settings of an app that signs as one of them and trusts some. */
export function securitySettings(
  t: CleanupContext,
  { as, trust }: { readonly as: string; readonly trust: readonly string[] },
): Readonly<Record<string, unknown>> {
  return {
    task_serializer: 'auth',
    accept_content: ['auth'],
    security_key: keyFile(as),
    security_certificate: certificateFile(as),
    security_cert_store: certificateFolder(t, ...trust),
  }
}
