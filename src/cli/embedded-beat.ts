import type { Celery } from '../app/celery.ts'
import type { Logger } from '../util/logger.ts'

/** What `celery worker` was told about its beat. */
export interface EmbeddedBeatOptions {
  readonly beat?: boolean
  readonly scheduleFilename?: string
  readonly scheduler?: string
}

/**
 * Runs a beat beside the worker of this process, if `-B` asks for it; both share the event loop. Celery: `-B`, which
 * starts a process.
 *
 * @param failed told when the beat ends by itself: the worker has to end, too, rather than go on without.
 * @returns the function that stops it.
 */
export async function startEmbeddedBeat(
  app: Celery,
  { beat = false, scheduleFilename, scheduler }: EmbeddedBeatOptions,
  { logger, failed }: { readonly logger: Logger; readonly failed: (error: unknown) => void },
): Promise<() => Promise<void>> {
  if (!beat) return async () => undefined
  // Most workers have none and are ready sooner without all that it takes.
  const { BeatService } = await import('../beat/beat-service.ts')
  const options = { scheduleFilename, scheduler, logger: logger.child('beat'), embedded: true }
  const service = new BeatService(app, options)
  service.run().catch(failed)
  return () => service.stop()
}
