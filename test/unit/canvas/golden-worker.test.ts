import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { chord } from '../../../src/canvas/chord.ts'
import { chain } from '../../../src/canvas/compose-chain.ts'
import { group } from '../../../src/canvas/group.ts'
import { silentLogger } from '../../../src/util/logger.ts'
import type { GoldenApp } from '../app/golden-app.ts'
import { assertGolden, createGoldenApp, ID, loadGolden, runAll } from '../app/golden-app.ts'

type Send = (golden: GoldenApp) => PromiseLike<unknown>

/** By the name of the entry: the same as its Python. */
const WORKFLOWS: Readonly<Record<string, readonly [rows: string, send: Send]>> = {
  chain: ['3-133', ({ add, mul }) => chain(add.s(1, 2), add.s(3), mul.s(4)).applyAsync({ taskId: ID })],
  'chain-options': [
    '3-050',
    ({ add, mul }) => {
      const options = {
        priority: 3,
        countdown: 0.2,
        expires: 600,
        timeLimit: 9,
        shadow: 'sh',
        headers: { h: 1 },
      }
      return chain(add.s(1, 2), add.s(3).set(options), mul.s(4)).applyAsync({ taskId: ID, priority: 7 })
    },
  ],
  'chain-immutable': ['3-067', ({ add }) => chain(add.s(1, 2), add.si(5, 6)).applyAsync({ taskId: ID })],
  'chain-link-error': [
    '3-068',
    ({ fail, add, errbackOld }) =>
      chain(fail.s('golden'), add.s(3)).applyAsync({ taskId: ID, linkError: errbackOld.s() }),
  ],
  'chain-headers': [
    '3-014',
    ({ add }) => chain(add.s(1, 2), add.s(3)).applyAsync({ taskId: ID, headers: { tenant: 'a' } }),
  ],
  'chain-ignore-result': [
    '3-021',
    ({ add }) => chain(add.s(1, 2), add.s(3)).applyAsync({ taskId: ID, ignoreResult: true }),
  ],
  link: ['3-099', ({ add }) => add.applyAsync([2, 3], { taskId: ID, link: add.s(10) })],
  'link-list': [
    '2-163',
    ({ add, mul }) => add.applyAsync([2, 3], { taskId: ID, link: [add.s(10), mul.s(3), add.si(7, 7)] }),
  ],
  'link-group': [
    '2-163',
    ({ add }) => add.applyAsync([2, 3], { taskId: ID, link: group(add.s(1), add.s(2)) }),
  ],
  'link-and-chain': [
    '2-162',
    ({ add, mul }) => chain(add.s(1, 2).set({ link: mul.s(9) }), add.s(3)).applyAsync({ taskId: ID }),
  ],
  'link-error-old': [
    '3-101',
    ({ fail, errbackOld }) => fail.applyAsync(['golden'], { taskId: ID, linkError: errbackOld.s() }),
  ],
  'link-error-new': [
    '3-100',
    ({ fail, errbackNew }) => fail.applyAsync(['golden'], { taskId: ID, linkError: errbackNew.s() }),
  ],
  'link-error-other-app': [
    '3-101 3-121',
    ({ app, fail }) => fail.applyAsync(['golden'], { taskId: ID, linkError: app.signature('other.errback') }),
  ],
  chord: [
    '3-161',
    ({ add, xsum }) => {
      const body = xsum.s()
      body.options['task_id'] = ID
      return chord([add.s(1, 1), add.s(2, 2)], body).delay()
    },
  ],
  'chord-body-chain': [
    '3-155',
    ({ add, xsum }) => chord([add.s(1, 1), add.s(2, 2)], chain(xsum.s(), add.s(10))).delay(),
  ],
  'chord-body-group': [
    '3-083',
    ({ add, xsum, echo }) => chord([add.s(1, 1), add.s(2, 2)], group(xsum.s(), echo.s())).delay(),
  ],
  'chord-of-chains': [
    '3-165',
    ({ add, xsum }) => chord([chain(add.s(1, 1), add.s(2)), chain(add.s(3, 3), add.s(4))], xsum.s()).delay(),
  ],
  'chord-failing': [
    '3-113',
    ({ add, fail, xsum, errbackOld }) =>
      chord([add.s(1, 1), fail.s('golden')], xsum.s().linkError(errbackOld.s())).delay(),
  ],
  'chord-nested': [
    '3-167',
    ({ add, xsum }) => chord([chord([add.s(1, 1), add.s(2, 2)], xsum.s()), add.s(3, 3)], xsum.s()).delay(),
  ],
  'chain-with-group': [
    '3-105',
    ({ add, xsum }) => chain(add.s(1, 1), group(add.s(2), add.s(3)), xsum.s(), add.s(9)).delay(),
  ],
  'chain-ends-in-group': ['3-125', ({ add }) => chain(add.s(1, 1), group(add.s(2), add.s(3))).delay()],
  retry: [
    '2-132',
    ({ retry, add }) =>
      retry.applyAsync([1], {
        taskId: ID,
        priority: 4,
        headers: { tenant: 'a' },
        link: add.s(1),
        shadow: 'sh',
        expires: 600,
      }),
  ],
}

const golden = loadGolden('task-messages-worker.json')

suite('what runs a workflow sends what a worker of Celery sends', () => {
  for (const [name, [rows, send]] of Object.entries(WORKFLOWS)) {
    test(`${name} [${rows}]`, async () => {
      const entry = golden.get(name)
      assert.ok(entry !== undefined, `there is no golden entry ${name}`)
      const app = createGoldenApp({ logger: silentLogger })
      await send(app)
      const sent = await runAll(app.app)
      assertGolden(sent, entry.messages, { worker: true })
      await app.app.close()
    })
  }
})
