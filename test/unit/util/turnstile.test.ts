import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turnstile } from '../../../src/util/turnstile.ts'

test('who need not wait goes through at once', async () => {
  const turnstile = new Turnstile()
  const passed: number[] = []
  const enter = (n: number): Promise<number> =>
    turnstile.enter(() => ({ pass: () => Promise.resolve(passed.push(n)) }))
  const all = [enter(1), enter(2)]
  assert.deepEqual(passed, [1, 2])
  assert.deepEqual(await Promise.all(all), [1, 2])
})

test('who comes later waits for who came before, but not for what happens behind the turnstile', async () => {
  const turnstile = new Turnstile()
  const ready = Promise.withResolvers<void>()
  const end = Promise.withResolvers<void>()
  const passed: string[] = []
  let isReady = false
  const wait = ready.promise.then(() => {
    isReady = true
  })
  const pass = (): Promise<void> => {
    passed.push('first')
    return end.promise
  }
  const first = turnstile.enter(() => (isReady ? { pass } : { wait }))
  const second = turnstile.enter(() => ({ pass: () => Promise.resolve(passed.push('second')) }))
  assert.deepEqual(passed, [])
  assert.equal(turnstile.isFree, false)
  ready.resolve()
  await second
  assert.deepEqual(passed, ['first', 'second'])
  assert.equal(turnstile.isFree, true)
  end.resolve()
  await first
})

test('who cannot pass holds up nobody', async () => {
  const turnstile = new Turnstile()
  const refused = turnstile.enter(() => ({ wait: Promise.reject(new Error('closed')) }))
  const thrown = turnstile.enter(() => {
    throw new Error('torn')
  })
  const next = turnstile.enter(() => ({ pass: () => Promise.resolve('through') }))
  await assert.rejects(refused, /closed/)
  await assert.rejects(thrown, /torn/)
  assert.equal(await next, 'through')
})
