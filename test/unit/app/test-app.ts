import type { UserAppOptions } from '../../../src/app/app-options.ts'
import { Celery } from '../../../src/app/celery.ts'
import type { Logger } from '../../../src/util/logger.ts'
import { silentLogger } from '../../../src/util/logger.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

let count = 0

/** An app on brokers and a clock of its own. */
export function createTestApp(options: UserAppOptions = {}): Celery {
  count += 1
  return new Celery('test', {
    broker: `memory://test-${count}`,
    backend: 'cache+memory://',
    clock: new VirtualClock(),
    logger: silentLogger,
    setAsCurrent: false,
    ...options,
  })
}

/** A logger that keeps what it is told. */
export function listeningLogger(): { readonly logger: Logger; readonly messages: string[] } {
  const messages: string[] = []
  const keep = (message: string): void => void messages.push(message)
  const logger: Logger = {
    ...silentLogger,
    info: keep,
    warn: keep,
    error: keep,
    critical: keep,
    child: () => logger,
  }
  return { logger, messages }
}
