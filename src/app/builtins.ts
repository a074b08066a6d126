/** Celery's own tasks, which are registered in every app: peers send them by name. */
import { ChordError, InvalidTaskError } from '../errors.ts'
import { Completion } from '../execution/completion.ts'
import { exceptionRepr } from '../protocol/exception-info.ts'
import type { SignatureData } from '../protocol/signature.ts'
import { readSignature } from '../protocol/signature.ts'
import { GroupResult } from '../result/group-result.ts'
import type { TaskSelf } from '../task/context.ts'
import { allowJoinResult } from '../task/current-task.ts'
import type { UserTaskOptions } from '../task/options.ts'
import type { CanvasHost } from '../task/signature.ts'
import type { Task } from '../task/task.ts'
import { createTask } from '../task/task.ts'

type Body = (self: TaskSelf, ...args: readonly unknown[]) => unknown

const BODIES: Readonly<Record<string, readonly [body: Body, options: UserTaskOptions]>> = {
  'celery.accumulate': [accumulate, {}],
  'celery.chain': [refuseChain, {}],
  'celery.chord': [sendChord, {}],
  'celery.chunks': [sendChunks, {}],
  'celery.group': [sendGroup, {}],
  'celery.backend_cleanup': [({ host }) => host.results.cleanup(), { ignoreResult: true }],
  'celery.chord_unlock': [unlockChord, { ignoreResult: true, maxRetries: null }],
  'celery.map': [(self) => map(self, (item) => [item]), {}],
  'celery.starmap': [(self) => map(self, listOf), {}],
}

/** The built-in tasks for an app. */
export function createBuiltins(host: CanvasHost): Task[] {
  return Object.entries(BODIES).map(([name, [body, options]]) =>
    createTask({
      name,
      host,
      options: { ...options, bind: true, typing: false },
      handlers: {},
      body,
      instance: undefined,
      strictTyping: false,
    }),
  )
}

/** Gives its arguments back, or one of them: what a chord ends in that has no body of its own. */
function accumulate({ request: { args, kwargs } }: TaskSelf): unknown {
  const { index } = kwargs
  return typeof index === 'number' ? args.at(index) : args
}

/** A chain was never a task, in Celery neither: its first call is what is sent. */
function refuseChain(): never {
  throw new InvalidTaskError('celery.chain is no task: send the first call of the chain')
}

/** What old senders made of a group: sends the members with the ids that they have been given. */
async function sendGroup({ host, request }: TaskSelf): Promise<unknown> {
  const [tasks, result, groupId, partialArgs] = valuesOf(request, [
    'tasks',
    'result',
    'group_id',
    'partial_args',
  ])
  const members = listOf(tasks).map((data) => host.signatureFrom(data))
  const args = listOf(partialArgs ?? [])
  await Promise.all(members.map((member) => member.send(args, { group_id: groupId, add_to_parent: false })))
  const { add_to_parent: addToParent } = request.kwargs
  const sent = host.resultContext.fromTuple(result)
  if (addToParent !== false) request.children.push(sent)
  return sent
}

/** What old senders made of a chord: sends its header, and answers with the result of its body. */
async function sendChord({ host, request }: TaskSelf): Promise<unknown> {
  const [header, body, partialArgs] = valuesOf(request, ['header', 'body', 'partial_args'])
  const { interval, countdown, max_retries: maxRetries } = request.kwargs
  const signature = host.signatureFrom({
    task: 'celery.chord',
    args: [],
    kwargs: { header, body, kwargs: {} },
    options: {},
    subtask_type: 'chord',
    immutable: false,
  })
  return signature.send(listOf(partialArgs ?? []), { interval, countdown, max_retries: maxRetries })
}

/** Chunks that were sent as they are, such as those inside of a workflow: sends them as the group that they are. */
async function sendChunks({ host, request }: TaskSelf): Promise<unknown> {
  const [task, it, n] = valuesOf(request, ['task', 'it', 'n'])
  const signature = host.signatureFrom({ task: 'celery.chunks', kwargs: { task, it, n }, immutable: true })
  return signature.send([])
}

/** Arguments by name, however they were given. */
function valuesOf({ args, kwargs }: TaskSelf['request'], names: readonly string[]): readonly unknown[] {
  return names.map((name, index) => args[index] ?? kwargs[name])
}

/** Calls a task of this process for each item, one after the other. */
async function map(self: TaskSelf, argsOf: (item: unknown) => readonly unknown[]): Promise<unknown[]> {
  const { kwargs } = self.request
  const data = readSignature(kwargs['task'], `${self.name}: task`)
  const items = listOf(kwargs['it'])
  const task = self.host.tasks.get(data.task)
  if (task === undefined) throw new InvalidTaskError(`${self.name}: task ${data.task} is not registered here`)
  const values: unknown[] = []
  for (const item of items) values.push(await task.run(self, [...argsOf(item), ...data.args], data.kwargs))
  return values
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new InvalidTaskError(`A list of arguments was expected, not ${typeof value}`)
}

/**
 * Looks whether the header of a chord is done, and sends the body when it is: for backends that cannot count. Looks
 * again every `resultChordRetryInterval` seconds. Celery: `celery.chord_unlock`.
 */
async function unlockChord(self: TaskSelf): Promise<void> {
  const { host, request } = self
  const [groupId, callback] = request.args
  const body = readSignature(callback ?? request.kwargs['callback'], 'celery.chord_unlock: callback')
  const { interval, max_retries: maxRetries, result } = request.kwargs
  const countdown = typeof interval === 'number' ? interval : host.settings.resultChordRetryInterval
  const members = listOf(result ?? []).map((tuple) => host.resultContext.fromTuple(tuple))
  const header = new GroupResult(String(groupId), members, host.resultContext)
  const again = { countdown, ...(typeof maxRetries === 'number' ? { maxRetries } : {}) }
  let ready: boolean
  try {
    ready = await header.ready()
  } catch (error) {
    throw await self.retry({ ...again, error })
  }
  if (!ready) throw await self.retry(again)
  const error = await sendBody(self, header, body)
  if (error !== undefined) await new Completion(host).bodyFailed(body, error)
}

/** Answers why the body cannot run, if so. */
async function sendBody(
  { host }: TaskSelf,
  header: GroupResult,
  body: SignatureData,
): Promise<ChordError | undefined> {
  let values: readonly unknown[]
  try {
    const timeout = host.settings.resultChordJoinTimeout
    values = await allowJoinResult(() => header.get({ timeout }))
  } catch (cause) {
    const culprit = header.leaves().find((leaf) => leaf.settled !== undefined && failed(leaf))
    const reason = exceptionRepr(cause)
    const text = culprit === undefined ? reason : `Dependency ${culprit.id} raised ${reason}`
    return new ChordError(text, { cause })
  }
  try {
    await host.signatureFrom(body).send([values])
    return undefined
  } catch (cause) {
    return new ChordError(`Callback error: ${exceptionRepr(cause)}`, { cause })
  }
}

function failed(leaf: { settledValue(propagate: boolean): unknown }): boolean {
  try {
    leaf.settledValue(true)
    return false
  } catch {
    return true
  }
}
