/**
 * A signature as plain data: how a call travels inside messages. Celery: `Signature`, which is a `dict`.
 */

/** Keys as on the wire; unknown ones are kept. */
export interface SignatureData {
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** Options of `apply_async`, snake_case. */
  readonly options: Readonly<Record<string, unknown>>
  /** `null` for a plain task, else `chain`, `group`, `chord`, `chunks`, `xmap`, `xstarmap`. */
  readonly subtask_type: string | null
  readonly immutable: boolean
  readonly [key: string]: unknown
}

/** True for what looks like a signature: an object with `task` text. */
export function isSignatureData(value: unknown): value is SignatureData {
  return (
    typeof value === 'object' &&
    value !== null &&
    'task' in value &&
    typeof value.task === 'string' &&
    ('args' in value || 'kwargs' in value || 'options' in value)
  )
}
