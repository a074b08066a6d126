/** What `celery beat` does: from options to a beat that runs, and from signals to its end. */

import type { FoundApp } from '../app/find-app.ts'
import { BeatService } from '../beat/beat-service.ts'
import { applyWords } from './apply-words.ts'
import { beatBanner } from './beat-banner.ts'
import type { CliContext } from './cli-context.ts'
import type { DaemonLog, DaemonOptions } from './daemon.ts'
import { runDaemon } from './daemon.ts'

/** Options of `celery beat`. */
export interface BeatCommandOptions extends DaemonOptions {
  readonly schedule?: string
  readonly scheduler?: string
  readonly maxInterval?: number
}

/** Runs beat until it has stopped. */
export async function runBeat(
  context: CliContext,
  options: BeatCommandOptions,
  words: readonly string[],
): Promise<void> {
  const found = await context.loadApp()
  applyWords(found.app.conf, words, 'beat')
  const program = { name: 'beat', title: 'beat', nodename: '' } as const
  await runDaemon(context, found.app, { options, program }, async ({ logger, logfile }) => {
    await serve(context, found, options, { logger: logger.child('beat'), logfile })
  })
}

async function serve(
  context: CliContext,
  { app, reference }: FoundApp,
  options: BeatCommandOptions,
  { logger, logfile }: DaemonLog,
): Promise<void> {
  await app.loadModules()
  const { schedule: scheduleFilename, scheduler, maxInterval, loglevel } = options
  const service = new BeatService(app, { scheduleFilename, scheduler, maxInterval, logger })
  const stop = (): void => void service.stop()
  for (const signal of STOPS) process.on(signal, stop)
  try {
    if (!context.quiet) {
      const facts = {
        app,
        reference,
        scheduler: await service.scheduler(),
        logfile,
        loglevel,
        now: new Date(),
      }
      context.io.out(context.style('cyan', beatBanner(facts)))
    }
    await service.run()
  } catch (error) {
    logger.critical(`beat raised exception: ${error instanceof Error ? error.message : String(error)}`)
    throw error
  } finally {
    for (const signal of STOPS) process.off(signal, stop)
  }
}

const STOPS = ['SIGTERM', 'SIGINT'] as const
