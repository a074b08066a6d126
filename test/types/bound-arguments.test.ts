import { test } from 'node:test'
import { expectTypeOf } from 'expect-type'
import type { Bindable, Missing } from '../../src/task/bound-arguments.ts'

test('trailing arguments can be bound, leading ones are missing', () => {
  type Two = [x: number, y: string]
  expectTypeOf<Bindable<Two>>().toEqualTypeOf<[number, string] | [string] | []>()
  expectTypeOf<Missing<Two, []>>().toEqualTypeOf<[number, string]>()
  expectTypeOf<Missing<Two, [string]>>().toEqualTypeOf<[number]>()
  expectTypeOf<Missing<Two, [number, string]>>().toEqualTypeOf<[]>()
  expectTypeOf<Missing<Two, [1, 'a']>>().toEqualTypeOf<[]>()
  expectTypeOf<Missing<[x: number, y?: string], [number]>>().toEqualTypeOf<[]>()
})

test('an optional argument may be given in front or left out', () => {
  type Optional = [x: number, y?: number]
  expectTypeOf<Missing<Optional, []>>().toEqualTypeOf<[number] | [number, number]>()
  expectTypeOf<Missing<Optional, [number]>>().toEqualTypeOf<[] | [number]>()
  expectTypeOf<Missing<Optional, [number, number]>>().toEqualTypeOf<[]>()
})

test('with any number of arguments anything goes in front', () => {
  expectTypeOf<Bindable<number[]>>().toEqualTypeOf<number[]>()
  expectTypeOf<Missing<number[], [number]>>().toEqualTypeOf<readonly unknown[]>()
})
