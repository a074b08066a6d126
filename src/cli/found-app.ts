import type { Celery } from '../app/celery.ts'

/** An app and where it was found. */
export interface FoundApp {
  readonly app: Celery
  /** `module#export`, for child processes. */
  readonly reference: string
}
