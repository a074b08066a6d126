/** A task as it is with the settings: its options filled in, and annotated by the setting `taskAnnotations`. */
import type { TaskAnnotations } from './annotations.ts'
import { annotationsFor } from './annotations.ts'
import { HANDLER_NAMES } from './option-names.ts'
import type { TaskOptions, TaskSettings, UserTaskOptions } from './options.ts'
import { normalizeTaskOptions } from './options.ts'
import type { TaskHandlers } from './ports.ts'

/** A task as it was declared. */
export interface DeclaredParts {
  readonly name: string
  readonly options: UserTaskOptions
  readonly handlers: TaskHandlers
  readonly body: ((...args: never[]) => unknown) | undefined
  /** Default of the option `typing`. */
  readonly strictTyping: boolean
}

/** See the module's description. */
export interface ResolvedTask {
  readonly options: TaskOptions
  readonly handlers: TaskHandlers
  readonly body: ((...args: never[]) => unknown) | undefined
}

/** @throws as `normalizeTaskOptions`; ImproperlyConfigured when an annotation is none. */
export function resolveTask(parts: DeclaredParts, settings: TaskSettings): ResolvedTask {
  const { name, options, strictTyping, body } = parts
  const annotations = annotationsFor(settings.taskAnnotations, { name, options })
  const wrap = annotations.wrappers.get('run')
  return {
    options: normalizeTaskOptions(name, options, settings, strictTyping, annotations.options),
    handlers: annotatedHandlers(parts.handlers, annotations),
    body: body === undefined || wrap === undefined ? body : wrap(body),
  }
}

function annotatedHandlers(own: TaskHandlers, { handlers, wrappers }: TaskAnnotations): TaskHandlers {
  if (Object.keys(handlers).length === 0 && wrappers.size === 0) return own
  const annotated: Record<string, unknown> = { ...handlers }
  for (const name of HANDLER_NAMES) {
    // Handlers of a class are methods.
    const handler = handlers[name] ?? own[name]?.bind(own)
    const wrap = wrappers.get(name)
    if (handler !== undefined || wrap !== undefined) annotated[name] = wrap?.(handler ?? nothing) ?? handler
  }
  return annotated
}

function nothing(): undefined {
  return undefined
}
