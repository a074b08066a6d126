/**
 * Which results somebody may wait for when a signature is never run: all those that it would have made.
 */
import type { SignatureData } from '../protocol/signature.ts'
import { isSignatureData, readSignature, readSignatures } from '../protocol/signature.ts'
import type { TaskRequest } from '../task/request.ts'
import { createTaskRequest } from '../task/request.ts'

/**
 * The calls with an id that a signature would make: of a chain and a group all, of a chord its body. (The header of a
 * chord gives its results to the body alone.) A chain often bears the id of its last task: of two with one id that one
 * is given which belongs to a chord.
 *
 * @throws InvalidTaskError when it holds what is no signature.
 */
export function leavesOf(signature: SignatureData): readonly SignatureData[] {
  const leaves = new Map<string, SignatureData>()
  // A stack, not recursion: who nests signatures deeply must not break us.
  const stack: SignatureData[] = [signature]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const id = textOf(next.options['task_id'])
    if (id !== undefined && !hasChord(leaves.get(id))) leaves.set(id, next)
    stack.push(...membersOf(next).toReversed())
  }
  return [...leaves.values()]
}

function hasChord(signature: SignatureData | undefined): boolean {
  return isSignatureData(signature?.options['chord'])
}

/** The id under which the result of a signature is found; undefined when it was never given one. */
export function resultIdOf(signature: SignatureData): string | undefined {
  const own = textOf(signature.options['task_id'])
  if (own !== undefined || signature.subtask_type === 'group') return own
  const last = membersOf(signature).at(-1)
  return last === undefined ? undefined : resultIdOf(last)
}

/** The errbacks that would be called if the first task of a signature failed. */
export function errbacksOf(signature: SignatureData): readonly SignatureData[] {
  const own = readSignatures(signature.options['link_error'], 'link_error')
  const [first] = signature.subtask_type === 'chain' ? membersOf(signature) : []
  return first === undefined ? own : [...own, ...errbacksOf(first)]
}

/** What a signature is made of: tasks of a chain or a group, the body of a chord. */
export function membersOf({ subtask_type: type, kwargs }: SignatureData): readonly SignatureData[] {
  switch (type) {
    case 'chain':
    case 'group':
      return readSignatures(kwargs['tasks'], type)
    case 'chord':
      return isSignatureData(kwargs['body']) ? [readSignature(kwargs['body'], 'body of a chord')] : []
    default:
      return []
  }
}

/** A request for a call that was never made: what the results, chords and errbacks of a signature need to know. */
export function requestOfSignature(signature: SignatureData): TaskRequest {
  const { options } = signature
  const chord = options['chord']
  const id = resultIdOf(signature) ?? ''
  return createTaskRequest({
    id,
    task: signature.task,
    args: signature.args,
    kwargs: signature.kwargs,
    rootId: textOf(options['root_id']) ?? id,
    parentId: textOf(options['parent_id']),
    group: textOf(options['group_id']),
    groupIndex: typeof options['group_index'] === 'number' ? options['group_index'] : undefined,
    replyTo: textOf(options['reply_to']),
    chord: chord === undefined || chord === null ? undefined : readSignature(chord, 'chord'),
    chain: readSignatures(options['chain'], 'chain'),
    errbacks: errbacksOf(signature),
  })
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
