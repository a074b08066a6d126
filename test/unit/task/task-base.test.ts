import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { TaskError } from '../../../src/errors.ts'
import type { TaskContext, TaskOutcomeInfo } from '../../../src/task/ports.ts'
import { TaskBase } from '../../../src/task/task-base.ts'
import { createTestApp } from '../app/test-app.ts'

class Counting extends TaskBase<[step: number], number> {
  readonly name = 't.Counting'
  override readonly options = { maxRetries: 1, ignoreResult: true }
  readonly #seen: string[] = []
  #count = 0

  get seen(): readonly string[] {
    return this.#seen
  }

  run(step: number): number {
    this.#count += step
    this.#seen.push(this.request.id)
    return this.#count
  }

  override onSuccess(self: TaskContext, value: unknown, info: TaskOutcomeInfo): void {
    this.#seen.push(`${self.name} ${String(value)} ${JSON.stringify(info.args)}`)
  }
}

suite('a class-based task', () => {
  test('runs on one instance, which keeps its fields [2-063 2-107 2-115]', async () => {
    const app = createTestApp({ taskAlwaysEager: true })
    const instance = new Counting()
    const task = app.registerTask(instance)
    assert.equal(await task.applyAsync([2], { taskId: 'one' }).get(), 2)
    assert.equal(await task.applyAsync([3], { taskId: 'two' }).get(), 5)
    assert.deepEqual(instance.seen, ['one', 't.Counting 2 [2]', 'two', 't.Counting 5 [3]'])
  })

  test('has its options and its handlers [2-025 2-129]', () => {
    const app = createTestApp()
    const task = app.registerTask(new Counting())
    assert.equal(task.options.maxRetries, 1)
    assert.equal(task.options.ignoreResult, true)
    assert.equal(typeof task.handlers.onSuccess, 'function')
    assert.equal(task.handlers.onFailure, undefined)
    assert.equal(task(1), 1)
  })

  test('knows of no call outside of one', () => {
    assert.throws(() => new Counting().request, TaskError)
  })
})
