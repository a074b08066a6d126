/** Calls that a running task puts in its own place, or beside itself into its chord. */
import { BackendError, ImproperlyConfigured } from '../errors.ts'
import type { TaskRequest } from './request.ts'
import type { AnySignature, CanvasHost, Stamping } from './signature.ts'
import { listOption } from './signature.ts'

/** The run that is replaced, or adds to its chord. */
interface Run {
  readonly host: CanvasHost
  readonly request: TaskRequest
}

/**
 * The call that takes the place of a running one: with its id, callbacks, errbacks, stamps, chord and the rest of its
 * chain. Celery: the first part of `Task.replace`.
 * @throws ImproperlyConfigured for what can replace nothing.
 */
export function replacementOf({ host, request }: Run, signature: AnySignature): AnySignature {
  const { chord: ownChord } = signature.options
  if (ownChord !== undefined && ownChord !== null) {
    throw new ImproperlyConfigured('A signature replacing a task must not be part of a chord')
  }
  if (signature.subtaskType === 'chain' && signature.members.length === 0) {
    throw new ImproperlyConfigured('Cannot replace a task with an empty chain')
  }
  let next = withOneResult(host, signature)
  inheritStamps(next, request)
  for (const callback of request.callbacks ?? []) next.addLink('link', host.signatureFrom(callback))
  for (const errback of request.errbacks ?? []) next.addLink('link_error', host.signatureFrom(errback))
  const last = next.subtaskType === 'chain' ? next.members.at(-1) : undefined
  for (const callback of last === undefined ? [] : listOption(next.options, 'link')) {
    last?.addLink('link', host.signatureFrom(callback))
  }
  next.freeze({ id: request.id })
  const nesting = request.replacedTaskNesting + 1
  Object.assign(next.options, {
    chord: request.chord ?? null,
    group_id: request.group ?? null,
    group_index: request.groupIndex ?? null,
    root_id: request.rootId,
    replaced_task_nesting: nesting,
  })
  if (next.subtaskType === 'chain') {
    for (const member of next.members) member.options['replaced_task_nesting'] = nesting
  }
  for (const data of (request.chain ?? []).toReversed()) {
    const rest = host.signatureFrom(data)
    rest.options['replaced_task_nesting'] = nesting
    next = host.pipe(next, rest)
  }
  return next
}

/**
 * Makes a call part of the chord of the running one: the body waits for it, too, and gets its result.
 * @throws TypeError outside of a chord; BackendError where chords cannot grow.
 */
export async function joinChord({ host, request }: Run, signature: AnySignature): Promise<AnySignature> {
  const { chord, group, groupIndex, rootId } = request
  if (chord === undefined || group === undefined) {
    throw new TypeError(`Task ${request.task}[${request.id}] is not a member of any chord`)
  }
  const { store: results } = host.resultContextOf(request.task)
  const chords = await results.chords()
  if (chords?.grow === undefined) {
    throw new BackendError(
      'This result backend cannot add to a chord that has been sent. Use redis:// or sqlite://',
    )
  }
  const added = withOneResult(host, signature)
  Object.assign(added.options, { group_id: group, group_index: groupIndex ?? null, chord, root_id: rootId })
  added.freeze()
  await chords.grow(group, added.chordSize, { expires: results.expires })
  return added
}

/** What ends in a group ends in the list of its results, so that there is one result to wait for and to link to. */
function withOneResult(host: CanvasHost, signature: AnySignature): AnySignature {
  const { element } = signature
  if (!endsInGroup(element)) return element
  const accumulate = host.signatureFrom({
    task: 'celery.accumulate',
    args: [],
    kwargs: { index: 0 },
    options: {},
    subtask_type: null,
    immutable: false,
  })
  return host.pipe(element, accumulate)
}

function endsInGroup({ subtaskType, members, end }: AnySignature): boolean {
  if (subtaskType === 'group') return true
  const last = subtaskType === 'chain' ? members.at(-1) : end
  return last !== undefined && endsInGroup(last)
}

/** Stamps of the replaced call where the new one has none of that name. */
function inheritStamps(signature: AnySignature, { stampedHeaders = [], stamps = {} }: TaskRequest): void {
  if (stampedHeaders.length === 0) return
  const missingOf = ({ options }: AnySignature): Readonly<Record<string, unknown>> =>
    Object.fromEntries(
      stampedHeaders.filter((name) => !Object.hasOwn(options, name)).map((name) => [name, stamps[name]]),
    )
  const stamping: Stamping = { visitor: { onSignature: missingOf }, append: false }
  signature.stampWith(stamping, {})
}
