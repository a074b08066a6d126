/** Workflows in workflows, sent as they come back from JSON: each call runs exactly once, and the value is right. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Chain } from '../../src/canvas/chain.ts'
import { Chord } from '../../src/canvas/chord.ts'
import type { AnySignature } from '../../src/canvas.ts'
import { chain, chord, group } from '../../src/canvas.ts'
import { SoftTimeLimitExceeded } from '../../src/errors.ts'
import { GroupResult } from '../../src/result/group-result.ts'
import { ResultSet } from '../../src/result/result-set.ts'
import { startWorker } from '../../src/testing/start-worker.ts'
import { createTestApp } from '../../src/testing/test-app.ts'
import { StreamLogger } from '../../src/util/logger.ts'

const WAIT = { timeout: 60 }

function createApp(settings: Parameters<typeof createTestApp>[0] = {}) {
  const app = createTestApp(settings)
  const runs: string[] = []
  app.signals.taskPrerun.connect(({ taskId, task }) => {
    if (!task.name.startsWith('celery.')) runs.push(taskId)
  })
  const add = app.task('c.add', (x: number, y: number) => x + y)
  const sum = app.task('c.sum', (values: unknown) =>
    [values].flat(Number.POSITIVE_INFINITY).reduce((all: number, one) => all + Number(one), 0),
  )
  const fail = app.task('c.fail', (): number => {
    throw new RangeError('on purpose')
  })
  return { app, add, sum, fail, runs }
}

type Made = readonly [name: string, signature: AnySignature, value: unknown, runs: number]

function pairs({ add, sum }: ReturnType<typeof createApp>): readonly Made[] {
  const inner = {
    chain: () => chain(add.s(1, 1), add.s(1)),
    group: () => group([add.s(1, 1), add.s(2, 2)]),
    chord: () => chord([add.s(1, 1), add.s(2, 2)], sum.s()),
  }
  return [
    ['chain of chain', chain([inner.chain(), add.s(1)]), 4, 3],
    ['chain of group', chain([inner.group(), sum.s()]), 6, 3],
    ['chain of chord', chain([inner.chord(), add.s(1)]), 7, 4],
    ['group of chain', group([inner.chain(), add.s(3, 3)]), [3, 6], 3],
    ['group of group', group([inner.group(), add.s(3, 3)]), [2, 4, 6], 3],
    ['group of chord', group([inner.chord(), add.s(3, 3)]), [6, 6], 4],
    ['chord of chain', chord([inner.chain(), add.s(3, 3)], sum.s()), 9, 4],
    ['chord of group', chord([inner.group(), add.s(3, 3)], sum.s()), 12, 4],
    ['chord of chord', chord([inner.chord(), add.s(3, 3)], sum.s()), 12, 5],
  ]
}

/** Groups that become chords because something follows them. */
function mixtures({ add, sum }: ReturnType<typeof createApp>): readonly Made[] {
  const two = () => group([add.s(1, 1), add.s(2, 2)])
  const onward = () => group([add.s(1), add.s(2)])
  const upgraded = () => chord([add.s(1, 1), add.s(2, 2)], sum.s())
  return [
    ['pure groups', chain([two(), sum.s(), onward(), sum.s(), onward()]), [16, 17], 8],
    ['beginning with a chord', chain([upgraded(), onward(), sum.s()]), 15, 6],
    ['mixed', chain([add.s(1, 1), onward(), sum.s(), add.s(1), onward(), sum.s()]), 19, 8],
  ]
}

/** What ends in groups, inside a header and in front of something. */
function endings({ app, add, sum }: ReturnType<typeof createApp>): readonly Made[] {
  const onward = () => group([add.s(1), add.s(2)])
  const ending = () => new Chord(app, [add.s(1, 1), add.s(2, 2)], group([sum.s(), sum.s()]))
  // By hand: chain() would have put what follows into the body.
  const byHand = (...tasks: readonly AnySignature[]) => new Chain(app, tasks)
  return [
    ['group within a header', chord([chain([add.s(1, 1), onward()]), add.s(3, 3)], sum.s()), 13, 5],
    ['chord, then a task', byHand(ending(), sum.s()), 12, 5],
    ['chord, then a group', byHand(ending(), group([sum.s(), sum.s()])), [12, 12], 6],
    [
      'chord with a chain, then a task',
      byHand(new Chord(app, [add.s(1, 1), add.s(2, 2)], byHand(sum.s(), onward())), sum.s()),
      15,
      6,
    ],
    ['chord within a header', chord([byHand(ending(), sum.s()), add.s(1, 1)], sum.s()), 14, 7],
  ]
}

suite('workflows in workflows', () => {
  for (const [title, make] of [
    ['the nine pairs of them [3-182]', pairs],
    ['groups and chords that are chained [3-146]', mixtures],
    ['what ends in groups [3-146, 3-182]', endings],
  ] as const) {
    for (const taskProtocol of [2, 1] as const) {
      test(`run each call once, rebuilt from JSON, protocol ${taskProtocol}: ${title}`, async () => {
        const canvas = createApp({ taskProtocol })
        const { app, runs } = canvas
        await using _worker = await startWorker(app)
        for (const [name, signature, value, count] of make(canvas)) {
          runs.length = 0
          const again = app.signatureFrom(JSON.parse(JSON.stringify(signature)))
          assert.equal(again.subtaskType, signature.subtaskType, name)
          const result = await again.send([])
          assert.deepEqual(await result.get(WAIT), value, name)
          assert.deepEqual([runs.length, new Set(runs).size], [count, count], name)
        }
        await app.close()
      })
    }
  }

  test('a soft time limit that a part of a chord deals with is no failure [3-134]', async () => {
    const { app, add, sum } = createApp()
    const patient = app.task('c.patient', { bind: true, softTimeLimit: '20ms' }, async ({ signal }) => {
      if (!signal.aborted) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      }
      return signal.reason instanceof SoftTimeLimitExceeded ? 1 : 100
    })
    await using _worker = await startWorker(app, { concurrency: 2, pool: 'async' })
    assert.equal(
      await chord([patient.s(), add.s(1, 1)], sum.s())
        .delay()
        .get(WAIT),
      3,
    )
    await app.close()
  })

  test('a failure within is what the whole ends with, and nothing to the worker [3-131, 3-149, 3-180]', async () => {
    const lines: string[] = []
    const logger = new StreamLogger('celery', { level: 'CRITICAL', write: (line) => void lines.push(line) })
    const { app, add, sum, fail } = createApp()
    await using _worker = await startWorker(app, { logger })
    const nested = chain([add.s(1, 1), chord([chain([add.si(1, 1), fail.si()]), add.si(2, 2)], sum.s())])
    await assert.rejects(nested.delay().get(WAIT), /on purpose/)
    assert.equal(await add.delay(1, 1).get(WAIT), 2)
    assert.deepEqual(lines, [])
    const failed = await group([add.s(1, 1), fail.s()]).delay()
    assert.ok(failed instanceof GroupResult)
    await assert.rejects(failed.get(WAIT), /on purpose/)
    // Nothing was kept of the first try that could hide the failure.
    await assert.rejects(failed.get(WAIT), /on purpose/)
    const set = new ResultSet([await add.delay(1, 1)], app.resultContext)
    set.add(await add.delay(2, 2))
    assert.deepEqual(await set.get(WAIT), [2, 4])
    set.add(await fail.delay())
    await assert.rejects(set.get(WAIT), /on purpose/)
    await app.close()
  })

  test('keep the priority of header and body [3-173, 10-042]', async () => {
    const { app, add, sum } = createApp({ taskDefaultPriority: 2 })
    const seen: unknown[] = []
    app.signals.taskPrerun.connect(({ task, request }) => {
      if (!task.name.startsWith('celery.')) seen.push([task.name, request.deliveryInfo.priority])
    })
    const urgent = app.task('c.urgent', { priority: 5 }, (x: number) => x)
    await using _worker = await startWorker(app)
    const header = [add.s(1, 1).set({ priority: 7 }), add.s(2, 2).set({ priority: 7 })]
    await chord(header, sum.s().set({ priority: 8 }))
      .delay()
      .get(WAIT)
    assert.deepEqual(seen.splice(0), [
      ['c.add', 7],
      ['c.add', 7],
      ['c.sum', 8],
    ])
    await chain([
      add.s(1, 1),
      chord([add.s(1).set({ priority: 7 }), urgent.s()], sum.s().set({ priority: 9 })),
    ])
      .delay()
      .get(WAIT)
    assert.deepEqual(seen[0], ['c.add', 2])
    assert.deepEqual(seen.slice(1, 3).map(String).toSorted(), ['c.add,7', 'c.urgent,5'])
    assert.deepEqual(seen[3], ['c.sum', 9])
    await app.close()
  })
})
