/** Groups as Celery pickles them: as calls that make an `app.GroupResult` of an `app.AsyncResult` for each member. */
import { DecodeError } from '../../errors.ts'
import { decodePickle, encodePickle } from '../../messaging/serialization/pickle/pickle.ts'
import type { PickleGlobals } from '../../messaging/serialization/pickle/pickle-globals.ts'
import { PLAIN_GLOBALS } from '../../messaging/serialization/pickle/pickle-globals.ts'
import { PickledCall } from '../../messaging/serialization/pickle/pickle-writer.ts'
import type { GroupTuple } from '../backend.ts'

/** The pickle of a group. */
export function encodeGroupPickle(group: GroupTuple): Uint8Array {
  return encodePickle(resultCall(group))
}

/** The group in a pickle. @throws DecodeError */
export function decodeGroupPickle(bytes: Uint8Array): GroupTuple {
  const group = decodePickle(bytes, GROUP_GLOBALS)
  if (Array.isArray(group)) return group
  throw new DecodeError('The pickle holds no group')
}

/** Python makes it with its current app. */
function resultCall(tuple: unknown): unknown {
  if (!Array.isArray(tuple)) return null
  const [own, children] = tuple
  const [id, parent] = Array.isArray(own) ? own : [own, null]
  const [name, args] = Array.isArray(children)
    ? ['GroupResult', [id, children.map(resultCall), resultCall(parent)]]
    : ['AsyncResult', [id, null, null, null, resultCall(parent)]]
  return new PickledCall('celery.app.base', '_unpickle_appattr', [name, args])
}

function asyncResult(
  id: unknown,
  _backend?: unknown,
  _name?: unknown,
  _app?: unknown,
  parent?: unknown,
): unknown {
  return [[id, parent ?? null], null]
}

function groupResult(id: unknown, results: unknown = [], parent?: unknown): unknown {
  return [[id, parent ?? null], results]
}

function attributeOfApp(name: unknown, args: unknown): unknown {
  const make = name === 'AsyncResult' ? asyncResult : name === 'GroupResult' ? groupResult : undefined
  if (make === undefined || !Array.isArray(args)) {
    throw new DecodeError(`A pickled group has a member of an unknown kind, ${JSON.stringify(name)}`)
  }
  return Reflect.apply(make, undefined, args)
}

const GROUP_GLOBALS: PickleGlobals = new Map([
  ...PLAIN_GLOBALS,
  ['celery.app.base._unpickle_appattr', attributeOfApp],
  ['celery.result.AsyncResult', asyncResult],
  ['celery.result.GroupResult', groupResult],
  // Members carry the backend along, with the URL of whoever saved them: they get ours.
  ['celery.backends.base.unpickle_backend', () => null],
  ['celery.backends.database.DatabaseBackend', () => null],
])
