import type { Settings } from '../config/settings.ts'
import type { CanvasHost } from '../task/signature.ts'
import type { Signal } from '../util/signal.ts'
import type { Timezone } from '../util/timezone.ts'

/** What signals of beat tell. */
export interface BeatEvent {
  /** The service. */
  readonly sender: object
}

/** What beat needs of an app; class `Celery` has it. */
export interface BeatApp extends CanvasHost {
  /** Its name, by which beats tell whether they belong together. */
  readonly main: string | undefined
  readonly settings: Settings
  readonly timezone: Timezone
  readonly conf: {
    /** Calls a function after each change; gives the function that ends it. */
    onChange(listener: () => void): () => void
  }
  readonly signals: CanvasHost['signals'] & {
    readonly beatInit: Signal<BeatEvent>
    readonly beatEmbeddedInit: Signal<BeatEvent>
  }
}
