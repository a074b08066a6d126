/** What the compiler knows of workflows. */
import { test } from 'node:test'
import { expectTypeOf } from 'expect-type'
import type { AnySignature } from '../../src/canvas.ts'
import { chord, group, xstarmap } from '../../src/canvas.ts'
import type { GroupResult } from '../../src/index.ts'
import { Celery } from '../../src/index.ts'

const app = new Celery('types', { setAsCurrent: false })
const add = app.task('add', (x: number, y: number) => x + y)
const name = app.task('name', async (n: number) => `n${n}`)
const count = app.task('count', (items: readonly string[]) => items.length)
const total = app.task('total', (portions: number[][]) => portions.length)

test('map, starmap and chunks know what they take and give [2-122]', () => {
  expectTypeOf(() => name.map([1, 2]).delay().get()).returns.resolves.toEqualTypeOf<string[]>()
  expectTypeOf(() =>
    add
      .starmap([[1, 2]])
      .delay()
      .get(),
  ).returns.resolves.toEqualTypeOf<number[]>()
  expectTypeOf(() => add.chunks([[1, 2]], 2).delay()).returns.resolves.toEqualTypeOf<
    GroupResult<number[][]>
  >()
  expectTypeOf(() =>
    xstarmap(add.s(), [[1, 2]])
      .delay()
      .get(),
  ).returns.resolves.toEqualTypeOf<number[]>()
  // @ts-expect-error a text is no number
  expectTypeOf(() => name.map(['a'])).toBeFunction()
  // @ts-expect-error one argument is missing
  expectTypeOf(() => add.starmap([[1]])).toBeFunction()
})

test('chunks, map and generators fit what comes after them [3-097] [3-088]', () => {
  expectTypeOf(() => name.map([1]).pipe(count.s()).delay().get()).returns.resolves.toEqualTypeOf<number>()
  expectTypeOf(() =>
    add
      .chunks([[1, 2]], 2)
      .group()
      .pipe(total.s()),
  ).toBeFunction()
  // @ts-expect-error numbers are no texts
  expectTypeOf(() => add.starmap([[1, 2]]).pipe(count.s())).toBeFunction()
  const members = function* () {
    yield name.s(1)
  }
  expectTypeOf(() => chord(members(), count.s()).delay().get()).returns.resolves.toEqualTypeOf<number>()
  expectTypeOf(() => group(members()).delay().get()).returns.resolves.toEqualTypeOf<string[]>()
})

test('a visitor gets signatures and answers stamps [3-185]', () => {
  expectTypeOf(() =>
    add.s(1, 2).stamp({
      onSignature: (signature) => {
        expectTypeOf(signature).toEqualTypeOf<AnySignature>()
        return { task: signature.task }
      },
    }),
  ).toBeFunction()
})
