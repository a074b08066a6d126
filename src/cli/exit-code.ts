/** Exit codes of the command line; Celery's, which are those of `sysexits.h` where there is one. */
export const EXIT = {
  ok: 0,
  failure: 1,
  /** Wrong options, or the application can't be loaded. */
  usage: 2,
  /** No worker replied. */
  unavailable: 69,
  /** The pidfile can't be made: most often another process has it. */
  cantCreate: 73,
} as const

/** Ends a command with a message for its user, without a stack. */
export class CliError extends Error {
  readonly exitCode: number

  /** @param options the exit code is 1 unless it says otherwise. */
  constructor(message: string, options: ErrorOptions & { readonly exitCode?: number } = {}) {
    super(message, options)
    this.name = 'CliError'
    this.exitCode = options.exitCode ?? EXIT.failure
  }
}
