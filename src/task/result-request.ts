import type { ResultRequest } from '../protocol/result-meta.ts'
import type { TaskRequest } from './request.ts'

/**
 * What is stored about the call along with its result.
 * @param extended also name, arguments, worker, retries and queue: the setting `resultExtended`.
 */
export function resultRequest(request: TaskRequest, extended: boolean): ResultRequest {
  return {
    groupId: request.group,
    parentId: request.parentId,
    children: request.children.map((child) => child.asTuple()),
    extended: extended
      ? {
          name: request.task,
          args: request.args,
          kwargs: request.kwargs,
          worker: request.hostname,
          retries: request.retries,
          queue: request.deliveryInfo.routingKey,
          stampedHeaders: request.stampedHeaders,
          stamps: request.stamps,
        }
      : undefined,
  }
}
