/** What `celery events` does: dumps, takes pictures, or shows everything on the screen. */

import type { Celery } from '../app/celery.ts'
import { Camera, type CameraOptions } from '../events/camera.ts'
import { Dumper } from '../events/dumper.ts'
import { EventMonitor } from '../events/event-monitor.ts'
import type { State } from '../events/state.ts'
import type { Logger } from '../util/logger.ts'
import { importReference } from '../util/modules.ts'
import { versionBanner } from '../util/version.ts'
import type { CliContext } from './cli-context.ts'
import type { DaemonOptions } from './daemon.ts'
import { runDaemon } from './daemon.ts'
import { CliError, EXIT } from './exit-code.ts'
import { showOnScreen } from './terminal-screen.ts'
import { untilStopped } from './until-stopped.ts'

/** Options of `celery events`. */
export interface EventsCommandOptions extends DaemonOptions {
  readonly dump?: boolean
  readonly camera?: string
  /** Stands for `dump` or `detach`. */
  readonly d?: boolean
  readonly frequency: string
  readonly maxrate?: string
}

/** Runs until it is told to stop. */
export async function runEvents(context: CliContext, options: EventsCommandOptions): Promise<void> {
  const { app } = await context.loadApp()
  const { camera } = options
  const dumps = options.dump === true || (options.d === true && camera === undefined)
  if (!dumps && camera !== undefined) return await runCamera(context, app, camera, options)
  const { stdin } = process
  if (!dumps && context.io.outIsTerminal && stdin.isTTY) return await runMonitor(app)
  if (!dumps) context.io.err('There is no terminal to show a screen on, so events are dumped (--dump).\n')
  await untilStopped((signal) => dump(context, app, signal))
}

async function dump(context: CliContext, app: Celery, signal: AbortSignal): Promise<void> {
  context.echo('-> evdump: starting capture...')
  const dumper = new Dumper((line) => context.echo(line))
  await app.events.receiver({ handlers: { '*': dumper.onEvent } }).capture({ signal })
}

async function runMonitor(app: Celery): Promise<void> {
  const state = app.events.state()
  const reply = { reply: true, timeout: 1 }
  const monitor = new EventMonitor({
    state,
    title: `celery events ${versionBanner()}`,
    control: {
      revoke: (id) => app.control.revoke(id, reply),
      rateLimit: (name, rate) => app.control.rateLimit(name, rate, reply),
    },
  })
  await untilStopped(async (signal) => {
    const closing = new AbortController()
    const over = AbortSignal.any([signal, closing.signal])
    const capturing = app.events.receiver({ handlers: { '*': state.event } }).capture({ signal: over })
    try {
      await Promise.race([capturing, showOnScreen(monitor, over)])
    } finally {
      closing.abort()
      await capturing
    }
  })
}

async function runCamera(
  context: CliContext,
  app: Celery,
  reference: string,
  options: EventsCommandOptions,
): Promise<void> {
  const program = { name: 'events', title: 'The camera', nodename: '' } as const
  const wishes = { ...options, detach: options.detach === true || options.d === true }
  await runDaemon(context, app, { options: wishes, program }, async ({ logger }) => {
    await takePictures(context, app, reference, { options, logger })
  })
}

async function takePictures(
  context: CliContext,
  app: Celery,
  reference: string,
  { options, logger }: { readonly options: EventsCommandOptions; readonly logger: Logger },
): Promise<void> {
  const { frequency, maxrate } = options
  const freq = /^[\d.]+$/.test(frequency) ? Number(frequency) : frequency
  const state = app.events.state()
  const camera = await createCamera(reference, state, { freq, maxrate, logger: logger.child('evcam') })
  context.echo(`-> evcam: Taking snapshots with ${reference} (every ${frequency} secs.)`)
  await untilStopped(async (signal) => {
    camera.install()
    try {
      await app.events.receiver({ handlers: { '*': state.event } }).capture({ signal })
    } finally {
      await camera.cancel()
    }
  })
}

/** @throws CliError when the reference leads to no camera. */
async function createCamera(reference: string, state: State, options: CameraOptions): Promise<Camera> {
  const found = await importReference(reference, { option: '--camera' })
  const camera: unknown = typeof found === 'function' ? Reflect.construct(found, [state, options]) : found
  if (camera instanceof Camera) return camera
  throw new CliError(
    `--camera: ${reference} is no camera; export a class that extends Camera of 'celeriac/events'`,
    { exitCode: EXIT.usage },
  )
}
