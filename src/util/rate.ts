/** How often something may happen. Celery: `celery.utils.time.rate`. */
import { ImproperlyConfigured } from '../errors.ts'

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 }

/**
 * Reads a rate: `'10/s'`, `'10/m'`, `'10/h'`, or a number of times per second (`10`, `'10'`, `'0.5'`).
 * @param where names it in the message, e.g. `Task proj.add: rateLimit`.
 * @returns times per second; 0: no limit.
 * @throws ImproperlyConfigured for anything else.
 */
export function parseRate(rate: number | string | null | undefined, where: string): number {
  if (rate === null || rate === undefined || rate === '') return 0
  const [, count = '', unit = 's'] =
    /^\s*(\d+(?:\.\d*)?|\.\d+)\s*(?:\/\s*([smh]))?\s*$/.exec(String(rate)) ?? []
  const perSecond = Number(count) / (SECONDS[unit] ?? 1)
  if (count !== '' && Number.isFinite(perSecond)) return perSecond
  throw new ImproperlyConfigured(
    `${where} must be a number of times per second, or a text such as '10/s', '10/m' or '10/h', not ${JSON.stringify(rate)}`,
  )
}
