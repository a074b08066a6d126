import { buildResultMeta } from '../protocol/result-meta.ts'
import type { TaskRequest } from '../task/request.ts'
import { resultRequest } from '../task/result-request.ts'
import type { CanvasHost } from '../task/signature.ts'

/**
 * Stores a state of a task.
 *
 * @param result of states with an error: its triple.
 * @throws EncodeError when the result cannot be encoded; BackendStoreError when it cannot be stored.
 */
export function storeResult(
  host: CanvasHost,
  request: TaskRequest,
  state: string,
  result: unknown,
  traceback?: string,
): Promise<void> {
  const meta = buildResultMeta({
    id: request.id,
    state,
    result,
    traceback,
    request: resultRequest(request, host.settings.resultExtended),
    now: host.clock.now(),
  })
  const { store } = host.resultContextOf(request.task)
  return store.save(meta, { replyTo: request.replyTo })
}

/** A returned value as it is stored and handed on: results become the tuples that name them. */
export function storable(value: unknown): unknown {
  if (value === undefined) return null
  if (typeof value !== 'object' || value === null || !('asTuple' in value)) return value
  return typeof value.asTuple === 'function' ? value.asTuple() : value
}
