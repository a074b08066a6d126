import type { Celery } from '../app/celery.ts'
import { TaskSelf } from '../task/context.ts'
import { runInTask } from '../task/current-task.ts'
import type { RegisteredTask } from '../task/ports.ts'
import type { TaskRequest } from '../task/request.ts'
import { createTaskRequest } from '../task/request.ts'
import { uuid } from '../util/uuid.ts'

/**
 * Runs code as if it were a run of a task: `task.request` and `currentTask()` are there, with the fields given. For
 * tests of code that looks at them. Celery: `push_request`, `pop_request`.
 */
export function runInRequest<T>(
  app: Celery,
  task: { readonly name: string },
  fields: Partial<TaskRequest>,
  code: (self: TaskSelf) => T,
): T {
  const registered: RegisteredTask = app.tasks.require(task.name)
  const request = createTaskRequest({ id: uuid(), ...fields, task: task.name })
  const self = new TaskSelf({ task: registered, host: app, request })
  return runInTask(self, () => code(self))
}
