import { isPlainObject } from '../util/is-record.ts'

/**
 * What the setting `taskAnnotations` says about a task: options that override its own. `*` holds for all tasks, a name
 * for one; later ones win. Keys may be in Celery's style. Celery: `resolve_all_annotations`.
 */
export function annotationsFor(annotations: unknown, name: string): Readonly<Record<string, unknown>> {
  if (annotations === null || annotations === undefined) return NONE
  const list: readonly unknown[] = Array.isArray(annotations) ? annotations : [annotations]
  const merged: Record<string, unknown> = {}
  for (const annotation of list) {
    for (const found of candidates(annotation, name)) {
      for (const [key, value] of Object.entries(found)) merged[camelCase(key)] = value
    }
  }
  return merged
}

const NONE: Readonly<Record<string, unknown>> = Object.freeze({})

function candidates(annotation: unknown, name: string): Record<string, unknown>[] {
  if (typeof annotation !== 'object' || annotation === null) return []
  if ('annotate' in annotation && typeof annotation.annotate === 'function') {
    const found: unknown = annotation.annotate({ name })
    return isPlainObject(found) ? [found] : []
  }
  const entries = new Map(Object.entries(annotation))
  return [entries.get('*'), entries.get(name)].filter(isPlainObject)
}

function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
