/** Settings of signed messages (serializer `auth`). */
export const securitySettings = {
  /** Path of the certificate (X.509, PEM) that goes with `securityKey`. */
  securityCertificate: { type: 'string', default: null, old: 'CELERY_SECURITY_CERTIFICATE' },
  /** Folder, or glob, of the certificates whose signatures are trusted. */
  securityCertStore: { type: 'string', default: null, old: 'CELERY_SECURITY_CERT_STORE' },
  /** Path of the private key (PEM) that messages are signed with. */
  securityKey: { type: 'string', default: null, old: 'CELERY_SECURITY_KEY' },
  /** Password of the private key. */
  securityKeyPassword: { type: 'bytes', default: null, old: 'CELERY_SECURITY_KEY_PASSWORD' },
  /** Hash of signatures. All who exchange messages must have the same. */
  securityDigest: { type: 'string', default: 'sha256', old: 'CELERY_SECURITY_DIGEST' },
} as const
