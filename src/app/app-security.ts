/** Wires message signing to an app: its settings, its serializers. Celery: `celery.security.setup_security`. */
import { readFileSync } from 'node:fs'
import type { Settings } from '../config/settings.ts'
import { ImproperlyConfigured, SecurityError } from '../errors.ts'
import type { SerializerRegistry } from '../messaging/serialization/registry.ts'
import { Certificate } from '../security/certificate.ts'
import { CertificateStore } from '../security/certificate-store.ts'
import { digestOf } from '../security/digest.ts'
import { PrivateKey } from '../security/private-key.ts'
import { SecureSerializer } from '../security/secure-serializer.ts'
import type { Clock } from '../util/clock.ts'
import { repr } from '../util/repr.ts'

/** How messages are signed and verified. What isn't given is taken from the settings `security…`. */
export interface SecurityOptions {
  /** Serializers, by name or content type, that signed content of others may be in besides `serializer`; default none. */
  readonly allowedSerializers?: readonly string[] | undefined
  /** Path of the private key (RSA, PEM). Setting: `securityKey`. */
  readonly key?: string | undefined
  /** Password of the private key. Setting: `securityKeyPassword`. */
  readonly keyPassword?: string | Uint8Array | undefined
  /** Path of the certificate (X.509, PEM) that goes with the key. Setting: `securityCertificate`. */
  readonly cert?: string | undefined
  /** Folder, or glob, of the certificates that are trusted. Setting: `securityCertStore`. */
  readonly store?: string | undefined
  /** Hash of signatures. Setting: `securityDigest`, default `sha256`. */
  readonly digest?: string | undefined
  /** Writes the content that is signed; default `json`. */
  readonly serializer?: string | undefined
}

/** What it takes of an app. */
export interface SecuredApp {
  readonly settings: Settings
  readonly serializers: SerializerRegistry
  readonly clock: Clock
}

/** Everything but the serializers, which may have to be loaded. */
type Signing = Omit<ConstructorParameters<typeof SecureSerializer>[0], 'serializer' | 'allowed'>

/**
 * Reads the key and the certificates and makes the serializer `auth` out of them.
 *
 * @throws ImproperlyConfigured when a setting is missing or a file cannot be read; SecurityError when a key or a
 *   certificate is not good; SerializerNotInstalled when a serializer is unknown.
 */
export function setupSecurity(app: SecuredApp, options: SecurityOptions): void {
  const { serializers } = app
  const { serializer = 'json', allowedSerializers = [] } = options
  const names = [serializer, ...allowedSerializers]
  // Unknown names are told now, not with the first message.
  if (serializers.acceptList(names).has('application/data')) {
    throw new ImproperlyConfigured(
      `The content of signed messages cannot be in ${repr(names)}: plain data and signed messages are none`,
    )
  }
  const signing = readSigning(app, options)
  const create = (): SecureSerializer => {
    const allowed = allowedSerializers.map((name) => serializers.get(name))
    return new SecureSerializer({ ...signing, serializer: serializers.get(serializer), allowed })
  }
  if (names.every((name) => serializers.isReady(name))) {
    serializers.register(create())
    return
  }
  const load = (): Promise<SecureSerializer> => serializers.ready(...names).then(create)
  serializers.registerLazy({ name: 'auth', contentType: 'application/data', load })
}

function readSigning({ settings, clock }: SecuredApp, options: SecurityOptions): Signing {
  checkSettings(settings)
  const { key = settings.securityKey, cert = settings.securityCertificate } = options
  const { store = settings.securityCertStore, digest = settings.securityDigest } = options
  if (!key || !cert || !store)
    throw incomplete({ securityKey: key, securityCertificate: cert, securityCertStore: store })
  const now = (): number => clock.now()
  const signing = {
    key: new PrivateKey(readPem(key, 'private key', 'key or in the setting securityKey (security_key)'), {
      place: key,
      password: bytesOf(options.keyPassword ?? settings.securityKeyPassword),
    }),
    certificate: new Certificate(
      readPem(cert, 'certificate', 'cert or in the setting securityCertificate (security_certificate)'),
      cert,
    ),
    store: CertificateStore.read(store, now()),
    digest: digestOf(digest),
    now,
  }
  check(signing, { key, cert })
  return signing
}

/** Signing is pointless where messages that are not signed come in, too. */
function checkSettings({ taskSerializer, acceptContent }: Settings): void {
  if (taskSerializer === 'auth' && acceptContent.length === 1 && acceptContent[0] === 'auth') return
  throw new ImproperlyConfigured(
    "setupSecurity needs taskSerializer (task_serializer) to be 'auth', so that messages are signed, and acceptContent " +
      "(accept_content) to be ['auth'] and nothing else, so that only signed ones are read; " +
      `they are ${repr(taskSerializer)} and ${repr(acceptContent)}`,
  )
}

function incomplete(given: Readonly<Record<string, string | null | undefined>>): ImproperlyConfigured {
  const missing = Object.keys(given).filter((name) => !given[name])
  return new ImproperlyConfigured(
    'Messages can be signed and verified only with all three of the settings securityKey (security_key), ' +
      'securityCertificate (security_certificate) and securityCertStore (security_cert_store), or with the options key, ' +
      `cert and store of setupSecurity; missing: ${missing.join(', ')}`,
  )
}

/** What would otherwise come out with the first message only. */
function check(
  { key, certificate, digest, now }: Signing,
  paths: { readonly key: string; readonly cert: string },
): void {
  if (!certificate.belongsTo(key)) {
    throw new ImproperlyConfigured(
      `The certificate ${paths.cert} was made for another key than ${paths.key}: nobody could verify what is signed`,
    )
  }
  if (certificate.hasExpired(now())) {
    throw new SecurityError(`Expired certificate: '${certificate.id}' (${paths.cert})`)
  }
  const probe = Buffer.from('probe')
  certificate.verify(probe, key.sign(probe, digest), digest)
}

function readPem(file: string, what: string, option: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new ImproperlyConfigured(
      `The ${what} ${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}; ` +
        `name another file as ${option}`,
      { cause },
    )
  }
}

function bytesOf(password: string | Uint8Array | null): Uint8Array | undefined {
  if (password === null) return undefined
  return typeof password === 'string' ? Buffer.from(password) : password
}
