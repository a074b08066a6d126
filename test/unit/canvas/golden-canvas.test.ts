import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { UserAppOptions } from '../../../src/app/app-options.ts'
import { chord } from '../../../src/canvas/chord.ts'
import { chain } from '../../../src/canvas/compose-chain.ts'
import { group } from '../../../src/canvas/group.ts'
import { allowJoinResult } from '../../../src/task/current-task.ts'
import type { GoldenApp } from '../app/golden-app.ts'
import {
  assertGolden,
  createGoldenApp,
  ID,
  loadGolden,
  queuesOf,
  sentMessages,
  withRequest,
} from '../app/golden-app.ts'

interface Workflow {
  readonly rows: string
  readonly send: (golden: GoldenApp) => unknown
  readonly settings?: UserAppOptions
}

/** By the name of the entry: the same as its Python. */
const WORKFLOWS: Readonly<Record<string, Workflow>> = {
  'chain-2': {
    rows: '3-060 3-061',
    send: ({ add }) => chain(add.s(1, 2), add.s(3)).applyAsync({ taskId: ID }),
  },
  'chain-4': {
    rows: '3-061 3-067',
    send: ({ add, mul }) => chain(add.s(1, 2), add.s(3), mul.s(4), add.si(5, 6)).applyAsync({ taskId: ID }),
  },
  'chain-pipe': { rows: '3-059', send: ({ add }) => add.s(1, 2).pipe(add.s(3)).pipe(add.s(4)).delay() },
  'chain-options': {
    rows: '3-050',
    send: ({ add }) => {
      const second = add.s(3).set({ queue: 'other', priority: 3, countdown: 5, expires: 60, timeLimit: 9 })
      return chain(add.s(1, 2), second).applyAsync({ taskId: ID, queue: 'golden-chain' })
    },
  },
  'chain-link': {
    rows: '3-064',
    send: ({ add, errbackOld }) =>
      chain(add.s(1, 2), add.s(3)).applyAsync({ taskId: ID, link: add.s(100), linkError: errbackOld.s() }),
  },
  'chain-countdown': {
    rows: '3-060',
    send: ({ add }) => chain(add.s(1, 2), add.s(3)).applyAsync({ taskId: ID, countdown: 10 }),
  },
  'chain-kwargs': {
    rows: '3-045',
    send: ({ add, echo }) =>
      chain([
        add.signature([], { kwargs: { x: 1, y: 2 } }),
        echo.signature([3], { kwargs: { k: 'v' } }),
      ]).applyAsync({ taskId: ID }),
  },
  'chain-1': { rows: '3-062', send: ({ add }) => chain(add.s(1, 1)).applyAsync({ taskId: ID }) },
  group: { rows: '3-070', send: ({ add }) => group([0, 1, 2].map((i) => add.s(i, i))).delay() },
  'group-priority': {
    rows: '3-074',
    send: ({ add }) =>
      group(add.s(1, 1), add.s(2, 2).set({ queue: 'other', priority: 1 })).applyAsync({
        priority: 6,
        countdown: 3,
      }),
  },
  'group-skew': {
    rows: '3-078',
    send: ({ add }) =>
      group([0, 1, 2].map((i) => add.s(i, i)))
        .skew({ start: 1, stop: 10, step: 2 })
        .delay(),
  },
  'group-1': { rows: '3-071', send: ({ add }) => group(add.s(1, 1)).delay() },
  'group-args': { rows: '3-074', send: ({ add }) => group(add.s(1), add.s(2)).delay(10) },
  'group-empty': { rows: '3-072', send: ({ app }) => app.signatureFrom(EMPTY_GROUP).send([]) },
  'group-nested': {
    rows: '3-073',
    send: ({ add }) => group(add.s(1, 1), group(add.s(2, 2), add.s(3, 3))).delay(),
  },
  'group-of-chains': {
    rows: '3-128',
    send: ({ add }) => group(chain(add.s(1, 1), add.s(2)), chain(add.s(3, 3), add.s(4))).delay(),
  },
  chord: {
    rows: '3-082 3-090',
    send: ({ add, xsum }) => chord([add.s(1, 1), add.s(2, 2)], xsum.s()).applyAsync({ taskId: ID }),
  },
  'chord-1': { rows: '3-087', send: ({ add, xsum }) => chord([add.s(1, 1)], xsum.s()).delay() },
  'chord-group-pipe': {
    rows: '3-083',
    send: ({ add, xsum }) => group(add.s(1, 1), add.s(2, 2)).pipe(xsum.s()).delay(),
  },
  'chord-options': {
    rows: '3-093',
    send: ({ add, xsum }) =>
      chord(
        [add.s(1, 1), add.s(2, 2).set({ priority: 2 })],
        xsum.s().set({ queue: 'other', priority: 8 }),
      ).applyAsync({ countdown: 5, priority: 6 }),
  },
  'chord-link-method': {
    rows: '3-095',
    send: ({ add, xsum, errbackOld }) =>
      chord([add.s(1, 1), add.s(2, 2)], xsum.s())
        .link(add.s(1))
        .linkError(errbackOld.s())
        .delay(),
  },
  'chord-empty-header': { rows: '3-086', send: ({ xsum }) => chord([], xsum.s()).send([]) },
  'chord-args': { rows: '3-074', send: ({ add, xsum }) => chord([add.s(1), add.s(2)], xsum.s()).delay(10) },
  'chord-immutable-body': {
    rows: '3-047',
    send: ({ add }) => chord([add.s(1, 1), add.s(2, 2)], add.si(7, 7)).delay(),
  },
  'chord-body-link-error': {
    rows: '3-095',
    send: ({ add, xsum, errbackOld }) =>
      chord([add.s(1, 1), add.s(2, 2)], xsum.s().linkError(errbackOld.s())).delay(),
  },
  'allow-error-cb-on-chord-header': {
    rows: '1-165',
    settings: { taskAllowErrorCbOnChordHeader: true },
    send: ({ add, xsum, errbackOld }) =>
      chord([add.s(1, 1), add.s(2, 2)], xsum.s().linkError(errbackOld.s())).delay(),
  },
  'chord-of-chains': {
    rows: '3-165',
    send: ({ add, mul, xsum }) =>
      chord([chain(add.s(1, 1), add.s(2)), chain(add.s(3, 3), add.s(4), mul.s(5))], xsum.s()).delay(),
  },
  'chord-body-chain': {
    rows: '3-155',
    send: ({ add, xsum }) => chord([add.s(1, 1), add.s(2, 2)], chain(xsum.s(), add.s(10))).delay(),
  },
  'chord-body-group': {
    rows: '3-083',
    send: ({ add, xsum, echo }) => chord([add.s(1, 1), add.s(2, 2)], group(xsum.s(), echo.s())).delay(),
  },
  'chord-nested': {
    rows: '3-167',
    send: ({ add, xsum }) =>
      chord([chord([add.s(1, 1), add.s(2, 2)], xsum.s()), add.s(3, 3)], xsum.s()).delay(),
  },
  'chord-then-task': {
    rows: '3-084 3-085',
    send: ({ add, xsum }) =>
      chord([add.s(1, 1), add.s(2, 2)], xsum.s())
        .pipe(add.s(5))
        .delay(),
  },
  'chain-with-group': {
    rows: '3-105',
    send: ({ add, xsum }) => chain(add.s(1, 1), group(add.s(2), add.s(3)), xsum.s(), add.s(9)).delay(),
  },
  'chain-with-chord': {
    rows: '3-105',
    send: ({ add, xsum }) => chain(add.s(1, 1), chord([add.s(2), add.s(3)], xsum.s())).delay(),
  },
  'chain-ends-in-group': {
    rows: '3-125',
    send: ({ add }) => chain(add.s(1, 1), group(add.s(2), add.s(3))).delay(),
  },
  'chain-of-groups': {
    rows: '3-130',
    send: ({ add, echo }) =>
      chain([group(add.s(1, 1), add.s(2, 2)), group(echo.s(), echo.s(1)), echo.s()]).delay(),
  },
  'link-chain': {
    rows: '3-099',
    send: ({ add }) => add.applyAsync([2, 3], { taskId: ID, link: chain(add.s(1), add.s(2)) }),
  },
  'link-group': {
    rows: '3-099',
    send: ({ add }) => add.applyAsync([2, 3], { taskId: ID, link: group(add.s(1), add.s(2)) }),
  },
  'link-chord': {
    rows: '3-099',
    send: ({ add, xsum }) =>
      add.applyAsync([2, 3], { taskId: ID, link: chord([add.s(1), add.s(2)], xsum.s()) }),
  },
  'backend-cache-chord': {
    rows: '3-090',
    send: ({ add, xsum }) => chord([add.s(1, 1), add.s(2, 2)], xsum.s()).delay(),
  },
  'task-replace': {
    rows: '2-145 2-147',
    send: ({ app, add, mul }) =>
      withRequest(
        app,
        add,
        { args: [2, 3], rootId: 'run-root', parentId: 'run-parent', group: 'grp', groupIndex: 2 },
        (self) => assert.rejects(self.replace(mul.s(2, 3)), /Replaced by new task/),
      ),
  },
  'task-replace-chain': {
    rows: '2-145',
    send: ({ app, add, mul }) =>
      withRequest(app, add, { rootId: 'run-root', chain: [add.s(9).toJSON()] }, (self) =>
        assert.rejects(self.replace(chain(mul.s(2, 3), add.s(1))), /Replaced by new task/),
      ),
  },
  map: {
    rows: '3-098 2-122',
    send: ({ xsum }) =>
      xsum
        .map([
          [1, 2],
          [3, 4],
        ])
        .delay(),
  },
  starmap: {
    rows: '3-098 2-122',
    send: ({ add }) =>
      add
        .starmap([
          [1, 2],
          [3, 4],
        ])
        .delay(),
  },
  chunks: { rows: '3-096 2-122', send: ({ add }) => add.chunks(pairs(5), 2).delay() },
  'chunks-chord': {
    rows: '3-097',
    send: ({ add, echo }) => add.chunks(pairs(4), 2).group().pipe(echo.s()).delay(),
  },
  stamp: {
    rows: '3-184 3-189',
    send: ({ add }) => add.s(2, 3).stamp({ stamp: 'value' }).applyAsync({ taskId: ID }),
  },
  'stamp-many': {
    rows: '3-184 3-190',
    send: ({ add }) =>
      add
        .s(2, 3)
        .stamp({ a: 1, b: ['x', 'y'], d: { k: 1 } })
        .applyAsync({ taskId: ID }),
  },
  'stamp-visitor': {
    rows: '3-185',
    send: ({ add }) =>
      add
        .s(2, 3)
        .stamp({ onSignature: () => ({ monitoring_id: 'm-1' }) })
        .applyAsync({ taskId: ID }),
  },
  'stamp-append': {
    rows: '3-188',
    send: ({ add }) =>
      add.s(2, 3).stamp({ a: 'one' }).stamp({ a: 'two' }, { appendStamps: true }).applyAsync({ taskId: ID }),
  },
  'stamp-chain': {
    rows: '3-184 3-191',
    send: ({ add }) => chain(add.s(1, 2), add.s(3)).stamp({ stamp: 'c' }).applyAsync({ taskId: ID }),
  },
  'stamp-group': {
    rows: '3-184',
    send: ({ add }) => group(add.s(1, 2), add.s(3, 4)).stamp({ stamp: 'g' }).delay(),
  },
  'stamp-chord': {
    rows: '3-184',
    send: ({ add, xsum }) =>
      chord([add.s(1, 2), add.s(3, 4)], xsum.s())
        .stamp({ stamp: 'h' })
        .delay(),
  },
  'stamp-link': {
    rows: '3-055 3-191',
    send: ({ add, errbackOld }) =>
      add.s(1, 2).link(add.s(3)).linkError(errbackOld.s()).stamp({ stamp: 'l' }).applyAsync({ taskId: ID }),
  },
  'stamp-visitor-hooks': {
    rows: '3-185 3-187',
    send: ({ add, xsum, errbackOld }) =>
      chain(add.s(0, 0), chord(group(add.s(2), add.s(4).link(add.s(5)).linkError(errbackOld.s())), xsum.s()))
        .stamp({
          onSignature: ({ task }) => ({ sig: task }),
          onGroupStart: ({ members }) => ({ in_group: ['g', members.length] }),
          onChainStart: () => ({ in_chain: true }),
          onChordBody: () => ({ body: 1 }),
          onCallback: () => ({ cb: 1 }),
          onErrback: () => ({ eb: 1 }),
        })
        .delay(),
  },
  'task-add-to-chord': {
    rows: '2-118',
    send: ({ app, add, mul, xsum }) =>
      withRequest(app, add, { rootId: 'run-root', group: 'grp', chord: xsum.s().toJSON() }, (self) =>
        self.addToChord(mul.s(2, 3)),
      ),
  },
  'task-replace-group': {
    rows: '2-144',
    send: ({ app, add, mul }) =>
      withRequest(app, add, { rootId: 'run-root' }, (self) =>
        assert.rejects(self.replace(group(mul.s(2, 3), mul.s(4, 5))), /Replaced by new task/),
      ),
  },
}

function pairs(count: number): [number, number][] {
  return Array.from({ length: count }, (_, n) => [n, n])
}

const EMPTY_GROUP = {
  task: 'celery.group',
  args: [],
  kwargs: { tasks: [] },
  options: {},
  subtask_type: 'group',
  immutable: false,
}

const golden = loadGolden('task-messages-v2.json')

suite('a workflow becomes the messages that Celery sends', () => {
  for (const [name, { rows, send, settings }] of Object.entries(WORKFLOWS)) {
    test(`${name} [${rows}]`, async () => {
      const entry = golden.get(name)
      assert.ok(entry !== undefined, `there is no golden entry ${name}`)
      const app = createGoldenApp(settings)
      await allowJoinResult(() => send(app))
      const queues = entry.messages.length === 0 ? ['celery'] : queuesOf(entry)
      assertGolden(await sentMessages(app.app, queues), entry.messages)
      await app.app.close()
    })
  }
})
