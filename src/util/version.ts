import { readFileSync } from 'node:fs'

/** Name of the series of releases; Celery's have names of songs, ours of vegetables of the same bed. */
const SERIES = 'celeriac'
/** The Celery whose behaviour this release has. */
export const CELERY_VERSION = '5.6'

/** Version of this package, from its manifest. */
export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const hasVersion = typeof manifest === 'object' && manifest !== null && 'version' in manifest
  return hasVersion ? String(manifest.version) : 'unknown'
}

/** `0.1.0 (celeriac)`. */
export function versionBanner(): string {
  return `${packageVersion()} (${SERIES})`
}
