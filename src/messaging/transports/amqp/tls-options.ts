/**
 * TLS for AMQP: `broker_use_ssl` in Celery's words, in Node's.
 *
 * Certificates are verified unless `cert_reqs` says otherwise. Python's amqp checks the name in the certificate only
 * when `server_hostname` is given; here the host of the URL is checked then, too (`check_hostname: false` turns it off).
 */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { ConnectionOptions, SecureVersion } from 'node:tls'
import { ImproperlyConfigured } from '../../../errors.ts'
import { isRecord } from '../../../util/is-record.ts'

/** Options for `tls.connect`. */
export type TlsOptions = Pick<
  ConnectionOptions,
  | 'key'
  | 'cert'
  | 'ca'
  | 'passphrase'
  | 'ciphers'
  | 'servername'
  | 'rejectUnauthorized'
  | 'checkServerIdentity'
  | 'minVersion'
  | 'maxVersion'
>

/** Python's `ssl.CERT_…` by number, by name and by the short names of URLs; true: verify. */
const VERIFY: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  [0, false],
  ['CERT_NONE', false],
  ['none', false],
  [1, true],
  ['CERT_OPTIONAL', true],
  ['optional', true],
  [2, true],
  ['CERT_REQUIRED', true],
  ['required', true],
])

const VERSIONS: ReadonlyMap<unknown, SecureVersion> = new Map<unknown, SecureVersion>([
  ['TLSv1', 'TLSv1'],
  ['TLSv1_1', 'TLSv1.1'],
  ['TLSv1_2', 'TLSv1.2'],
  ['TLSv1_3', 'TLSv1.3'],
  ['TLSv1.1', 'TLSv1.1'],
  ['TLSv1.2', 'TLSv1.2'],
  ['TLSv1.3', 'TLSv1.3'],
  [769, 'TLSv1'],
  [770, 'TLSv1.1'],
  [771, 'TLSv1.2'],
  [772, 'TLSv1.3'],
])

/**
 * Names are taken as they are and with `ssl_` in front, as the Redis settings have them.
 *
 * @param hostname of the URL; the certificate must be for it unless `server_hostname` names another.
 * @returns undefined when TLS is off.
 * @throws ImproperlyConfigured when a file cannot be read or a value makes no sense.
 */
export function resolveTls(ssl: unknown, hostname: string): TlsOptions | undefined {
  if (ssl === false || ssl === 'false' || ssl === undefined || ssl === null) return undefined
  if (ssl !== true && ssl !== 'true' && !isRecord(ssl)) {
    throw new ImproperlyConfigured(
      `broker_use_ssl must be true, false or an object, not ${JSON.stringify(ssl)}`,
    )
  }
  const given = isRecord(ssl) ? ssl : {}
  const option = (name: string): unknown => given[name] ?? given[`ssl_${name}`] ?? undefined
  const checkHostname = option('check_hostname')
  return {
    ...file('key', 'keyfile', option('keyfile')),
    ...file('cert', 'certfile', option('certfile')),
    ...file('ca', 'ca_certs', option('ca_certs')),
    ...text('passphrase', 'password', option('password')),
    ...text('ciphers', 'ciphers', option('ciphers')),
    ...version('minVersion', 'tls_minimum_version', option('tls_minimum_version')),
    ...version('maxVersion', 'tls_maximum_version', option('tls_maximum_version')),
    ...(text('servername', 'server_hostname', option('server_hostname')) ?? nameOf(hostname)),
    rejectUnauthorized: verifies(option('cert_reqs')),
    ...(checkHostname === false || checkHostname === 'false' ? { checkServerIdentity: () => undefined } : {}),
  }
}

/** The name that is asked for in the handshake, which must not be an address; Node checks an address by itself. */
function nameOf(hostname: string): TlsOptions {
  return isIP(hostname) === 0 ? { servername: hostname } : {}
}

function verifies(certReqs: unknown): boolean {
  if (certReqs === undefined) return true
  const verify = VERIFY.get(certReqs)
  if (verify !== undefined) return verify
  throw new ImproperlyConfigured(
    `broker_use_ssl: cert_reqs must be CERT_REQUIRED, CERT_OPTIONAL or CERT_NONE, not ${JSON.stringify(certReqs)}`,
  )
}

function file(to: 'key' | 'cert' | 'ca', name: string, path: unknown): TlsOptions | undefined {
  if (path === undefined) return undefined
  if (typeof path !== 'string') throw wrong(name, 'the path of a file', path)
  try {
    return { [to]: readFileSync(path) }
  } catch (cause) {
    throw new ImproperlyConfigured(`broker_use_ssl: ${name} ${JSON.stringify(path)} cannot be read`, {
      cause,
    })
  }
}

function text(
  to: 'passphrase' | 'ciphers' | 'servername',
  name: string,
  value: unknown,
): TlsOptions | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string') throw wrong(name, 'a text', value)
  return { [to]: value }
}

function version(to: 'minVersion' | 'maxVersion', name: string, value: unknown): TlsOptions | undefined {
  if (value === undefined) return undefined
  const found = VERSIONS.get(value)
  if (found === undefined) throw wrong(name, 'a version such as TLSv1_2', value)
  return { [to]: found }
}

function wrong(name: string, wanted: string, value: unknown): ImproperlyConfigured {
  return new ImproperlyConfigured(`broker_use_ssl: ${name} must be ${wanted}, not ${JSON.stringify(value)}`)
}
