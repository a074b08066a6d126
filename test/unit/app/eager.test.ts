import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { chord } from '../../../src/canvas/chord.ts'
import { chain } from '../../../src/canvas/compose-chain.ts'
import { group } from '../../../src/canvas/group.ts'
import { EncodeError, NotRegistered } from '../../../src/errors.ts'
import { EagerResult } from '../../../src/result/eager-result.ts'
import { sentMessages } from './golden-app.ts'
import { createTestApp } from './test-app.ts'

suite('taskAlwaysEager [2-148 1-133]', () => {
  test('runs calls here and now, and sends nothing', async () => {
    const app = createTestApp({ taskAlwaysEager: true })
    const add = app.task('t.add', (x: number, y: number) => x + y)
    const result = await add.delay(2, 3)
    assert.ok(result instanceof EagerResult)
    assert.equal(await result.get(), 5)
    assert.equal(await add.s(2).delay(5).get(), 7)
    assert.deepEqual(await sentMessages(app, ['celery']), [])
  })

  test('sends arguments through the serializer', async () => {
    const app = createTestApp({ taskAlwaysEager: true })
    const echo = app.task('t.echo', (x: unknown) => x)
    const given = { list: [1] }
    const value = await echo.delay(given).get()
    assert.deepEqual(value, given)
    assert.notEqual(value, given)
    await assert.rejects(echo.delay(() => 1).get(), EncodeError)
  })

  test('runs callbacks and errbacks', async () => {
    const app = createTestApp({ taskAlwaysEager: true })
    const seen: unknown[] = []
    const note = app.task('t.note', (x: unknown) => void seen.push(x))
    const add = app.task('t.add', (x: number, y: number) => x + y)
    const fail = app.task('t.fail', (): never => {
      throw new RangeError('no')
    })
    await add.applyAsync([1, 2], { link: note.s() })
    await fail.applyAsync({ taskId: 'failed', linkError: note.s() })
    assert.deepEqual(seen, [3, 'failed'])
  })

  test('runs workflows in place [3-129 3-164]', async () => {
    const app = createTestApp({ taskAlwaysEager: true, setAsCurrent: true })
    const add = app.task('t.add', (x: number, y: number) => x + y)
    const sum = app.task('t.sum', (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0))
    assert.equal(await chain(add.s(1, 2), add.s(3), add.s(4)).delay().get(), 10)
    assert.deepEqual(await group(add.s(1, 1), add.s(2, 2)).delay().get(), [2, 4])
    assert.equal(
      await chord([add.s(1, 1), add.s(2, 2)], sum.s())
        .delay()
        .get(),
      6,
    )
    assert.equal(
      await chain(add.s(1, 1), group(add.s(2), add.s(3)), sum.s())
        .delay()
        .get(),
      9,
    )
    assert.deepEqual(await group<ReturnType<typeof add.s>>([]).delay().get(), [])
  })
})

suite('apply [2-113]', () => {
  test('runs a call in place, whatever the settings', async () => {
    const app = createTestApp()
    const add = app.task('t.add', (x: number, y: number) => x + y)
    const result = await add.apply([2, 3], { taskId: 'mine' })
    assert.equal(result.id, 'mine')
    assert.equal(await result.get(), 5)
    assert.equal(await (await add.s(2, 3).apply()).get(), 5)
  })

  test('repeats at once what asks to be retried, until no attempt is left', async () => {
    const app = createTestApp()
    const seen: number[] = []
    const flaky = app.task('t.flaky', { bind: true, maxRetries: 3 }, async (self, limit: number) => {
      seen.push(self.request.retries)
      if (self.request.retries < limit) throw await self.retry({ error: new RangeError('no') })
      return self.request.isEager
    })
    assert.equal(await (await flaky.apply([2])).get(), true)
    assert.deepEqual(seen, [0, 1, 2])
    const failed = await flaky.apply([9])
    assert.equal(await failed.state(), 'FAILURE')
    await assert.rejects(failed.get(), RangeError)
  })

  test('retries by itself what the task says [2-081]', async () => {
    const app = createTestApp()
    let calls = 0
    const flaky = app.task('t.auto', { autoretryFor: [RangeError], maxRetries: 2 }, () => {
      calls += 1
      if (calls < 3) throw new RangeError('no')
      return calls
    })
    assert.equal(await (await flaky.apply([])).get(), 3)
  })

  test('throws the error itself with taskEagerPropagates [1-148]', async () => {
    const app = createTestApp({ taskEagerPropagates: true })
    const fail = app.task('t.fail', (): never => {
      throw new RangeError('no')
    })
    await assert.rejects(fail.apply([]), RangeError)
  })

  test('tells the task that calls it [2-149]', async () => {
    const app = createTestApp()
    const inner = app.task('t.inner', { bind: true }, (self) => [self.request.parentId, self.request.rootId])
    const outer = app.task('t.outer', { bind: true }, async () =>
      (await inner.apply([])).get({ disableSyncSubtasks: false }),
    )
    assert.deepEqual(await (await outer.apply([], { taskId: 'outer' })).get(), ['outer', 'outer'])
  })

  test('needs a body', async () => {
    const app = createTestApp()
    await assert.rejects(app.remoteTask('py.task').apply([]), NotRegistered)
  })
})
