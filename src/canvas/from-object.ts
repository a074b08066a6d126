import { InvalidTaskError } from '../errors.ts'
import { readSignature, readSignatures } from '../protocol/signature.ts'
import type { AnySignature, CanvasHost } from '../task/signature.ts'
import { Signature } from '../task/signature.ts'
import { isRecord } from '../util/is-record.ts'
import { Chain } from './chain.ts'
import { Chord } from './chord.ts'
import { Chunks } from './chunks.ts'
import { Group } from './group.ts'

/** No honest workflow is nested any deeper. */
const MAX_DEPTH = 200

/**
 * Makes a signature of plain data, all the way down; a signature stays what it is. Celery: `maybe_signature`,
 * `Signature.from_dict`.
 * @throws InvalidTaskError when it is none.
 */
export function fromObject(host: CanvasHost, value: unknown): AnySignature {
  return read(host, value, 'signature', 0)
}

function read(host: CanvasHost, value: unknown, where: string, depth: number): AnySignature {
  if (value instanceof Signature) return value
  if (depth > MAX_DEPTH) throw new InvalidTaskError(`${where}: the signature is nested too deeply`)
  const data = readSignature(value, where)
  const { task, args, kwargs, options, immutable, subtask_type: type } = data
  const parts = { args, options, immutable }
  switch (type) {
    case 'chain':
      return new Chain(host, readAll(host, kwargs['tasks'], `${where}.tasks`, depth), parts)
    case 'group': {
      const group = new Group(host, readAll(host, kwargs['tasks'], `${where}.tasks`, depth), options)
      group.args = args
      return group
    }
    case 'chord':
      return readChord(host, kwargs, parts, where, depth)
    default:
      // What bears an id is waited for under that id, so it is sent as the one task that it is.
      if (task === 'celery.chunks' && depth === 0 && typeof options['task_id'] !== 'string') {
        return new Chunks(host, { ...parts, task, kwargs })
      }
      return new Signature(host, { ...parts, task, kwargs })
  }
}

function readChord(
  host: CanvasHost,
  kwargs: Readonly<Record<string, unknown>>,
  parts: Pick<AnySignature, 'args' | 'immutable'> & { readonly options: Readonly<Record<string, unknown>> },
  where: string,
  depth: number,
): Chord {
  const { header, body, kwargs: own } = kwargs
  const members = Array.isArray(header)
    ? readAll(host, header, `${where}.header`, depth)
    : read(host, header, `${where}.header`, depth + 1).members
  const end = read(host, body, `${where}.body`, depth + 1)
  return new Chord(host, members, end, { ...parts, kwargs: isRecord(own) ? own : {} })
}

function readAll(host: CanvasHost, value: unknown, where: string, depth: number): AnySignature[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : readSignatures(value, where)
  return items.map((item, index) => read(host, item, `${where}[${index}]`, depth + 1))
}
