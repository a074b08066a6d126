/**
 * The app of commands without `-A`, with the settings of `celeryconfig` and the environment. Celery: the default app.
 *
 * Unlike other modules this one does something when it is imported, as the modules of users do: child processes find
 * the app in the same way, by importing it.
 */

import { Celery } from '../app/celery.ts'

/** See the module's description. */
export const app: Celery = new Celery('default', { useDefaultConfigModule: true })
