/** What tasks have in common: options, handlers, and a `this`. Celery: the base class of a task. */
import { HANDLER_NAMES } from '../task/option-names.ts'
import type { UserTaskOptions } from '../task/options.ts'
import type { TaskHandlers } from '../task/ports.ts'

/** Options and handlers for several tasks. What a task says itself counts more. */
export interface TaskTemplate extends TaskHandlers {
  readonly options?: UserTaskOptions
}

/** A template; or a class of them, of which each task has an instance of its own, which is `this` of its function. */
export type TaskBaseOption = TaskTemplate | (new () => TaskTemplate)

/** The part of a declared task that a base can add to. */
export interface BasedTask {
  readonly options: UserTaskOptions
  readonly handlers: TaskHandlers
  readonly base?: TaskBaseOption | undefined
}

/** A task together with what it has from its base. */
export function withBase<T extends BasedTask>(
  declared: T,
  fallback: TaskBaseOption | undefined,
): { readonly declared: T; readonly instance: object } | undefined {
  const base = declared.base ?? fallback
  if (base === undefined) return undefined
  const template = typeof base === 'function' ? new base() : base
  const handlers: Record<string, unknown> = { ...declared.handlers }
  for (const name of HANDLER_NAMES) handlers[name] ??= template[name]?.bind(template)
  for (const name of HANDLER_NAMES) if (handlers[name] === undefined) delete handlers[name]
  const options = { ...template.options, ...declared.options }
  return { declared: { ...declared, options, handlers }, instance: template }
}
