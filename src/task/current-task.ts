/** Which task the running code belongs to. Follows the code through promises, callbacks and timers. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { TaskContext } from './ports.ts'

interface Running {
  readonly context: TaskContext
  /** Waiting for results is allowed. */
  readonly mayJoin: boolean
}

const running = new AsyncLocalStorage<Running>()

/** The innermost running task; undefined outside of tasks. Celery: `current_task`. */
export function currentTask(): TaskContext | undefined {
  return running.getStore()?.context
}

/** The innermost task that was not just called like a function. Celery: `current_worker_task`. */
export function currentWorkerTask(): TaskContext | undefined {
  let context = running.getStore()?.context
  while (context?.request.calledDirectly === true) context = outer.get(context)
  return context
}

/** Which task called a task like a function. */
const outer = new WeakMap<TaskContext, TaskContext>()

/** Runs the code of a task: all it does, now and later, belongs to `context`. */
export function runInTask<T>(context: TaskContext, code: () => T): T {
  if (context.request.calledDirectly) {
    const before = running.getStore()?.context
    if (before !== undefined) outer.set(context, before)
  }
  return running.run({ context, mayJoin: context.request.calledDirectly && !joinDenied() }, code)
}

/** Whether the running code is a task that must not wait for results. Celery: `task_join_will_block`. */
export function joinDenied(): boolean {
  const store = running.getStore()
  return store !== undefined && !store.mayJoin
}

/**
 * Runs code that may wait for results although it is part of a task. Know that the tasks it waits for will find a free
 * slot; otherwise everything waits for ever. Celery: `allow_join_result`.
 */
export function allowJoinResult<T>(code: () => T): T {
  const store = running.getStore()
  return store === undefined ? code() : running.run({ context: store.context, mayJoin: true }, code)
}

/** Runs code that must not wait for results, if it is part of a task. Celery: `denied_join_result`. */
export function deniedJoinResult<T>(code: () => T): T {
  const store = running.getStore()
  return store === undefined ? code() : running.run({ context: store.context, mayJoin: false }, code)
}
