import { arch, release, type } from 'node:os'
import type { Configuration } from '../config/configuration.ts'
import { sanitizeUrl } from '../util/url.ts'
import { CELERY_VERSION, versionBanner } from '../util/version.ts'

/** What a report is about. */
export interface ReportedApp {
  readonly main: string | undefined
  readonly conf: Configuration
}

/**
 * Versions, platform and settings as a text, without passwords. Celery: `app.bugreport()`.
 * @param reference where the app was found, as for `celery -A`.
 */
export function bugReport({ conf, main }: ReportedApp, reference?: string): string {
  const broker = sanitizeUrl(conf.brokerUrl)
  const results = typeof conf.resultBackend === 'string' ? sanitizeUrl(conf.resultBackend) : 'disabled'
  return `
software -> celeriac:${versionBanner()} celery:${CELERY_VERSION} node:${process.versions.node}
            v8:${process.versions.v8} openssl:${process.versions.openssl ?? 'none'}
platform -> system:${type()} arch:${arch()}
            kernel version:${release()} imp:Node.js
app      -> ${main ?? '__main__'}${reference === undefined ? '' : ` (${reference})`}
settings -> transport:${broker.split('://', 1)[0]} (${broker}) results:${results}

${conf.humanize()}`
}
