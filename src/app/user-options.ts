/** An option that an app adds to commands. */
export interface UserOption {
  /** As in `-x, --extra <value>`; without a value in brackets it is a flag. */
  readonly flags: string
  readonly help: string
  /** Heading in the help under which it stands. Default `User options:`. */
  readonly group?: string
  /** Makes the value out of its text. Default: the text. */
  readonly parse?: (text: string) => unknown
  readonly default?: unknown
  readonly choices?: readonly string[]
}

/**
 * Options that an app adds to the command line, by command; `preload` are those of every command. Add to the lists
 * before a command runs: `app.userOptions.worker.push({ flags: '--colour <name>', help: '…' })`. What was given is told
 * by the signal `userPreloadOptions`, before workers and their steps are made. Celery: `user_options`.
 */
export interface UserOptions {
  readonly preload: UserOption[]
  readonly worker: UserOption[]
  readonly beat: UserOption[]
  readonly events: UserOption[]
}

/** No options. */
export function createUserOptions(): UserOptions {
  return { preload: [], worker: [], beat: [], events: [] }
}
