/** Workflows of every shape and what they come to, on a worker, on every result backend. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AnySignature } from '../../src/canvas.ts'
import { chain, chord, group } from '../../src/canvas.ts'
import { testBrokers } from '../support/brokers.ts'
import type { CanvasApp } from './canvas-app.ts'
import { groupOf, startCanvasApp } from './canvas-app.ts'

interface Shape {
  readonly name: string
  readonly make: (canvas: CanvasApp) => AnySignature
  readonly value: unknown
}

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

const SHAPES: readonly Shape[] = [
  { name: 'a chain of one [3-062 3-123]', make: ({ add }) => chain(add.s(3, 4)), value: 7 },
  {
    name: 'a chain of a chain of one [3-126]',
    make: ({ add }) => chain([chain(add.s(3, 4)), chain(add.s(1))]),
    value: 8,
  },
  {
    name: 'a group in the middle and one at the end [3-124]',
    make: ({ add, sum }) =>
      chain([
        add.s(4, 4),
        group([add.s(8), add.s(16)]),
        sum.s(),
        group([24, 25, 26, 27].map((n) => add.s(n))),
      ]),
    value: [64, 65, 66, 67],
  },
  {
    name: 'chains and tasks in a group [3-125 3-128]',
    make: ({ add }) => chain([add.s(5, 6), group([chain(add.s(1), add.s(2)), add.s(3)])]),
    value: [14, 14],
  },
  {
    name: 'group, chord, group and chain [3-130]',
    make: ({ add, sum, same }) =>
      chain([
        group([add.s(1, 1), add.s(2, 2)]),
        sum.s(),
        group([add.s(1), add.s(2)]),
        group([sum.s(), sum.s()]),
        sum.s(),
        chain([same.s(), add.s(1)]),
      ]),
    value: 31,
  },
  {
    name: 'a group in the centre [3-147]',
    make: ({ add, sum, echo }) =>
      chain([add.s(1, 1), chain([group([add.s(8), add.s(16), add.s(24)]), sum.s()]), echo.s(), add.s(6)]),
    value: 60,
  },
  {
    name: 'task, group and chord in sequence [3-137]',
    make: ({ add, sum, same }) =>
      chain([same.s(1), group([add.s(1), add.s(2)]), chord([sum.s(), sum.s()], sum.s())]),
    value: 10,
  },
  {
    name: 'chords written out, one after the other [3-137]',
    make: ({ add, sum }) =>
      chain([
        chord([add.s(1, 1), add.s(2, 2)], sum.s()),
        chord([add.s(1), add.s(2)], sum.s()),
        chord([add.s(10), add.s(20)], sum.s()),
      ]),
    value: 60,
  },
  {
    name: 'nine chords [3-137]',
    make: ({ add, sum }) =>
      chain([add.s(1, 0), ...range(9).flatMap(() => [group([add.s(1), add.s(1)]), sum.s()])]),
    value: 1534,
  },
  {
    name: 'chord and a group of two [3-137]',
    make: ({ add, sum }) => chain([chord([add.s(1, 1), add.s(2, 2)], sum.s()), group([add.s(0), add.s(0)])]),
    value: [6, 6],
  },
  {
    name: 'chord, three tasks and a group [3-137]',
    make: ({ add, sum }) =>
      chain([
        chord([add.s(1, 1), add.s(2, 2)], sum.s()),
        add.s(1),
        add.s(1),
        add.s(0),
        group([add.s(0), add.s(0)]),
      ]),
    value: [8, 8],
  },
  {
    name: 'chord and two tasks [3-137]',
    make: ({ add, sum }) => chain([chord([add.s(1, 1), add.s(2, 2)], sum.s()), add.s(3), add.s(3)]),
    value: 12,
  },
  {
    name: 'nested chains alone, in the middle, at the end [3-138]',
    make: ({ add }) =>
      chain([chain([add.s(1, 1)]), add.s(1), chain([add.s(1), chain([add.s(1), add.s(1)])]), add.s(1)]),
    value: 7,
  },
  {
    name: 'nested groups alone [3-138 3-153]',
    make: ({ add }) => chain([group([group([add.s(1, 1), add.s(2, 2)])])]),
    value: [2, 4],
  },
  {
    name: 'a group in a group in a chain [3-138]',
    make: ({ add, sum }) => chain([add.s(1, 1), group([group([add.s(1), add.s(2)])]), sum.s()]),
    value: 7,
  },
  {
    name: 'a nested group [3-153]',
    make: ({ add }) =>
      chain([add.s(1, 0), group([add.s(10), group([add.s(100), group([add.s(1000), add.s(2000)])])])]),
    value: [11, 2001, 1001, 101],
  },
  {
    name: 'a group of 1000 [3-153]',
    make: ({ same }) => group(range(1000).map((n) => same.s(n))),
    value: range(1000),
  },
  {
    name: 'a chord of 1000 after a task [3-172]',
    make: ({ same, sum }) => chain([same.s(0), group(range(1000).map((n) => same.si(n))), sum.s()]),
    value: 499_500,
  },
  {
    name: 'a chord of a simple group [3-154]',
    make: ({ same, echo }) => chord([group([group([same.s(42)])])], group([echo.s()])),
    value: [[42]],
  },
  {
    name: 'a chord of a chain with a group at its end [3-154]',
    make: ({ same, echo }) => chord([chain([same.s(42), group([same.si(1337), same.s()])])], echo.s()),
    value: [[1337, 42]],
  },
  {
    name: 'a chord of a chord [3-154]',
    make: ({ same, sum, echo }) => chord([chord([same.s(42), same.s(0)], sum.s())], group([echo.s()])),
    value: [[42]],
  },
  {
    name: 'a chord of everything [3-154]',
    make: ({ same, sum, echo }) =>
      chord(
        [
          same.s(42),
          chain([same.s(40), same.s()]),
          group([same.s(42), same.s(42)]),
          chord([same.s(40), same.s(2)], sum.s()),
          chain([group([same.s(1336), same.s(1)]), sum.s()]),
        ],
        echo.s(),
      ),
    value: [42, 40, 42, 42, 42, 1337],
  },
  {
    name: 'a group with a chord whose body is a chain [3-155]',
    make: ({ same, sum, add, echo }) =>
      chord([group([chord([same.s(42), same.s(1)], chain([sum.s(), add.s(-1)])), same.s(7)])], echo.s()),
    value: [7, 42],
  },
  {
    name: 'a chord of a chain of groups [3-165]',
    make: ({ add, sum }) =>
      chain([group([add.s(1, 2), add.s(3, 4)]), group([sum.s(), sum.s()]), sum.s(), add.s(10)]),
    value: 30,
  },
  {
    name: 'a chord with named arguments and arguments [3-165]',
    make: ({ addAll, sum }) =>
      chord(
        [addAll.signature([], { kwargs: { x: 1, y: 1 } }), addAll.signature([2], { kwargs: { y: 3 } })],
        sum.s(),
      ),
    value: 7,
  },
  {
    name: 'a nested group chain [3-165]',
    make: ({ add, sum }) =>
      chain([add.s(1, 0), group([chain([group([add.s(1), add.s(2)]), sum.s()]), add.s(10)]), sum.s()]),
    value: 16,
  },
  {
    name: 'an empty header [3-086 3-166]',
    make: ({ echo }) => chord([], echo.s()),
    value: [],
  },
  {
    name: 'nested chords, deeper and deeper [3-167]',
    make: ({ same, echo }) =>
      chord(
        [
          chord([chord([chord([same.s(3), same.s(3)], echo.s()), same.s(4)], echo.s()), same.s(5)], echo.s()),
          same.s(6),
        ],
        echo.s(),
      ),
    value: [[[[3, 3], 4], 5], 6],
  },
  {
    name: 'chord in chords with chains [3-171]',
    make: ({ add, sum, echo }) =>
      chord(
        [
          chord([add.s(1, 2), chain(add.s(1, 2), add.s(4))], chain([sum.s(), add.s(1)])),
          chain([chord([add.s(1, 1), add.s(1, 1)], sum.s()), add.s(1)]),
        ],
        echo.s(),
      ),
    value: [11, 5],
  },
  {
    name: 'chain, chord, chain, chord [3-171]',
    make: ({ add, sum }) =>
      chain([
        add.s(1, 1),
        chord([add.s(1), add.s(2)], sum.s()),
        chain([add.s(1), add.s(1)]),
        chord([add.s(1), add.s(2)], sum.s()),
      ]),
    value: 21,
  },
  {
    name: 'chord in a group in a chord, and a tail [3-174]',
    make: ({ sum, same, echo }) =>
      chain([
        group([
          group([same.s(1), same.s(2)]),
          chain([group([same.s(3), same.s(4)]), group([sum.s(), sum.s()])]),
        ]),
        echo.s(),
        group([echo.s(), same.si(0)]),
      ]),
    value: [[2, 1, [7, 7]], 0],
  },
  {
    name: 'an empty group [3-072]',
    make: ({ app }) => groupOf(app, []),
    value: [],
  },
  {
    name: 'map [3-098 2-122]',
    make: ({ sum }) => sum.map([[1, 2], [3]]),
    value: [3, 3],
  },
  {
    name: 'starmap in a chain [3-098]',
    make: ({ add, same, sum }) =>
      chain([
        same.s(1),
        add.starmap([
          [1, 2],
          [3, 4],
        ]),
        sum.s(),
      ]),
    value: 10,
  },
  {
    name: 'chunks [3-096]',
    make: ({ add }) =>
      add.chunks(
        range(5).map((n) => [n, n] as const),
        2,
      ),
    value: [[0, 2], [4, 6], [8]],
  },
  {
    name: 'chunks with something before and after them [3-096 3-097]',
    make: ({ add, same, echo }) =>
      chain([
        same.s(1),
        add.chunks(
          range(3).map((n) => [n, n] as const),
          2,
        ),
        echo.s(),
      ]),
    value: [[0, 2], [4]],
  },
  {
    name: 'a member of a chord that is retried [3-104]',
    make: ({ again, sum }) => chord([again.s(1), again.s(2)], sum.s()),
    value: 3,
  },
  {
    name: 'a chord that grows [3-163 2-118]',
    make: ({ grow, sum }) => chord([grow.s([1, 2, 3], 4)], sum.s()),
    value: 18,
  },
  {
    name: 'a chord that grows by a chord [3-163]',
    make: ({ growByChord, sum, same }) => chord([growByChord.s([5, 6, 7]), same.s(1)], sum.s()),
    value: 19,
  },
  {
    name: 'replaced by a group [2-144 3-159]',
    make: ({ replace, add, same }) =>
      group([same.s(1), replace.s(group([add.s(2, 2), add.s(3, 3), add.s(4, 4)]).toJSON()), same.s(9)]),
    value: [1, [4, 6, 8], 9],
  },
  {
    name: 'a nested chord that is replaced [3-163]',
    make: ({ replace, same, sum, echo }) =>
      chord(
        [
          chord([replace.s(chord([same.s(1), same.s(2)], sum.s()).toJSON()), same.s(3)], echo.s()),
          replace.s(chain([same.s(10), same.s()]).toJSON()),
        ],
        echo.s(),
      ),
    value: [[3, 3], 10],
  },
]

for (const kind of testBrokers.filter(({ name }) => name !== 'rabbitmq')) {
  describe(`what workflows come to: ${kind.name}`, kind.needs, () => {
    test('every shape, all at once, made of data', async (t) => {
      const canvas = await startCanvasApp(t, await kind.open(t))
      const sent = SHAPES.map((shape) => {
        // What is sent must be the same whether it has been text in between or not.
        const made = shape.make(canvas)
        const data = JSON.parse(JSON.stringify(made))
        const signature = kind.name === 'redis' ? made : canvas.app.signatureFrom(data)
        return signature.send([]).get({ timeout: 60 })
      })
      const outcomes = await Promise.allSettled(sent)
      for (const [index, { name, value }] of SHAPES.entries()) {
        await t.test(name, () => {
          const outcome = outcomes[index]
          assert.ok(outcome?.status === 'fulfilled', String(outcome?.status === 'rejected' && outcome.reason))
          assert.deepEqual(outcome.value, value)
        })
      }
    })
  })
}
