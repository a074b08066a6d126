import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fifo } from '../../../src/util/fifo.ts'

test('gives back in the order in which it was given', () => {
  const fifo = new Fifo<number>()
  assert.equal(fifo.shift(), undefined)
  const out: (number | undefined)[] = []
  for (let i = 0; i < 10_000; i += 1) {
    fifo.push(i)
    if (i % 3 !== 0) out.push(fifo.shift())
  }
  assert.equal(fifo.size, 10_000 - out.length)
  while (fifo.size > 0) out.push(fifo.shift())
  assert.deepEqual(
    out,
    Array.from({ length: 10_000 }, (_, i) => i),
  )
  assert.equal(fifo.shift(), undefined)
})
