/** Results of calls, single ones, sets and groups, and the states of tasks. */
export {
  ABORTED,
  ALL_STATES,
  compareStates,
  EXCEPTION_STATES,
  FAILURE,
  IGNORED,
  PENDING,
  PROPAGATE_STATES,
  precedence,
  READY_STATES,
  RECEIVED,
  REJECTED,
  RETRY,
  REVOKED,
  STARTED,
  SUCCESS,
  UNREADY_STATES,
} from './protocol/states.ts'
export type { RemotelyThrown } from './protocol/traceback.ts'
export { AsyncResult } from './result/async-result.ts'
export { EagerResult } from './result/eager-result.ts'
export { GroupResult } from './result/group-result.ts'
export type {
  GetOptions,
  ResultContext,
  ResultControl,
  ResultLeaf,
  ResultNode,
  RevokeRequest,
  RevokeResultOptions,
  StampedHeaders,
} from './result/ports.ts'
export { resultFromTuple } from './result/result-from-tuple.ts'
export { ResultPromise } from './result/result-promise.ts'
export { ResultSet } from './result/result-set.ts'
