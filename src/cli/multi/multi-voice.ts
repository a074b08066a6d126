import type { CliContext } from '../cli-context.ts'

/** How `celery multi` speaks. Celery: `TermLogger`. */
export interface MultiManners {
  readonly nosplash: boolean
  readonly quiet: boolean
  readonly verbose: boolean
  readonly color: boolean
}

type Style = Parameters<CliContext['style']>[0]

/** See `MultiManners`. */
export class MultiVoice {
  readonly manners: MultiManners
  readonly #context: CliContext

  constructor(context: CliContext, manners: MultiManners) {
    this.#context = context
    this.manners = manners
  }

  /** Says it in any case. */
  say(text: string): void {
    this.#context.echo(text)
  }

  /** Says it unless it is to be quiet. */
  note(text: string, end = '\n'): void {
    if (!this.manners.quiet) this.#context.io.out(`${text}${end}`)
  }

  /** Says it if it is to be verbose. */
  info(text: string): void {
    if (this.manners.verbose) this.note(text)
  }

  style(style: Style, text: string): string {
    return this.manners.color ? this.#context.style(style, text) : text
  }
}
