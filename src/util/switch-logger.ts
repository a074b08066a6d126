import type { LogFields, Logger, LogLevel } from './logger.ts'

/** A logger whose target can be exchanged while others hold it, or children of it. */
export class SwitchLogger implements Logger {
  readonly #current: () => Logger
  readonly #replace: ((target: Logger) => void) | undefined

  private constructor(current: () => Logger, replace: ((target: Logger) => void) | undefined) {
    this.#current = current
    this.#replace = replace
  }

  static to(target: Logger): SwitchLogger {
    let current = target
    return new SwitchLogger(
      () => current,
      (next) => {
        current = next
      },
    )
  }

  /** From now on messages go there, those of its children to children of it. */
  switchTo(target: Logger): void {
    this.#replace?.(target)
  }

  get name(): string {
    return this.#current().name
  }

  debug(message: string, fields?: LogFields): void {
    this.#current().debug(message, fields)
  }

  info(message: string, fields?: LogFields): void {
    this.#current().info(message, fields)
  }

  warn(message: string, fields?: LogFields): void {
    this.#current().warn(message, fields)
  }

  error(message: string, fields?: LogFields): void {
    this.#current().error(message, fields)
  }

  critical(message: string, fields?: LogFields): void {
    this.#current().critical(message, fields)
  }

  isEnabled(level: LogLevel): boolean {
    return this.#current().isEnabled(level)
  }

  child(name: string): Logger {
    let parent: Logger | undefined
    let child: Logger | undefined
    const current = (): Logger => {
      const now = this.#current()
      if (child === undefined || parent !== now) {
        parent = now
        child = now.child(name)
      }
      return child
    }
    return new SwitchLogger(current, undefined)
  }
}
