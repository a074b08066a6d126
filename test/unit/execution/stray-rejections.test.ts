import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hearStrayRejections } from '../../../src/execution/stray-rejections.ts'
import { TaskSelf } from '../../../src/task/context.ts'
import { runInTask } from '../../../src/task/current-task.ts'
import { createTaskRequest } from '../../../src/task/request.ts'
import { StreamLogger } from '../../../src/util/logger.ts'
import { RecordingHost } from './recording-host.ts'

test('whatever a forgotten promise is rejected with, it is a line in the log', (t) => {
  const before = new Set(process.listeners('unhandledRejection'))
  t.after(hearStrayRejections())
  const [hear] = process.listeners('unhandledRejection').filter((listener) => !before.has(listener))
  assert.ok(hear)
  const lines: string[] = []
  const logger = new StreamLogger('test', { write: (line) => void lines.push(line) })
  const host = new RecordingHost()
  host.task('t', () => 1)
  const task = host.tasks.require('t')
  const self = new TaskSelf({ task, host, request: createTaskRequest({ id: 'id', task: 't' }), logger })
  const circle: Record<string, unknown> = {}
  circle['itself'] = circle
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  const reasons = [new Error('boom'), 'text', undefined, 10n, circle, proxy, Object.create(null)]
  for (const reason of reasons) runInTask(self, () => hear(reason, Promise.resolve()))
  assert.equal(lines.length, reasons.length)
  assert.match(lines[0] ?? '', /nothing awaits it\nError: boom\n {4}at /)
  assert.match(lines[3] ?? '', /nothing awaits it.* error=Error\('10'\)\n$/)
})
