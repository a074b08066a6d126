import type { Logger, LogLevel } from '../util/logger.ts'
import { repr } from '../util/repr.ts'
import type { Discard, ObservedTask, Severity, TaskObserver } from './task-observer.ts'

/**
 * The worker's lines about tasks, in Celery's wording, because people search their logs for it. Texts are made only
 * when somebody reads them. Loggers that keep records find in the field `data` what the text says.
 */
export class TaskLog implements TaskObserver {
  readonly #logger: Logger

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Results are shown at level INFO. */
  get wantsResults(): boolean {
    return this.#logger.isEnabled('INFO')
  }

  /** Celery: `LOG_RECEIVED`. */
  received({ name, id }: ObservedTask): void {
    if (this.#logger.isEnabled('INFO'))
      this.#logger.info(`Task ${name}[${id}] received`, { data: { name, id } })
  }

  /** Celery: `Task accepted`. */
  accepted({ name, id }: ObservedTask, pid: number): void {
    if (!this.#logger.isEnabled('DEBUG')) return
    this.#logger.debug(`Task accepted: ${name}[${id}] pid:${pid}`, { data: { name, id, pid } })
  }

  /** Celery: `LOG_SUCCESS`; `runtime` in milliseconds. */
  succeeded({ name, id }: ObservedTask, runtime: number, result: string | undefined): void {
    if (result === undefined || !this.#logger.isEnabled('INFO')) return
    const data = { name, id, runtime: runtime / 1000, return_value: result }
    this.#logger.info(`Task ${name}[${id}] succeeded in ${runtime / 1000}s: ${result}`, { data })
  }

  /** Celery: `LOG_FAILURE`, `LOG_INTERNAL_ERROR`; errors that the task `throws` at level INFO and without traceback. */
  failed({ name, id }: ObservedTask, error: string, traceback: string, severity: Severity): void {
    const data = { name, id, exc: error, traceback, internal: severity === 'internal' }
    if (severity === 'expected') this.#line('INFO', `Task ${name}[${id}] raised expected: ${error}`, data)
    else if (severity === 'internal') {
      this.#line('CRITICAL', `Task ${name}[${id}] INTERNAL ERROR: ${error}\n${traceback}`, data)
    } else this.#line('ERROR', `Task ${name}[${id}] raised unexpected: ${error}\n${traceback}`, data)
  }

  /** Celery: `LOG_RETRY`. */
  retried({ name, id }: ObservedTask, reason: string): void {
    this.#line('INFO', `Task ${name}[${id}] retry: ${reason}`, { name, id, exc: reason })
  }

  /** Celery: `LOG_IGNORED`. */
  ignored({ name, id }: ObservedTask): void {
    this.#line('INFO', `Task ${name}[${id}] ignored`, { name, id })
  }

  /** Celery: `LOG_REJECTED`. */
  rejected({ name, id }: ObservedTask, reason: string): void {
    this.#line('WARNING', `Task ${name}[${id}] rejected: ${reason}`, { name, id, exc: reason })
  }

  /** Celery: `Discarding revoked task`. */
  discarded({ name, id }: ObservedTask, discard: Discard): void {
    const stamp = discard.reason === 'revoked' ? discard.stamp : undefined
    const how = stamp === undefined ? '' : ` (revoked by header: ${repr({ [stamp[0]]: stamp[1] })})`
    this.#line('INFO', `Discarding ${discard.reason} task: ${name}[${id}]${how}`, {
      name,
      id,
      reason: discard.reason,
    })
  }

  /** Celery: `Hard time limit (%ss) exceeded for %s[%s]`; `limit` in milliseconds. */
  timedOut({ name, id }: ObservedTask, limit: number): void {
    const data = { name, id, timeout: limit / 1000 }
    this.#line('ERROR', `Hard time limit (${limit / 1000}s) exceeded for ${name}[${id}]`, data)
  }

  #line(level: LogLevel, text: string, data: Readonly<Record<string, unknown>>): void {
    if (level === 'INFO') this.#logger.info(text, { data })
    else if (level === 'WARNING') this.#logger.warn(text, { data })
    else if (level === 'CRITICAL') this.#logger.critical(text, { data })
    else this.#logger.error(text, { data })
  }
}
