/** What commands are handed: streams, the environment, colours, and the app once somebody asks for it. */

import { styleText } from 'node:util'
import type { FoundApp } from '../app/find-app.ts'
import { EXIT } from './exit-code.ts'
import type { Environment } from './options.ts'

/** The outside world of the command line. */
export interface CliIo {
  /** Writes to standard output, line breaks included. */
  readonly out: (text: string) => void
  /** Writes to standard error. */
  readonly err: (text: string) => void
  /** Its variables are set by global options, so that the app and child processes find them. */
  readonly environment: Record<string, string | undefined>
  /** Whether standard output is a terminal. */
  readonly outIsTerminal: boolean
  /** Whether standard error is a terminal. */
  readonly errIsTerminal: boolean
  /** Asks a question and gives the answer; `undefined` when nobody can be asked. */
  readonly ask: (question: string) => Promise<string | undefined>
  /** From now on the program goes on when nobody reads any more what it writes. Without it, that is its end. */
  readonly outliveOutput?: () => void
}

/** Global options. */
export interface GlobalOptions {
  readonly app?: string
  readonly broker?: string
  readonly resultBackend?: string
  readonly loader?: string
  readonly config?: string
  readonly workdir?: string
  /** Commander's name of `--no-color`: true unless it is given. */
  readonly color: boolean
  readonly quiet?: boolean
  readonly skipChecks?: boolean
  readonly traceback?: boolean
}

/** See the module's description. */
export class CliContext {
  readonly io: CliIo
  readonly options: GlobalOptions
  /** What the process ends with. */
  exitCode: number = EXIT.ok
  readonly #given: FoundApp | undefined
  #found: Promise<FoundApp> | undefined

  /** @param given the app that is meant unless `-A` names one. */
  constructor(io: CliIo, options: GlobalOptions, given?: FoundApp) {
    this.io = io
    this.options = options
    this.#given = given
  }

  get environment(): Environment {
    return this.io.environment
  }

  get quiet(): boolean {
    return this.options.quiet ?? false
  }

  /** Whether errors are shown with their stack. Celery: `CELERY_TRACE_APP`. */
  get tracesErrors(): boolean {
    return Boolean(this.options.traceback ?? this.environment['CELERY_TRACE_APP'])
  }

  /** The app that `-A` names, or the default app. @throws CliError with exit code 2 */
  async loadApp(): Promise<FoundApp> {
    this.#found ??= this.#findApp()
    return await this.#found
  }

  /** Lets go of the app's connections, if it was loaded. */
  async close(): Promise<void> {
    const found = await this.#found?.catch(() => undefined)
    await found?.app.close()
  }

  /** Writes a line to standard output. */
  echo(text: string): void {
    this.io.out(`${text}\n`)
  }

  /** A text in a style of `util.styleText`, if standard output shows styles. */
  style(style: Parameters<typeof styleText>[0], text: string): string {
    const shows = this.options.color && this.io.outIsTerminal
    return shows ? styleText(style, text, { validateStream: false }) : text
  }

  async #findApp(): Promise<FoundApp> {
    const { findApp } = await import('./find-app.ts')
    const given = this.options.app === undefined ? this.#given : undefined
    const found = given ?? (await findApp(this.options.app, { trace: this.tracesErrors }))
    const { app } = found
    await app.signals.userPreloadOptions.send({ sender: this, app, options: { ...this.options } })
    return found
  }
}
