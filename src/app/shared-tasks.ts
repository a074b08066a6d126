import type { DeclaredTask } from './declare-task.ts'

/** What `sharedTask` has declared, for all apps of the process. It only grows. */
export const sharedTasks: Map<string, DeclaredTask> = new Map()
