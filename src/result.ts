/** Results of calls: single ones, sets and groups. */
export { AsyncResult } from './result/async-result.ts'
export { EagerResult } from './result/eager-result.ts'
export { GroupResult } from './result/group-result.ts'
export type { GetOptions, ResultContext, ResultLeaf, ResultNode } from './result/ports.ts'
export { resultFromTuple } from './result/result-from-tuple.ts'
export { ResultPromise } from './result/result-promise.ts'
export { ResultSet } from './result/result-set.ts'
