/** What `celery beat` does: from options to a beat that runs, and from signals to its end. */

import type { FoundApp } from '../app/find-app.ts'
import { BeatService } from '../beat/beat-service.ts'
import type { Logger, LogLevel } from '../util/logger.ts'
import { applyWords } from './apply-words.ts'
import { beatBanner } from './beat-banner.ts'
import type { CliContext } from './cli-context.ts'
import { detach } from './detach.ts'
import { nodeFormat } from './node-format.ts'
import { createPidfile } from './pidfile.ts'
import { dropPrivileges } from './privileges.ts'
import { setUpWorkerLog } from './worker-log.ts'

/** Options of `celery beat`. */
export interface BeatCommandOptions {
  readonly detach?: boolean
  readonly schedule?: string
  readonly scheduler?: string
  readonly maxInterval?: number
  readonly loglevel: LogLevel
  readonly logfile?: string
  readonly pidfile?: string
  readonly uid?: string
  readonly gid?: string
  readonly umask?: string
  readonly executable?: string
}

/** Runs beat until it has stopped. */
export async function runBeat(
  context: CliContext,
  options: BeatCommandOptions,
  words: readonly string[],
): Promise<void> {
  const found = await context.loadApp()
  applyWords(found.app.conf, words, 'beat')
  const settings = found.app.conf.resolved()
  const logfile = filePath(options.logfile ?? settings.beatLogfile)
  if (options.detach && !context.environment['C_FAKEFORK']) {
    const executable = options.executable ?? settings.beatExecutable ?? undefined
    const pid = await detach({ argv: process.argv.slice(1), logfile, executable })
    if (!context.quiet) context.echo(`beat runs in the background (pid ${pid})`)
    return
  }
  dropPrivileges({
    uid: options.uid ?? settings.beatUid,
    gid: options.gid ?? settings.beatGid,
    umask: options.umask ?? settings.beatUmask,
  })
  const pidfile = filePath(options.pidfile ?? settings.beatPidfile)
  const removePidfile =
    pidfile === undefined ? undefined : createPidfile(pidfile, (text) => context.io.err(`${text}\n`))
  const logger = await setUpWorkerLog(context, found.app, options.loglevel, logfile)
  try {
    for (const text of found.app.conf.warnings) logger.warn(text)
    await serve(context, found, options, { logger: logger.child('beat'), logfile })
  } finally {
    removePidfile?.()
    found.app.log.close()
  }
}

async function serve(
  context: CliContext,
  { app, reference }: FoundApp,
  options: BeatCommandOptions,
  { logger, logfile }: { readonly logger: Logger; readonly logfile: string | undefined },
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

function filePath(template: string | null | undefined): string | undefined {
  return template ? nodeFormat(template, '') : undefined
}
