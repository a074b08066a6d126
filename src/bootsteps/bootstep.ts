/** What a step has started. */
export interface RunningStep {
  /** Ends what was started. An error is logged; the other steps are stopped all the same. */
  stop?(): Promise<void> | void
  /** Ends it at once, when the whole is ended by force. Default: `stop`. */
  terminate?(): Promise<void> | void
  /** What `inspect stats` is to show of it. */
  info?(): Readonly<Record<string, unknown>>
}

/**
 * Something that starts and stops with a larger whole (`Parent`: a worker, or a worker's connection). Celery:
 * `bootsteps.Step`, `StartStopStep`.
 */
export interface Bootstep<Parent> {
  /** Unique among the steps of the whole; others name it in `requires`. */
  readonly name: string
  /**
   * Steps that must have been started before, by name; or the steps themselves, which are then added if they are not
   * there. Of Celery's long names (`celery.worker.components:Pool`) the end counts.
   */
  readonly requires?: readonly (string | Bootstep<Parent>)[]
  /** Whether it is wanted at all. Default: it is. Celery: `include_if`. */
  include?(parent: Parent): boolean
  /** Starts it. When it rejects, those that were started before are stopped, and the whole does not start. */
  start(parent: Parent): RunningStep | undefined | Promise<RunningStep | undefined>
}

/** `celery.worker.components:Pool` → `Pool`. */
export function stepName(step: string | { readonly name: string }): string {
  const name = typeof step === 'string' ? step : step.name
  return name.slice(Math.max(name.lastIndexOf('.'), name.lastIndexOf(':')) + 1)
}
