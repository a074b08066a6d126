/** Running calls in place: what `taskAlwaysEager` and `apply()` do. */
import { hostname } from 'node:os'
import { NotRegistered, Retry } from '../errors.ts'
import type { Tracer } from '../execution/tracer.ts'
import type { SerializerRegistry } from '../messaging/serialization/registry.ts'
import { readCallFields } from '../routing/call-fields.ts'
import type { EagerOutcome, RegisteredTask, TaskCall, TaskHost } from '../task/ports.ts'
import type { TaskRequest } from '../task/request.ts'
import { createTaskRequest } from '../task/request.ts'
import { fromMilliseconds } from '../util/duration.ts'
import { isPlainObject } from '../util/is-record.ts'

/** What eager runs work with. */
export interface EagerParts {
  readonly host: TaskHost
  readonly tracer: Tracer
  readonly serializers: SerializerRegistry
}

/**
 * Runs a call here and now, and again at once for as long as it asks to be retried. With `taskAlwaysEager` arguments
 * go through the serializer first, so that what cannot be sent fails here, too.
 * @throws NotRegistered when the task has no body here; EncodeError.
 */
export async function runEagerly(parts: EagerParts, call: TaskCall): Promise<EagerOutcome> {
  const { task, name } = call
  if (task === undefined || !task.runnable) {
    throw new NotRegistered(`Task ${name} has no body here, so it cannot run in place`)
  }
  let request = requestOf(call, await roundTrip(parts, call), parts.host)
  for (;;) {
    const outcome = await parts.tracer.runEagerly(task, request)
    const next = outcome.value instanceof Retry ? nextRequest(request, outcome.value) : undefined
    if (next === undefined) return outcome
    request = next
  }
}

async function roundTrip(
  { host, serializers }: EagerParts,
  call: TaskCall,
): Promise<Pick<TaskRequest, 'args' | 'kwargs'>> {
  const { args, kwargs } = call
  if (!host.settings.taskAlwaysEager) return { args, kwargs }
  const serializer = serializerOf(call, host)
  await serializers.ready(serializer)
  const { body, contentType, contentEncoding } = serializers.encode([args, kwargs], serializer)
  const decoded = serializers.decode(body, contentType, contentEncoding, new Set([contentType]))
  const [newArgs, newKwargs]: readonly unknown[] = Array.isArray(decoded) ? decoded : []
  return {
    args: Array.isArray(newArgs) ? newArgs : args,
    kwargs: isPlainObject(newKwargs) ? newKwargs : kwargs,
  }
}

function serializerOf({ options }: TaskCall, host: TaskHost): string {
  const { serializer } = options
  return typeof serializer === 'string' ? serializer : host.settings.taskSerializer
}

function requestOf(
  call: TaskCall & { readonly task?: RegisteredTask | undefined },
  { args, kwargs }: Pick<TaskRequest, 'args' | 'kwargs'>,
  host: TaskHost,
): TaskRequest {
  const { options } = call
  const fields = readCallFields(options, host.clock.now())
  const { exchange, routing_key: routingKey, priority } = options
  const seconds = (limit: number | undefined): number | null =>
    limit === undefined ? null : fromMilliseconds(limit)
  return createTaskRequest({
    id: call.id,
    task: call.name,
    args,
    kwargs,
    rootId: fields.rootId ?? call.id,
    parentId: fields.parentId,
    group: fields.groupId,
    groupIndex: fields.groupIndex,
    retries: fields.retries ?? 0,
    timelimit: [seconds(fields.timeLimit), seconds(fields.softTimeLimit)],
    chord: fields.chord,
    chain: fields.chain,
    callbacks: fields.callbacks,
    errbacks: fields.errbacks,
    deliveryInfo: {
      exchange: typeof exchange === 'string' ? exchange : undefined,
      routingKey: typeof routingKey === 'string' ? routingKey : undefined,
      priority: typeof priority === 'number' ? priority : undefined,
      redelivered: false,
      isEager: true,
    },
    hostname: hostname(),
    isEager: true,
    headers: fields.headers,
    ignoreResult: fields.ignoreResult,
    shadow: fields.shadow,
    replacedTaskNesting: fields.replacedTaskNesting ?? 0,
    stampedHeaders: fields.stampedHeaders,
    stamps: fields.stamps,
  })
}

/** The attempt that follows; undefined when the error came from elsewhere and says nothing of one. */
function nextRequest(request: TaskRequest, { signature }: Retry): TaskRequest | undefined {
  if (!isPlainObject(signature)) return undefined
  const { args, kwargs } = signature
  return {
    ...request,
    args: Array.isArray(args) ? args : request.args,
    kwargs: isPlainObject(kwargs) ? kwargs : request.kwargs,
    retries: request.retries + 1,
    children: request.children,
  }
}
