/** TLS for Redis, from the options that redis-py has (`ssl_…`), which are also those of Celery's dictionaries. */
import { readFileSync } from 'node:fs'
import { ImproperlyConfigured } from '../../errors.ts'
import { didYouMean } from '../text.ts'

/** For Node's `tls.connect`. */
export interface RedisTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly passphrase?: string
  readonly rejectUnauthorized: boolean
  /** Accepts whatever name the certificate has. */
  readonly checkServerIdentity?: () => undefined
}

/** Options, all without the prefix `ssl_`, which may be there. */
const OPTIONS: ReadonlySet<string> = new Set([
  'cert_reqs',
  'ca_certs',
  'ca_data',
  'certfile',
  'keyfile',
  'password',
  'keyfile_password',
  'check_hostname',
])

const VERIFY: ReadonlyMap<string, boolean> = new Map([
  ['cert_required', true],
  ['required', true],
  ['2', true],
  // A client cannot verify "if there is one": servers always have a certificate.
  ['cert_optional', true],
  ['optional', true],
  ['1', true],
  ['cert_none', false],
  ['none', false],
  ['0', false],
])

/**
 * Reads the options, and the files that they name.
 *
 * Certificates are verified unless `ssl_cert_reqs` is `none`; the name in them, too, unless `ssl_check_hostname` is
 * false.
 *
 * @throws ImproperlyConfigured for unknown options, values and files.
 */
export function redisTls(options: Readonly<Record<string, unknown>>): RedisTls {
  const values = new Map<string, unknown>()
  for (const [name, value] of Object.entries(options)) {
    const short = name.replace(/^ssl_/, '')
    if (!OPTIONS.has(short)) {
      const known = [...OPTIONS].map((option) => `ssl_${option}`)
      throw new ImproperlyConfigured(
        `There is no TLS option ${name} for Redis${didYouMean(name, known)}: ${known.join(', ')}`,
      )
    }
    if (value !== undefined && value !== null) values.set(short, value)
  }
  const rejectUnauthorized = verifies(values.get('cert_reqs'))
  const anyName =
    !rejectUnauthorized || /^(?:false|0|no)$/i.test(String(values.get('check_hostname') ?? true))
  const ca = values.has('ca_data') ? String(values.get('ca_data')) : file('ca_certs', values.get('ca_certs'))
  const cert = file('certfile', values.get('certfile'))
  const key = file('keyfile', values.get('keyfile'))
  const passphrase = values.get('password') ?? values.get('keyfile_password')
  return {
    rejectUnauthorized,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase: String(passphrase) }),
    ...(anyName ? { checkServerIdentity: () => undefined } : {}),
  }
}

function verifies(value: unknown): boolean {
  if (value === undefined) return true
  const verify = VERIFY.get(String(value).toLowerCase())
  if (verify === undefined) {
    throw new ImproperlyConfigured(
      `ssl_cert_reqs must be required, optional or none (or CERT_REQUIRED …), not ${JSON.stringify(value)}`,
    )
  }
  return verify
}

function file(option: string, path: unknown): string | undefined {
  if (path === undefined) return undefined
  try {
    return readFileSync(String(path), 'utf8')
  } catch (cause) {
    throw new ImproperlyConfigured(`ssl_${option}: the file ${String(path)} cannot be read`, { cause })
  }
}
