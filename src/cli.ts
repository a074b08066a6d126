/** The command line, for programs that start it themselves. */

export type { StartOptions } from './cli/start.ts'
export { start, workerMain } from './cli/start.ts'
